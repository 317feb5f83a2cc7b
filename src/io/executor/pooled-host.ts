/** One pooled process in the supervisor: starts it, hands it one execution at a time, kills it with all it started. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { extname, join } from 'node:path';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { ErrorCode } from '../../errors.ts';
import type { CallJob, JobHost } from './call-job.ts';
import type { JobTools } from './command-job.ts';
import { spawnCode, spawnMessage, treeOf } from './job.ts';
import { HOST_LINE_LENGTH_MAX, KILL_WAIT_MS } from './limits.ts';
import { LineReader, LineWriter } from './lines.ts';
import type { Line } from './lines.ts';
import { MARKER_VARIABLE } from './messages.ts';
import type { Progress } from '../../ports/executor.ts';
import { OutputPipe } from './output-pipe.ts';
import { progressOf } from './progress-file.ts';
import type { TreeQuery } from './process-table.ts';

const hostScript = fileURLToPath(new URL(`./host${extname(import.meta.url)}`, import.meta.url));

export interface HostEvents {
  /** Can take the next execution. */
  free(host: PooledHost): void;
  /** Its process has ended. */
  gone(host: PooledHost): void;
}

export class PooledHost implements JobHost {
  readonly bundle: string;
  /** `h` and a number: names its folder and its mark. */
  readonly name: string;
  readonly #tools: JobTools;
  readonly #events: HostEvents;
  readonly #folder: string;
  #writer: LineWriter | undefined;
  #channel: Socket | undefined;
  #pipe: OutputPipe | undefined;
  #tree: TreeQuery;
  #job: CallJob | undefined;
  #dying = false;
  #killed: Promise<boolean> | undefined;
  #exited = false;
  #whyKilled = '';
  executions = 0;
  idleSince = 0;
  /** When it had done its first execution; 0 before. */
  turnSince = 0;

  constructor(name: string, bundle: string, tools: JobTools, events: HostEvents) {
    this.name = name;
    this.bundle = bundle;
    this.#tools = tools;
    this.#events = events;
    this.#folder = join(tools.folder, name);
    this.#tree = treeOf(undefined, this.#mark);
  }

  get #mark(): string {
    return `${this.#tools.init.scope}/${this.#tools.init.boot}-${this.name}`;
  }

  get usable(): boolean {
    return !this.#dying && !this.#exited;
  }

  get busy(): boolean {
    return this.#job !== undefined;
  }

  /** @param bundleFile path of the bundle. Throws when the process cannot be started. */
  start(bundleFile: string): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    this.#pipe = new OutputPipe(this.#tools.pipes, (bytes) => this.#output(bytes), () => {});
    let child: ChildProcess | undefined;
    try {
      child = spawn(process.execPath, ['--enable-source-maps', hostScript, bundleFile], {
        cwd: this.#folder,
        env: { ...this.#tools.init.env, [MARKER_VARIABLE]: this.#mark },
        stdio: ['ignore', this.#pipe.target, this.#pipe.target, 'pipe'],
        detached: true,
        windowsHide: true,
      });
    } finally {
      this.#pipe.attach(child);
    }
    child.once('error', (error) => this.#onGone(spawnCode(error), `no process for it: ${spawnMessage(error)}`, null));
    child.once('exit', (code, signal) => this.#onExit(code, signal));
    if (child.pid !== undefined) this.#tree = treeOf(child.pid, this.#mark);
    // Without a descriptor left there is no process and no channel: `error` follows.
    const channel = (child.stdio as readonly unknown[] | undefined)?.[3];
    if (!(channel instanceof Socket)) return;
    this.#channel = channel;
    this.#writer = new LineWriter(channel);
    const reader = new LineReader(HOST_LINE_LENGTH_MAX, (line) => this.#onLine(line), () => this.#misbehaved('its process sent a message that is too large'));
    channel.setEncoding('utf8');
    channel.on('data', (text: string) => reader.push(text));
    channel.on('error', () => channel.destroy());
  }

  run(job: CallJob): void {
    this.#job = job;
    this.executions++;
    job.startOn(this);
    this.#writer?.send('call', job.id, job.headText, job.context);
  }

  abort(id: number, code: ErrorCode, message: string): void {
    this.#writer?.send('abort', id, JSON.stringify({ code, message }));
  }

  kill(): void {
    if (this.#dying || this.#exited) return;
    this.#dying = true;
    this.#killed = this.#tools.killer.kill(this.#tree);
    void this.#killed.then(() => {
      // `exit` follows for a process that died; one that survives SIGKILL is given up.
      setTimeout(() => this.#onGone('MODULE_SPAWN', 'its process does not end even on SIGKILL', null), KILL_WAIT_MS).unref();
    });
  }

  #onLine(line: Line): void {
    const job = this.#job;
    if (job === undefined || line.id !== job.id || this.#dying) return;
    if (line.kind === 'end') {
      // Output that was written before the result may still lie in the pipe: it is read in this turn of the loop.
      setImmediate(() => this.#onReturned(job, line));
    } else if (line.kind === 'output') {
      this.#output(outputOf(line.body));
    } else if (line.kind === 'progress') {
      this.#tools.onProgress(job.id, progressOfLine(line.head));
    } else if (line.kind === 'fatal') {
      job.returned(line.head, '{}');
      this.kill();
    }
  }

  /** What the disk does not take at once waits in pipe and channel, and the function waits when it prints more. */
  #output(bytes: Uint8Array): void {
    const log = this.#job?.log;
    if (log === undefined || log.append(bytes)) return;
    this.#pipe?.pause();
    this.#channel?.pause();
    log.whenDrained(() => {
      this.#pipe?.resume();
      this.#channel?.resume();
    });
  }

  #onReturned(job: CallJob, line: Line): void {
    if (this.#job !== job) return;
    this.#job = undefined;
    job.returned(line.head, line.body);
    if (this.usable) this.#events.free(this);
  }

  #misbehaved(why: string): void {
    this.#whyKilled = why;
    this.kill();
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    this.#killed ??= this.#tools.killer.kill(this.#tree);
    this.#dying = true;
    // What it started ends first, then it is said that it ended.
    void this.#killed.then(() => this.#afterExit(code, signal));
  }

  #afterExit(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#whyKilled !== '') this.#onGone('MODULE_OUTPUT', this.#whyKilled, null);
    else if (signal !== null) this.#onGone('MODULE_SIGNAL', `its process was ended by ${signal}`, null);
    else this.#onGone('MODULE_EXIT', `the function ended its process with exit code ${code ?? -1}`, code);
  }

  #onGone(code: ErrorCode, message: string, exitCode: number | null): void {
    if (this.#exited) return;
    this.#exited = true;
    const job = this.#job;
    // A last turn of the loop reads what it still wrote.
    setImmediate(() => {
      job?.lost(code, message, exitCode);
      this.#pipe?.close();
      rmSync(this.#folder, { recursive: true, force: true });
    });
    this.#job = undefined;
    this.#events.gone(this);
  }
}

/** A message of code that is not ours. */
function progressOfLine(json: string): Progress {
  try {
    const { fraction, message } = JSON.parse(json) as { fraction?: unknown; message?: unknown };
    return progressOf(fraction, message);
  } catch {
    return progressOf(null, '');
  }
}

/** A message of code that is not ours. */
function outputOf(json: string): Uint8Array {
  try {
    const text: unknown = JSON.parse(json);
    return Buffer.from(typeof text === 'string' ? text : '', 'base64');
  } catch {
    return Buffer.alloc(0);
  }
}
