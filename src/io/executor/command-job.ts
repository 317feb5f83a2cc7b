/**
 * One `run:` module in the supervisor.
 *
 *     running → (the command ends) → lingering → ended
 *     running → stopping (SIGTERM) → killing (SIGKILL, whole tree) → ended
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { performance } from 'node:perf_hooks';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { ErrorCode } from '../../errors.ts';
import { checkpointsOf, type Checkpoints, type CheckpointTools } from './checkpoints.ts';
import { KILL_WAIT_MS, LINGER_MS, TIMER_MS_MAX } from './limits.ts';
import { changedMessage, endWithLog, failureOfTaking, spawnCode, spawnMessage, stopMessage, treeOf } from './job.ts';
import type { Job, JobEnd } from './job.ts';
import { MARKER_VARIABLE } from './messages.ts';
import type { CancelMode, EndHead, InitHead, RunHead, TakenFile } from './messages.ts';
import { placeInputs, type Placement } from './place-inputs.ts';
import { takeOutputs } from './take-outputs.ts';
import { OutputLog, type LiveLog } from './output-log.ts';
import { OutputPipe } from './output-pipe.ts';
import type { PipeStock } from './output-pipe.ts';
import { readOutput } from './output-file.ts';
import { ProgressFile } from './progress-file.ts';
import type { Progress } from '../../ports/executor.ts';
import { killQuietly } from './process-killer.ts';
import type { ProcessKiller } from './process-killer.ts';
import { groupLives, presentProcesses } from './process-table.ts';
import type { TreeQuery } from './process-table.ts';
import { shellArguments } from './shell.ts';
import type { Shell } from './shell.ts';
import { commandFolder, makeWorkFolder, removeWorkFolder } from './work-folder.ts';
import type { WorkFolder } from './work-folder.ts';

/** When it is first looked whether a group that got SIGTERM is empty; then half as often each time. */
const GROUP_POLL_MS = 20;
const GROUP_POLL_MAX_MS = 250;

export interface JobTools extends CheckpointTools {
  readonly init: InitHead;
  readonly shell: Shell | undefined;
  readonly pipes: PipeStock;
  readonly killer: ProcessKiller;
  readonly onEnd: JobEnd;
  /** What it prints lies in a file now, or less of it does. */
  readonly onLive: (id: number, live: LiveLog) => void;
  readonly onProgress: (id: number, progress: Progress) => void;
}

export class CommandJob implements Job {
  readonly id: number;
  readonly exclusive: boolean;
  readonly #tools: JobTools;
  readonly #head: RunHead;
  readonly #log: OutputLog;
  readonly #startedAt = performance.now();
  #tree: TreeQuery;
  #folder: WorkFolder | undefined;
  #placement: Placement | undefined;
  #checkpoints: Checkpoints | undefined;
  #child: ChildProcess | undefined;
  #progress: ProgressFile | undefined;
  #pipe: OutputPipe | undefined;
  #exit: { code: number | null; signal: NodeJS.Signals | null } | undefined;
  #outputEnded = false;
  #stopCode: ErrorCode | '' = '';
  #killing = false;
  #killed = false;
  #ended = false;
  #timers: NodeJS.Timeout[] = [];
  readonly #over = new AbortController();

  constructor(id: number, head: RunHead, tools: JobTools) {
    this.id = id;
    this.exclusive = head.exclusive;
    this.#head = head;
    this.#tools = tools;
    this.#tree = treeOf(undefined, this.#mark);
    this.#log = new OutputLog(join(tools.folder, `l${id}`), (live) => tools.onLive(id, live));
  }

  get #mark(): string {
    return `${this.#tools.init.scope}/${this.#tools.init.boot}-${this.id}`;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** @param params JSON text. */
  start(params: string): void {
    try {
      this.#folder = makeWorkFolder(commandFolder(this.#tools.folder, this.id), params);
      if (this.#head.inputs.length > 0 || this.#head.checkpoint !== undefined) void this.#place(this.#folder);
      else this.#spawn(this.#folder, {});
    } catch (error) {
      this.#failed(error);
    }
    if (this.#head.timeoutMs > 0) this.#after(this.#head.timeoutMs, () => this.cancel('grace', 'MODULE_TIMEOUT'));
  }

  #failed(error: unknown): void {
    this.#pipe?.attach(undefined);
    this.#end(spawnCode(error), spawnMessage(error));
  }

  async #place(folder: WorkFolder): Promise<void> {
    try {
      this.#placement = await placeInputs(folder.inputs, this.#head.inputs, this.#over.signal);
      this.#checkpoints = checkpointsOf(this.#head.checkpoint, this.id, folder.work, this.#tools);
      await this.#checkpoints?.start(this.#over.signal);
      if (!this.#ended) return this.#spawn(folder, { ...this.#placement.variables, ...(this.#checkpoints === undefined ? {} : { SKEIN_CHECKPOINT_DIR: this.#checkpoints.folder }) });
    } catch (error) {
      this.#failed(error);
    }
    // What was put there after the end, by operations that were under way.
    removeWorkFolder(folder.path);
  }

  /** @param inputs variables that tell where the inputs are. */
  #spawn(folder: WorkFolder, inputs: Readonly<Record<string, string>>): void {
    const { shell, init, pipes } = this.#tools;
    if (shell === undefined) throw new Error('neither bash nor sh was found on PATH');
    this.#pipe = new OutputPipe(pipes, (bytes) => this.#output(bytes), () => {
      this.#outputEnded = true;
      this.#maybeFinish();
    });
    const child = spawn(shell.path, shellArguments(shell, this.#head.command, folder.path), {
      cwd: folder.work,
      env: { ...init.env, ...this.#head.env, ...inputs, ...folder.env, [MARKER_VARIABLE]: this.#mark },
      stdio: ['ignore', this.#pipe.target, this.#pipe.target],
      // Own session and process group: signals reach all of it, and none of ours reach it.
      detached: true,
      windowsHide: true,
    });
    this.#child = child;
    this.#progress = new ProgressFile(folder.env['SKEIN_PROGRESS'] ?? '');
    child.once('error', (error) => {
      if (child.pid === undefined) this.#end(spawnCode(error), spawnMessage(error));
    });
    child.once('exit', (code, signal) => this.#onExit(code, signal));
    this.#pipe.attach(child);
    if (child.pid !== undefined) this.#tree = treeOf(child.pid, this.#mark);
  }

  /** Looks whether it has said how far it is. */
  async readProgress(): Promise<void> {
    const progress = await this.#progress?.read();
    if (progress !== undefined && !this.#ended) this.#tools.onProgress(this.id, progress);
  }

  /** What the disk does not take at once stays in the pipe, and the command waits. */
  #output(bytes: Uint8Array): void {
    if (this.#log.append(bytes)) return;
    this.#pipe?.pause();
    this.#log.whenDrained(() => this.#pipe?.resume());
  }

  cancel(mode: CancelMode, code: ErrorCode): void {
    if (this.#ended) return;
    const first = this.#stopCode === '';
    if (first && this.#exit !== undefined) return;
    if (first) this.#stopCode = code;
    if (this.#child === undefined) {
      this.#end(code, stopMessage(code, this.#head.timeoutMs));
      return;
    }
    if (mode === 'now') {
      this.#kill();
    } else if (first && this.pid !== undefined) {
      // Descendants are noted while their parents live: afterwards nothing may tie them to this module.
      presentProcesses().findTree(this.#tree);
      killQuietly(-this.pid, 'SIGTERM');
      this.#after(this.#tools.init.graceMs, () => this.#kill());
    }
  }

  #kill(): void {
    if (this.#killing || this.#ended) return;
    this.#killing = true;
    void this.#tools.killer.kill(this.#tree).then(() => {
      this.#killed = true;
      this.#maybeFinish();
      if (this.#exit === undefined) this.#after(KILL_WAIT_MS, () => this.#giveUp());
    });
  }

  #giveUp(): void {
    if (this.#stopCode === '') return;
    this.#end(this.#stopCode, `${stopMessage(this.#stopCode, this.#head.timeoutMs)}; its process does not end even on SIGKILL`);
  }

  #onExit(code: number | null, signal: NodeJS.Signals | null): void {
    this.#exit = { code, signal };
    if (this.#stopCode !== '') this.#whenGroupEmpty();
    this.#maybeFinish();
  }

  /** The shell dies of SIGTERM at once; what it started has the rest of the grace time. */
  #whenGroupEmpty(pollMs = GROUP_POLL_MS): void {
    if (this.#killing || this.#ended) return;
    if (this.pid !== undefined && groupLives(this.pid)) this.#after(pollMs, () => this.#whenGroupEmpty(Math.min(2 * pollMs, GROUP_POLL_MAX_MS)));
    else this.#kill();
  }

  #maybeFinish(): void {
    if (this.#exit === undefined || (this.#stopCode !== '' && !this.#killed)) return;
    if (this.#outputEnded) this.#finish();
    else this.#after(LINGER_MS, () => (this.#log.full ? this.#maybeFinish() : this.#finish()));
  }

  #finish(): void {
    if (this.#ended) return;
    // The module is what its command is: what it left in the background ends with it.
    if (this.pid !== undefined && !this.#killing) killQuietly(-this.pid);
    const exit = this.#exit;
    if (this.#stopCode !== '') this.#end(this.#stopCode, stopMessage(this.#stopCode, this.#head.timeoutMs));
    else if (exit?.signal) this.#end('MODULE_SIGNAL', `ended by ${exit.signal}`);
    else if (exit?.code !== 0) this.#end('MODULE_EXIT', exitMessage(exit?.code ?? -1));
    else this.#succeed();
  }

  #succeed(): void {
    const changed = this.#placement?.changed() ?? '';
    if (changed !== '') return this.#end('MODULE_INPUT', changedMessage(basename(changed)));
    const read = readOutput(this.#folder?.output ?? '');
    if (!read.ok) this.#end('MODULE_OUTPUT', read.message);
    else if (this.#head.outputs.length === 0) this.#end('', '', JSON.stringify(read.values));
    else void this.#take(JSON.stringify(read.values));
  }

  /** Of what it left, before its folder goes. */
  async #take(values: string): Promise<void> {
    const taken = join(this.#tools.folder, `t${this.id}`);
    try {
      const files = await takeOutputs(this.#folder?.work ?? '', this.#head.outputs, taken);
      this.#end('', '', values, files);
    } catch (error) {
      await rm(taken, { recursive: true, force: true }).catch(() => undefined);
      const { code, message } = failureOfTaking(error);
      this.#end(code, message);
    }
  }

  #end(code: ErrorCode | '', message: string, values = '{}', files?: readonly TakenFile[]): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#over.abort();
    this.#checkpoints?.stop();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#pipe?.close();
    const durationMs = performance.now() - this.#startedAt;
    const head: EndHead = { code, message, exitCode: this.#exit?.code ?? null, durationMs, tail: this.#log.tail.text() };
    endWithLog(this.id, this.#log, JSON.stringify(head), values, this.#tools.onEnd, files);
    if (this.#folder !== undefined) removeWorkFolder(this.#folder.path);
  }

  #after(delayMs: number, callback: () => void): void {
    this.#timers.push(setTimeout(callback, Math.min(delayMs, TIMER_MS_MAX)));
  }
}

/** Shells report how their last command ended in numbers; this says them in words. */
export function exitMessage(code: number): string {
  if (code === 126) return 'exit code 126: the command was found but cannot be executed';
  if (code === 127) return 'exit code 127: command not found';
  const name = Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0];
  return name === undefined ? `exit code ${code}` : `exit code ${code}: a command was ended by ${name}`;
}
