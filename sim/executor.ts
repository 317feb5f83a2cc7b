/**
 * The Executor port of one process. The modules live in processes of their own: they go on while the node is paused,
 * and the supervisor kills them when the node dies or misses the fence deadline that it last wrote.
 */
import { isExclusive } from '../src/core/cell/policy.ts';
import { modulePolicy } from '../src/core/cell/policy.ts';
import type { Json, Outcome } from '../src/core/cell/types.ts';
import type { Cid, Fence, NodeId } from '../src/core/lib/ids.ts';
import type { Timer } from '../src/ports/clock.ts';
import type { Execution, Executor, LogPiece } from '../src/ports/executor.ts';
import { behaviourOf, listOutput, outputOf } from './behaviour.ts';
import { behaviourText } from './bundles.ts';
import type { BlobShelf } from './blob-store.ts';
import { lackingOf, leaveFiles } from './files.ts';
import type { Kernel, Process } from './kernel.ts';
import type { ExecutionEnd, ExecutionRecord, Ledger } from './ledger.ts';
import type { Prng } from './prng.ts';

/** From SIGTERM to the end of a well-behaved module. */
const STOP_MEAN_MS = 20;
/** From SIGTERM to SIGKILL. */
const GRACE_MS = 2000;
/** Between two lines that a module prints. */
const PRINT_MS = 100;
/** Kept of it when it is stopped. */
const TAIL_BYTES = 1024;
/** From the death of the node to the last of its modules (PROTOCOL §4 allows 1 s). */
const ORPHAN_MS = 100;

interface Running {
  readonly execution: Execution;
  readonly record: ExecutionRecord;
  readonly done: (outcome: Outcome) => void;
  timer: Timer | undefined;
  /** The supervisor's, on the module's own timeout. */
  timeout: Timer | undefined;
  /** Why it was told to stop, '' while it was not. */
  stopping: string;
}

export class SimExecutor implements Executor {
  readonly #kernel: Kernel;
  readonly #process: Process;
  readonly #modules: Process;
  readonly #node: NodeId;
  readonly #ledger: Ledger;
  readonly #random: Prng;
  readonly #shelf: BlobShelf;
  readonly #added: (cid: Cid, size: number) => void;
  readonly #running = new Map<Fence, Running>();
  #deadline: Timer | undefined;

  /** @param modules what the machine runs beside the node: not paused with it, but asleep when the machine sleeps. @param added tells the node what lies on the shelf now. */
  constructor(kernel: Kernel, process: Process, modules: Process, node: NodeId, ledger: Ledger, random: Prng, shelf: BlobShelf, added: (cid: Cid, size: number) => void) {
    this.#kernel = kernel;
    this.#process = process;
    this.#modules = modules;
    this.#node = node;
    this.#ledger = ledger;
    this.#random = random;
    this.#shelf = shelf;
    this.#added = added;
  }

  start(execution: Execution, done: (outcome: Outcome) => void): void {
    const { spec, runId, module, fence, generation, attempt } = execution;
    if (this.#running.has(fence)) throw new Error(`fence ${fence} is executed already`);
    const startedAt = this.#kernel.now;
    const record = this.#ledger.open({ node: this.#node, runId, module, name: spec.name, fence, generation, attempt, effectful: spec.effectful, limits: modulePolicy(spec).limits, startedAt });
    const running: Running = { execution, record, done, timer: undefined, timeout: undefined, stopping: '' };
    this.#running.set(fence, running);
    if (spec.action.type === 'registered') throw new Error(`the simulator cannot execute ${spec.action.type}`);
    if (spec.timeoutMs > 0) running.timeout = this.#modules.setTimer(spec.timeoutMs, () => this.cancel(fence, 'grace', 'MODULE_TIMEOUT'));
    const lacking = lackingOf(this.#shelf, execution);
    if (lacking !== undefined) {
      // Unless a fault took it since it was fetched.
      if (!this.#shelf.taken.has(lacking.cid)) this.#ledger.onLacking?.(record, lacking);
      running.timer = this.#modules.setTimer(0, () => {
        if (this.#end(running, 'stopped', false)) this.#tell(running, { ok: false, values: {}, error: { code: 'INPUT_MISSING', message: `${lacking.what}: ${lacking.cid} is not on the disk any more` }, exitCode: null });
      });
      return;
    }
    const { kind, durationMs } = behaviourOf(behaviourText(spec));
    if (kind === 'hang') return;
    const ok = kind === 'ok' || kind === 'late' || (kind === 'flaky' && attempt > 1);
    running.timer = this.#modules.setTimer(durationMs * this.#random.between(0.8, 1.2), () => this.#finish(running, ok));
  }

  cancel(fence: Fence, mode: 'grace' | 'now', code: string): void {
    const running = this.#running.get(fence);
    if (running === undefined) return;
    if (mode === 'now') {
      running.stopping = code;
      running.timer?.cancel();
      running.timer = this.#modules.setTimer(0, () => this.#stopped(running));
      return;
    }
    if (running.stopping !== '') return;
    running.stopping = code;
    const late = commandKind(running.execution) === 'late';
    const delayMs = late ? GRACE_MS : this.#random.exponential(STOP_MEAN_MS);
    // A module that ignores SIGTERM may still finish by itself before the SIGKILL.
    const natural = running.timer;
    running.timer = this.#modules.setTimer(Math.min(delayMs, GRACE_MS), () => {
      natural?.cancel();
      this.#stopped(running);
    });
    if (!late) natural?.cancel();
  }

  setFenceDeadline(monotonicMs: number): void {
    this.#deadline?.cancel();
    this.#deadline = this.#modules.setTimer(monotonicMs - this.#process.now(), () => {
      for (const running of this.#running.values()) {
        if (!isExclusive(running.execution.spec)) continue;
        running.stopping = 'MODULE_FENCED';
        this.#stopped(running);
      }
    });
  }

  running(): Fence[] {
    return [...this.#running.keys()];
  }

  progress(): undefined {
    return undefined;
  }

  readLog(fence: Fence, offset: number, length: number, done: (piece: LogPiece | undefined) => void): void {
    const running = this.#running.get(fence);
    const printed = Buffer.from(running === undefined ? '' : this.#printed(running));
    this.#kernel.after(0, this.#process, () => done(running === undefined ? undefined : { offset, bytes: printed.subarray(offset, offset + length) }));
  }

  /** A line for each PRINT_MS that it has run. */
  #printed({ execution: { fence }, record }: Running): string {
    const lines = Math.floor((this.#kernel.now - record.startedAt) / PRINT_MS);
    return Array.from({ length: lines }, (_, i) => `${fence} line ${i}\n`).join('');
  }

  stop(done: () => void): void {
    this.#deadline?.cancel();
    for (const running of this.#running.values()) {
      running.stopping = 'NODE_STOPPING';
      this.#stopped(running);
    }
    this.#kernel.after(0, this.#process, done);
  }

  /** The node died. `power`: its modules with it at once; otherwise the supervisor sees the pipe close. */
  nodeDied(how: 'process' | 'power'): void {
    this.#deadline?.cancel();
    for (const running of this.#running.values()) {
      running.timer?.cancel();
      running.timeout?.cancel();
      const kill = (): void => void this.#end(running, 'killed', false);
      if (how === 'power') kill();
      else this.#kernel.after(this.#random.between(0, ORPHAN_MS), undefined, kill);
    }
  }

  /** The next start of the node: its supervisor kills what an earlier one left before the node takes any work. */
  killOrphans(): void {
    for (const running of this.#running.values()) this.#end(running, 'killed', false);
  }

  #finish(running: Running, ok: boolean): void {
    const { spec, needs, item } = running.execution;
    if (!this.#end(running, 'finished', ok)) return;
    const sum = outputOf(spec.name, needs, item === undefined ? undefined : (item.file?.cid ?? item.value));
    const values = { sum, ...listOutput(spec.env, sum) };
    const files = ok ? leaveFiles(this.#shelf, spec, sum, this.#process.wall(), this.#added) : {};
    // What a node cannot keep is handed back, and done by another one.
    if (files === undefined) return this.#tell(running, { ok: false, values: {}, error: { code: 'NODE_EXHAUSTED', message: 'no space left on device' }, exitCode: null });
    const error = ok ? null : { code: 'MODULE_EXIT', message: 'exit code 1' };
    this.#tell(running, { ok, values: ok ? values : {}, error, exitCode: ok ? 0 : 1, ...(Object.keys(files).length > 0 ? { files } : {}) });
  }

  #stopped(running: Running): void {
    if (!this.#end(running, 'stopped', false)) return;
    const printed = this.#printed(running);
    const cut = Math.max(0, printed.length - TAIL_BYTES);
    const tail = cut === 0 ? printed : `[${cut} bytes cut]\n${printed.slice(cut)}`;
    this.#tell(running, { ok: false, values: {}, error: { code: running.stopping, message: 'stopped' }, exitCode: null, tail });
  }

  #end(running: Running, end: ExecutionEnd, ok: boolean): boolean {
    if (this.#running.get(running.execution.fence) !== running) return false;
    running.timer?.cancel();
    running.timeout?.cancel();
    this.#running.delete(running.execution.fence);
    this.#ledger.close(running.record, end, ok, this.#kernel.now);
    return true;
  }

  #tell(running: Running, came: { ok: boolean; values: Readonly<Record<string, Json>>; error: Outcome['error']; exitCode: number | null; tail?: string; files?: NonNullable<Outcome['files']> }): void {
    const durationMs = Math.round(this.#kernel.now - running.record.startedAt);
    const outcome: Outcome = { tail: '', ...came, startedAt: Math.round(this.#process.wall() - durationMs), durationMs };
    // Never from inside a call to the port.
    this.#kernel.after(0, this.#process, () => running.done(outcome));
  }
}

function commandKind(execution: Execution): string {
  return execution.spec.action.type === 'registered' ? '' : behaviourOf(behaviourText(execution.spec)).kind;
}
