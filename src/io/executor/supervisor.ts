/**
 * The supervisor process (`node supervisor.js`): starts every process of a node's modules, and outlives the node by the
 * moment that it takes to kill them all. It holds one socket to the node (descriptor 3).
 *
 * - The socket ends (the node was killed, crashed, left): SIGKILL for all trees, then it ends itself.
 * - The fence deadline passes without a new one (the node hangs, is stopped, lost contact): SIGKILL for the trees of
 *   exclusive modules.
 * - It has its own session, so signals from a terminal do not reach it, and it ignores the polite ones.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Socket } from 'node:net';
import type { ErrorCode } from '../../errors.ts';
import type { Progress } from '../../ports/executor.ts';
import { CallJob } from './call-job.ts';
import { CommandJob } from './command-job.ts';
import type { JobTools } from './command-job.ts';
import { HeardFiles } from './heard-files.ts';
import { HostPool } from './host-pool.ts';
import type { Job, JobEnd } from './job.ts';
import { FILES_PER_LINE, LINE_LENGTH_MAX, PROGRESS_READ_MS, TIMER_MS_MAX } from './limits.ts';
import { LineReader, LineWriter } from './lines.ts';
import type { Line } from './lines.ts';
import { systemMonotonicMs } from './messages.ts';
import type { BundleHead, CallHead, CancelHead, DeadlineHead, FilesHead, InitHead, NoteHead, RunHead, TakenHead } from './messages.ts';
import type { LiveLog } from './output-log.ts';
import { PipeStock } from './output-pipe.ts';
import { ProcessKiller } from './process-killer.ts';
import { ProcessTable } from './process-table.ts';
import { findShell } from './shell.ts';
import { supervisorFolder } from './work-folder.ts';

/** Daemons of modules that have ended are looked for so soon after the end, and never for more than 5 % of the time. */
const SWEEP_MS = 500;
const SWEEP_SHARE = 20;

class Supervisor {
  readonly #init: InitHead;
  readonly #writer: LineWriter;
  readonly #jobs = new Map<number, Job>();
  readonly #killer = new ProcessKiller();
  readonly #tools: JobTools;
  readonly #pool: HostPool;
  /** Of executions whose message has not come yet. */
  readonly #files = new HeardFiles();
  #deadline = Number.POSITIVE_INFINITY;
  #deadlineTimer: NodeJS.Timeout | undefined;
  #sweeping = false;
  #sweepWaitMs = SWEEP_MS;
  #ending = false;

  constructor(init: InitHead, writer: LineWriter) {
    this.#init = init;
    this.#writer = writer;
    const folder = supervisorFolder(init.workDir, init.boot);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const shell = findShell(init.env['PATH'] ?? '');
    const onEnd: JobEnd = (...end) => this.#onEnd(...end);
    const onProgress = (id: number, progress: Progress): void => writer.send('progress', id, JSON.stringify(progress));
    const onLive = (id: number, live: LiveLog): void => writer.send('log', id, JSON.stringify(live));
    const onCheckpoint: JobTools['onCheckpoint'] = (id, taken) => writer.send('checkpoint', id, JSON.stringify(taken));
    this.#tools = { init, folder, shell, pipes: new PipeStock(folder), killer: this.#killer, onEnd, onLive, onProgress, onCheckpoint };
    setInterval(() => this.#readProgress(), PROGRESS_READ_MS).unref();
    this.#pool = new HostPool(this.#tools);
  }

  /** Removes the files of earlier supervisors of this data directory. The node has killed their processes. */
  clearPast(): void {
    for (const name of readdirSync(this.#init.workDir)) {
      if (/^s-[0-9a-f]+$/.test(name) && name !== `s-${this.#init.boot}`) rm(join(this.#init.workDir, name), { recursive: true, force: true }).catch(() => {});
    }
  }

  onLine(line: Line): void {
    if (this.#ending) return;
    switch (line.kind) {
      case 'files':
        this.#files.add(line.id, JSON.parse(line.head) as FilesHead);
        return;
      case 'run':
        this.#run(line);
        return;
      case 'call':
        this.#call(line);
        return;
      case 'bundle':
        this.#bundle(JSON.parse(line.head) as BundleHead, line.body);
        return;
      case 'drop':
        this.#pool.bundles.drop((JSON.parse(line.head) as BundleHead).hash);
        return;
      case 'cancel': {
        const { mode, code } = JSON.parse(line.head) as CancelHead;
        this.#jobs.get(line.id)?.cancel(mode, code);
        return;
      }
      case 'deadline':
        this.#setDeadline(JSON.parse(line.head) as DeadlineHead);
        return;
      case 'stop':
        void this.end(true);
        return;
      default:
        this.#note({ level: 'error', event: 'supervisor-message-unknown', message: `the supervisor does not know the message "${line.kind}"` });
    }
  }

  /** Kills everything and ends this process. @param tidy removes its files too; else the next start does. */
  async end(tidy: boolean): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    this.#pool.stop();
    const own = `${this.#init.scope}/${this.#init.boot}-`;
    const groups = new Set<number>();
    for (const job of this.#jobs.values()) if (job instanceof CommandJob && job.pid !== undefined) groups.add(job.pid);
    await this.#killer.kill({ groups, owns: (mark) => mark.startsWith(own), known: new Map() });
    try {
      if (tidy) rmSync(this.#tools.folder, { recursive: true, force: true });
    } finally {
      process.exit(0);
    }
  }

  #run(line: Line): void {
    const job = new CommandJob(line.id, this.#files.fill(line.id, JSON.parse(line.head) as RunHead), this.#tools);
    this.#jobs.set(job.id, job);
    if (this.#fenced(job)) return;
    job.start(line.body);
  }

  #call(line: Line): void {
    const job = new CallJob(line.id, this.#files.fill(line.id, JSON.parse(line.head) as CallHead), line.head, line.body, this.#tools);
    this.#jobs.set(job.id, job);
    if (this.#fenced(job)) return;
    job.prepare(() => this.#pool.call(job));
  }

  #bundle({ hash, file }: BundleHead, body: string): void {
    const failed = (error: unknown): void => this.#note({ level: 'error', event: 'bundle-not-written', message: `a bundle could not be written: ${String(error)}` });
    if (file !== undefined) return void this.#pool.bundles.copy(hash, file).catch(failed);
    try {
      this.#pool.bundles.write(hash, JSON.parse(body) as string);
    } catch (error) {
      failed(error);
    }
  }

  /** An exclusive module is not even started after the deadline. */
  #fenced(job: Job): boolean {
    if (!job.exclusive || performance.now() < this.#deadline) return false;
    job.cancel('now', 'MODULE_FENCED');
    return true;
  }

  #onEnd(...[id, head, values, log, problem, taken]: Parameters<JobEnd>): void {
    const job = this.#jobs.get(id);
    // What dies because all is ended has no outcome of its own.
    if (this.#ending || job === undefined || !this.#jobs.delete(id)) return;
    if (job instanceof CallJob) this.#pool.forget(job);
    else this.#sweepSoon();
    if (problem !== '') this.#note({ level: 'warn', event: 'log-not-kept', message: `the output of a module could not be written to the disk, only its end is kept: ${problem}` });
    if (log !== undefined) this.#writer.send('kept', id, JSON.stringify(log));
    for (let at = 0; at < taken.length; at += FILES_PER_LINE) this.#writer.send('taken', id, JSON.stringify({ files: taken.slice(at, at + FILES_PER_LINE) } satisfies TakenHead));
    this.#writer.send('end', id, head, values);
  }

  #readProgress(): void {
    for (const job of this.#jobs.values()) if (job instanceof CommandJob) void job.readProgress();
  }

  #setDeadline(head: DeadlineHead): void {
    const lainMs = Math.max(0, systemMonotonicMs() - head.sentAtMs);
    this.#deadline = performance.now() + head.remainingMs - lainMs;
    clearTimeout(this.#deadlineTimer);
    const waitMs = Math.min(Math.max(0, this.#deadline - performance.now()), TIMER_MS_MAX);
    this.#deadlineTimer = setTimeout(() => this.#onDeadline(), waitMs);
  }

  #onDeadline(): void {
    if (performance.now() < this.#deadline) {
      this.#deadlineTimer = setTimeout(() => this.#onDeadline(), Math.min(this.#deadline - performance.now() + 1, TIMER_MS_MAX));
      return;
    }
    const code: ErrorCode = 'MODULE_FENCED';
    for (const job of this.#jobs.values()) if (job.exclusive) job.cancel('now', code);
  }

  #sweepSoon(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    setTimeout(() => this.#sweep(), this.#sweepWaitMs);
  }

  /** Daemons that left group and session of a module that has ended. */
  #sweep(): void {
    this.#sweeping = false;
    const startedAt = performance.now();
    const own = `${this.#init.scope}/${this.#init.boot}-`;
    const owns = (mark: string): boolean => mark.startsWith(own) && !mark.startsWith(`${own}h`) && !this.#jobs.has(Number(mark.slice(own.length)));
    const query = { groups: new Set<number>(), owns, known: new Map<number, string>() };
    if (new ProcessTable().findTree(query).length > 0) void this.#killer.kill(query);
    this.#sweepWaitMs = Math.max(SWEEP_MS, (performance.now() - startedAt) * SWEEP_SHARE);
  }

  #note(note: NoteHead): void {
    this.#writer.send('note', 0, JSON.stringify(note));
  }
}

function main(): void {
  const channel = new Socket({ fd: 3 });
  const writer = new LineWriter(channel);
  let supervisor: Supervisor | undefined;
  const end = (): void => {
    if (supervisor === undefined) process.exit(0);
    void supervisor.end(false);
  };
  const onLine = (line: Line): void => {
    if (line.kind !== 'init') {
      supervisor?.onLine(line);
      return;
    }
    supervisor = new Supervisor(JSON.parse(line.head) as InitHead, writer);
    supervisor.clearPast();
    writer.send('ready', 0);
  };
  process.on('uncaughtException', (error) => {
    process.stderr.write(`${error.stack ?? String(error)}\n`);
    end();
  });
  process.stderr.on('error', () => {});
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  const reader = new LineReader(LINE_LENGTH_MAX, onLine, end);
  channel.setEncoding('utf8');
  channel.on('data', (text: string) => reader.push(text));
  channel.on('end', end);
  channel.on('close', end);
  channel.on('error', end);
}

main();
