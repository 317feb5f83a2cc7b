/** The node's side of the supervisor: starts it when it is needed, writes to it, and says when it is gone. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { Socket } from 'node:net';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Note } from '../../ports/observer.ts';
import { LINE_LENGTH_MAX } from './limits.ts';
import { LineReader, LineWriter } from './lines.ts';
import type { Line } from './lines.ts';
import type { InitHead, NoteHead } from './messages.ts';
import { baseEnvironment, supervisorEnvironment } from './environment.ts';
import { clearTaken } from './files.ts';
import { ProcessKiller } from './process-killer.ts';
import { clipText } from './tail.ts';
import { supervisorFolder } from './work-folder.ts';

const supervisorScript = fileURLToPath(new URL(`./supervisor${extname(import.meta.url)}`, import.meta.url));
/** After so many supervisors in a row that did not get ready, the next one is tried only after a while. */
const FAILURES_MAX = 3;
const RETRY_MS = 2_000;
const STDERR_BYTES_MAX = 2_000;
/** From asking it to end to killing it. */
const STOP_MS = 5_000;

export interface SupervisorLinkInit {
  readonly workDir: string;
  readonly pooledMax: number;
  readonly graceMs: number;
  readonly now: () => number;
  readonly onLine: (line: Line) => void;
  /** Called once for each supervisor that ended unasked, after its modules were killed. */
  readonly onLost: (why: string) => void;
  readonly notify: (note: Note) => void;
}

type State = 'idle' | 'running' | 'clearing' | 'stopping' | 'stopped';

export class SupervisorLink {
  readonly #init: SupervisorLinkInit;
  readonly #killer = new ProcessKiller();
  #state: State = 'idle';
  #child: ChildProcess | undefined;
  #channel: Socket | undefined;
  #writer: LineWriter | undefined;
  #workDir = '';
  #scope = '';
  #boot = '';
  #stderr = '';
  #failures = 0;
  #failedAt = Number.NEGATIVE_INFINITY;
  #held = false;
  #onStopped: (() => void)[] = [];
  /** Why it cannot be started at the moment. */
  problem = '';

  constructor(init: SupervisorLinkInit) {
    this.#init = init;
  }

  get pid(): number | undefined {
    return this.#state === 'running' ? this.#child?.pid : undefined;
  }

  /** One has ended and its modules are being killed: `onLost` is called in a moment, then `ensure` may be. */
  get clearing(): boolean {
    return this.#state === 'clearing';
  }

  /** Where the supervisor that runs keeps the folders of its commands. */
  get folder(): string {
    return supervisorFolder(this.#workDir, this.#boot);
  }

  /** Kills what an earlier process on this work folder left running. Before the first `ensure`. */
  async clearPast(): Promise<void> {
    const { workDir, notify } = this.#init;
    if (!existsSync(workDir)) return;
    const scope = scopeOf(realpathSync(workDir));
    const query = { groups: new Set<number>(), owns: (mark: string) => mark.startsWith(`${scope}/`), known: new Map<number, string>() };
    const clean = await this.#killer.kill(query);
    if (query.known.size > 0) notify({ level: 'warn', event: 'orphans-killed', message: `killed ${query.known.size} processes that an earlier start of this node left` });
    clearTaken(workDir);
    if (!clean) notify({ level: 'error', event: 'orphans-alive', message: 'processes that an earlier start of this node left could not be killed' });
  }

  /** Starts the supervisor if there is none. @returns false when there can be none now; `problem` says why. */
  ensure(): boolean {
    if (this.#state === 'running') return true;
    if (this.#state !== 'idle') {
      this.problem = 'the executor has stopped';
      return false;
    }
    if (this.#failures >= FAILURES_MAX && this.#init.now() - this.#failedAt < RETRY_MS) return false;
    try {
      this.#start();
      return true;
    } catch (error) {
      this.#failed();
      this.problem = `the supervisor could not be started: ${error instanceof Error ? error.message : String(error)}`;
      return false;
    }
  }

  send(kind: string, id: number, head?: string, body?: string): void {
    this.#writer?.send(kind, id, head, body);
  }

  /** Whether the process must stay alive for the supervisor's sake. */
  hold(held: boolean): void {
    if (held === this.#held) return;
    this.#held = held;
    this.#applyHold();
  }

  /** Kills all modules and ends the supervisor. Idempotent. */
  stop(done: () => void): void {
    if (this.#state === 'stopped') {
      done();
      return;
    }
    this.#onStopped.push(done);
    if (this.#state === 'idle') this.#stopped();
    if (this.#state !== 'running') return;
    this.#state = 'stopping';
    this.hold(true);
    this.#writer?.send('stop', 0);
    setTimeout(() => this.#child?.kill('SIGKILL'), STOP_MS).unref();
  }

  #start(): void {
    mkdirSync(this.#init.workDir, { recursive: true, mode: 0o700 });
    const workDir = realpathSync(this.#init.workDir);
    this.#workDir = workDir;
    this.#scope = scopeOf(workDir);
    this.#boot = randomBytes(4).toString('hex');
    this.#stderr = '';
    const child = spawn(process.execPath, [supervisorScript], {
      cwd: workDir,
      env: supervisorEnvironment(process.env),
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
      detached: true,
      windowsHide: true,
    });
    const channel = (child.stdio as readonly unknown[] | undefined)?.[3];
    child.once('error', (error) => this.#ended(child, error.message));
    if (!(channel instanceof Socket)) throw new Error('no file descriptor is left for it');
    child.once('exit', (code, signal) => this.#ended(child, signal === null ? `exit code ${code ?? -1}` : signal));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = clipText(this.#stderr + text, STDERR_BYTES_MAX);
    });
    const reader = new LineReader(LINE_LENGTH_MAX, (line) => this.#onLine(line), () => child.kill('SIGKILL'));
    channel.setEncoding('utf8');
    channel.on('data', (text: string) => reader.push(text));
    channel.on('error', () => channel.destroy());
    this.#child = child;
    this.#channel = channel;
    this.#writer = new LineWriter(channel);
    this.#state = 'running';
    this.#applyHold();
    const head: InitHead = { scope: this.#scope, boot: this.#boot, workDir, env: baseEnvironment(process.env), pooledMax: this.#init.pooledMax, graceMs: this.#init.graceMs };
    this.#writer.send('init', 0, JSON.stringify(head));
  }

  #onLine(line: Line): void {
    if (line.kind === 'ready') this.#failures = 0;
    if (line.kind === 'note') this.#init.notify(JSON.parse(line.head) as NoteHead);
    else this.#init.onLine(line);
  }

  #applyHold(): void {
    const [child, channel] = [this.#child, this.#channel];
    const stderr = child?.stderr as Socket | null | undefined;
    if (this.#held) {
      child?.ref();
      channel?.ref();
    } else {
      child?.unref();
      channel?.unref();
    }
    stderr?.unref?.();
  }

  #ended(child: ChildProcess, how: string): void {
    if (child !== this.#child) return;
    this.#child = undefined;
    this.#channel?.destroy();
    if (this.#state === 'stopping') {
      this.#stopped();
      return;
    }
    const why = `the supervisor ended (${how})${this.#stderr === '' ? '' : `: ${this.#stderr.trim()}`}`;
    this.problem = why;
    this.#failed();
    this.#init.notify({ level: 'error', event: 'supervisor-ended', message: why });
    this.#state = 'clearing';
    const own = `${this.#scope}/${this.#boot}-`;
    void this.#killer.kill({ groups: new Set(), owns: (mark) => mark.startsWith(own), known: new Map() }).then(() => {
      this.#state = 'idle';
      if (this.#onStopped.length > 0) this.#stopped();
      else this.#init.onLost(why);
    });
  }

  #failed(): void {
    this.#failures++;
    this.#failedAt = this.#init.now();
  }

  #stopped(): void {
    this.#state = 'stopped';
    const waiting = this.#onStopped;
    this.#onStopped = [];
    for (const done of waiting) done();
  }
}

/** Marks the processes of one work folder. */
function scopeOf(workDir: string): string {
  return createHash('sha256').update(workDir).digest('hex').slice(0, 16);
}
