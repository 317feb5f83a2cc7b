/**
 * Runs the modules that this node has claimed: commands and bundled functions in processes of the supervisor, functions
 * that the embedding program registered in this process. Decides nothing: what to start, cancel and report is the
 * runtime's business.
 *
 * Should the supervisor itself end, its modules are killed at once, they end with MODULE_SPAWN (an attempt like any
 * other failure: the module may be what brought it down), and the next execution starts a new one. Of a module that had
 * ended the outcome stands: its files are here already.
 */
import { rm } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isSkeinError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import { isExclusive } from '../../core/cell/policy.ts';
import type { FilesRef, Outcome } from '../../core/cell/types.ts';
import type { Fence } from '../../core/lib/ids.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Execution, Executor, LogPiece, Progress } from '../../ports/executor.ts';
import type { ModuleFunction } from '../../ports/module-function.ts';
import type { Observer } from '../../ports/observer.ts';
import { filesOf } from '../../core/cell/files.ts';
import { joinedStop, type Active } from './active.ts';
import { commandEnvironment, evaluatedItem, type EvaluateEnv } from './environment.ts';
import { recordAll, type FileShelf } from './files.ts';
import { keepCheckpoint } from './keep-checkpoint.ts';
import { stopMessage } from './job.ts';
import { ERROR_MESSAGE_BYTES_MAX, EXECUTIONS_MAX, GRACE_MS, POOLED_PER_CORE } from './limits.ts';
import type { Line } from './lines.ts';
import { systemMonotonicMs } from './messages.ts';
import type { CallHead, CancelHead, CancelMode, DeadlineHead, FilesHead, KeptHead, LogHead, ProgressHead, RunHead, TakenHead } from './messages.ts';
import { outcomeOfLine } from './outcome.ts';
import { readLog, type KeptLog } from './output-log.ts';
import { needsOf, RegisteredCall, RegisteredRunner } from './registered.ts';
import { SentBundles } from './sent-bundles.ts';
import { SupervisorLink } from './supervisor-link.ts';
import { clipText } from './tail.ts';
import { toldFiles } from './told-files.ts';
import { thrownMessage } from './thrown.ts';
import { commandFolder } from './work-folder.ts';

export type RegisteredFunction = ModuleFunction;

export interface ExecutorInit {
  /** Private to this node and this executor: what an earlier start left there is killed and removed. */
  readonly workDir: string;
  readonly nodeName: string;
  readonly nodeId: string;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly registered?: Readonly<Record<string, RegisteredFunction>>;
  /** Without it, `env` is passed on as it is. */
  readonly evaluate?: EvaluateEnv;
  /**
   * Most pooled processes at once; further functions of bundles wait. Each takes some 45 MB. Should be no less than the
   * slots when functions mostly wait for something. @default 4 for each core
   */
  readonly maxPooled?: number;
  /** Blobs on this disk, for modules with files. Without it they cannot be executed. */
  readonly files?: FileShelf;
  /** From SIGTERM (or the aborted signal) to SIGKILL. @default 5000 */
  readonly graceMs?: number;
}

export interface ProcessExecutor extends Executor {
  /**
   * Kills what an earlier start of this node left running, then starts the supervisor, rather than with the first
   * module. A node opens no session before this is over: its modules may be executed elsewhere or here from then on,
   * and an exclusive one must not go on beside that (PROTOCOL §4). Never rejects.
   */
  warmUp(): Promise<void>;
  /** Process id of the supervisor, undefined while there is none. */
  readonly supervisorPid: number | undefined;
}

type CancelCode = Parameters<Executor['cancel']>[2];

export function createExecutor(init: ExecutorInit): ProcessExecutor {
  return new NodeExecutor(init);
}

class NodeExecutor implements ProcessExecutor {
  readonly #init: ExecutorInit;
  readonly #clock: Clock;
  readonly #registered: ReadonlyMap<string, RegisteredFunction>;
  readonly #runner: RegisteredRunner;
  readonly #link: SupervisorLink;
  readonly #active = new Map<Fence, Active>();
  /** Executions in the supervisor, by message id. */
  readonly #remote = new Map<number, Active>();
  readonly #bundles: SentBundles;
  /** Came while a supervisor that ended was being cleared away. */
  readonly #parked = new Set<Active>();
  #nextId = 1;
  #deadline = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(init: ExecutorInit) {
    this.#init = init;
    this.#clock = init.clock;
    this.#registered = new Map(Object.entries(init.registered ?? {}));
    this.#runner = new RegisteredRunner(init.clock);
    this.#link = new SupervisorLink({
      workDir: init.workDir,
      pooledMax: init.maxPooled ?? POOLED_PER_CORE * availableParallelism(),
      graceMs: init.graceMs ?? GRACE_MS,
      now: () => init.clock.now(),
      onLine: (line) => this.#onLine(line),
      onLost: (why) => this.#onSupervisorLost(why),
      notify: (note) => init.observer.notify(note),
    });
    this.#bundles = new SentBundles({ send: (kind, head, body) => this.#link.send(kind, 0, JSON.stringify(head), body), shelf: () => this.#shelf, inUse: () => this.#bundlesInUse() });
  }

  #bundlesInUse(): Set<string> {
    const used = new Set<string>();
    for (const { execution } of this.#remote.values()) if (execution.spec.action.type === 'bundle') used.add(execution.spec.action.bundle);
    return used;
  }

  get supervisorPid(): number | undefined {
    return this.#link.pid;
  }

  async warmUp(): Promise<void> {
    await this.#link.clearPast();
    if (!this.#stopped) this.#ensureSupervisor();
  }

  start(execution: Execution, done: (outcome: Outcome) => void, checkpointed?: (checkpoint: FilesRef) => void): void {
    const active: Active = { id: this.#nextId++, execution, done, checkpointed, startedWall: this.#clock.wall(), startedAt: this.#clock.now(), call: undefined, telling: undefined, live: undefined, progress: undefined, kept: undefined, taken: [], recording: '', checkpointing: false };
    const { fence, spec } = execution;
    if (this.#stopped) return this.#refuse(active, 'NODE_STOPPING', 'the node stops and starts nothing any more');
    if (this.#active.has(fence)) return this.#refuse(active, 'MODULE_SPAWN', `fence ${fence} is executed already`);
    if (this.#active.size >= EXECUTIONS_MAX) return this.#refuse(active, 'MODULE_SPAWN', `this node executes ${EXECUTIONS_MAX} modules already`);
    if (isExclusive(spec) && this.#clock.now() >= this.#deadline) return this.#refuse(active, 'MODULE_FENCED', stopMessage('MODULE_FENCED', 0));
    this.#active.set(fence, active);
    this.#begin(active);
  }

  #begin(active: Active): void {
    const { execution } = active;
    try {
      if (this.#link.clearing && execution.spec.action.type !== 'registered') this.#parked.add(active);
      else this.#dispatch(active, this.#environment(active));
    } catch (error) {
      this.#active.delete(execution.fence);
      this.#remote.delete(active.id);
      const code = isSkeinError(error) ? error.code : 'MODULE_SPAWN';
      this.#refuse(active, code, error instanceof Error ? error.message : thrownMessage(error));
    }
  }

  cancel(fence: Fence, mode: CancelMode, code: CancelCode): void {
    const active = this.#active.get(fence);
    if (active === undefined) return;
    if (active.call !== undefined) active.call.stop(code);
    // A second word to stop it, as the leader says until it is heard, must not take away what it printed.
    else if (active.recording === 'output') return;
    // The supervisor has forgotten it.
    else if (active.recording === 'files') this.#clock.defer(() => this.#remote.has(active.id) && this.#fail(active, code, stopMessage(code, 0)));
    else if (this.#parked.delete(active)) this.#fail(active, code, stopMessage(code, 0));
    // The supervisor does not know it yet.
    else if (active.telling !== undefined) active.telling.stop = joinedStop(active.telling.stop, { mode, code });
    else this.#link.send('cancel', active.id, JSON.stringify({ mode, code } satisfies CancelHead));
  }

  setFenceDeadline(monotonicMs: number): void {
    // As those that run are killed when it passes: one that has not begun must not begin under a later word.
    const passed = this.#clock.now() >= this.#deadline;
    this.#deadline = monotonicMs;
    for (const active of this.#parked) {
      if (passed && isExclusive(active.execution.spec) && this.#parked.delete(active)) this.#fail(active, 'MODULE_FENCED', stopMessage('MODULE_FENCED', 0));
    }
    // Of one whose files are being told the supervisor did not know when it passed.
    for (const { telling, execution } of this.#remote.values()) if (passed && telling !== undefined && isExclusive(execution.spec)) telling.stop = joinedStop(telling.stop, { mode: 'now', code: 'MODULE_FENCED' });
    if (this.#link.pid !== undefined) this.#sendDeadline();
  }

  running(): Fence[] {
    return [...this.#active.keys()];
  }

  progress(fence: Fence): Progress | undefined {
    const active = this.#active.get(fence);
    return active?.call?.said ?? active?.progress;
  }

  readLog(fence: Fence, offset: number, length: number, done: (piece: LogPiece | undefined) => void): void {
    const active = this.#active.get(fence);
    const nothing: LogPiece = { offset, bytes: new Uint8Array(0) };
    if (active?.call !== undefined) this.#clock.defer(() => done(active.call?.printed(offset) ?? nothing));
    else if (active?.live === undefined) this.#clock.defer(() => done(active === undefined ? undefined : nothing));
    // What cannot be read now is read later, or from the blob that it becomes.
    else void readLog(active.live, offset, length).then(done, () => done(nothing));
  }

  stop(done: () => void): void {
    if (!this.#stopped) {
      this.#stopped = true;
      for (const active of this.#active.values()) active.call?.stop('NODE_STOPPING');
      this.#runner.stop();
    }
    this.#link.stop(() => {
      for (const active of [...this.#remote.values(), ...this.#parked]) this.#fail(active, 'NODE_STOPPING', stopMessage('NODE_STOPPING', 0));
      this.#parked.clear();
      done();
    });
  }

  #environment({ id, execution }: Active): Readonly<Record<string, string>> {
    const { evaluate } = this.#init;
    const { env, spec, params, needs, runId, runName, item } = execution;
    const own = Object.keys(spec.env).length === 0 ? env : { ...env, ...spec.env };
    if (evaluate === undefined || !Object.values(own).some((value) => value.includes('${{'))) return own;
    return evaluate(own, { params, needs: needsOf(needs), run: { id: runId, name: runName }, ...(item === undefined ? {} : { item: evaluatedItem(item, () => this.#folderOf(id)) }) });
  }

  #folderOf(id: number): string {
    this.#requireSupervisor();
    return commandFolder(this.#link.folder, id);
  }

  #dispatch(active: Active, env: Readonly<Record<string, string>>): void {
    const { action } = active.execution.spec;
    switch (action.type) {
      case 'registered':
        this.#startRegistered(active, action.function, env);
        return;
      case 'run':
        this.#startCommand(active, action.command, env);
        return;
      case 'bundle':
        this.#startCall(active, action, env);
        return;
    }
  }

  #startRegistered(active: Active, name: string, env: Readonly<Record<string, string>>): void {
    const { execution } = active;
    const target = this.#registered.get(name);
    if (target === undefined) {
      const known = [...this.#registered.keys()].sort();
      throw new Error(`this node has no registered function "${name}"; ${known.length === 0 ? 'none is registered' : `registered are ${known.join(', ')}`}`);
    }
    if (isExclusive(execution.spec)) throw new Error(`the registered function "${name}" cannot be killed, so it may not be effectful or hold a mutex or limit: use run: or uses:`);
    const call = new RegisteredCall(execution, target, env, (result) => {
      this.#runner.ended(call);
      const { code, message, values, tail } = result;
      this.#finish(active, { ok: code === '', values, error: code === '' ? null : { code, message }, exitCode: null, tail, ...this.#times(active) });
    });
    active.call = call;
    this.#runner.start(call, execution.spec.timeoutMs);
  }

  #startCommand(active: Active, command: string, env: Readonly<Record<string, string>>): void {
    this.#requireSupervisor();
    const { execution } = active;
    const { head: files, before } = toldFiles(execution, () => this.#shelf);
    const head: RunHead = {
      command,
      env: commandEnvironment(execution, env, this.#init.nodeName),
      timeoutMs: execution.spec.timeoutMs,
      exclusive: isExclusive(execution.spec),
      outputs: filesOf(execution.spec).outputs,
      ...files,
    };
    this.#send(active, before, 'run', head, JSON.stringify(execution.params));
  }

  #startCall(active: Active, action: { readonly bundle: string; readonly export: string; readonly sourceName: string }, env: Readonly<Record<string, string>>): void {
    this.#requireSupervisor();
    const { execution } = active;
    this.#bundles.ensure(action.bundle, execution.bundle(action.bundle), action.sourceName);
    const { params, needs, attempt, fence, runId, runName, idempotencyKey, spec, item } = execution;
    const { head: files, before } = toldFiles(execution, () => this.#shelf);
    const head: CallHead = { bundle: action.bundle, export: action.export, sourceName: action.sourceName, timeoutMs: spec.timeoutMs, exclusive: isExclusive(spec), outputs: filesOf(spec).outputs, ...files };
    this.#send(active, before, 'call', head, JSON.stringify({ params, needs: needsOf(needs), env, attempt, fence, runId, runName, module: spec.name, idempotencyKey, ...(item === undefined ? {} : { item: item.value, itemIndex: item.index }) }));
  }

  /** @param before goes first, a part each turn. */
  #send(active: Active, before: Iterator<FilesHead>, kind: 'run' | 'call', head: RunHead | CallHead, body: string): void {
    const { id } = active;
    this.#remote.set(id, active);
    this.#link.hold(true);
    const next = ({ done, value }: IteratorResult<FilesHead>): void => {
      // The supervisor was lost.
      if (this.#remote.get(id) !== active) return;
      if (done !== true) {
        active.telling ??= { stop: '' };
        this.#link.send('files', id, JSON.stringify(value));
        return void this.#clock.setTimer(0, () => next(before.next()));
      }
      const stop = active.telling?.stop ?? '';
      active.telling = undefined;
      this.#link.send(kind, id, JSON.stringify(head), body);
      if (stop !== '') this.#link.send('cancel', id, JSON.stringify(stop));
    };
    next(before.next());
  }

  get #shelf(): FileShelf {
    if (this.#init.files === undefined) throw new Error('this node keeps no files');
    return this.#init.files;
  }

  #requireSupervisor(): void {
    if (!this.#ensureSupervisor()) throw new Error(this.#link.problem);
  }

  #ensureSupervisor(): boolean {
    if (this.#link.pid !== undefined) return true;
    if (!this.#link.ensure()) return false;
    this.#bundles.clear();
    if (this.#deadline !== Number.POSITIVE_INFINITY) this.#sendDeadline();
    return true;
  }

  #sendDeadline(): void {
    const head: DeadlineHead = { remainingMs: Math.min(this.#deadline - this.#clock.now(), Number.MAX_SAFE_INTEGER), sentAtMs: systemMonotonicMs() };
    this.#link.send('deadline', 0, JSON.stringify(head));
  }

  #onLine(line: Line): void {
    if (line.kind === 'ready') {
      this.#init.observer.notify({ level: 'debug', event: 'supervisor-ready', message: 'the supervisor of module processes is ready', data: { pid: this.#link.pid } });
      return;
    }
    const active = this.#remote.get(line.id);
    if (line.kind === 'checkpoint') return this.#keep(line, active);
    if (active === undefined) return;
    if (line.kind === 'progress') active.progress = JSON.parse(line.head) as ProgressHead;
    else if (line.kind === 'log') active.live = JSON.parse(line.head) as LogHead;
    else if (line.kind === 'taken') active.taken.push(...(JSON.parse(line.head) as TakenHead).files);
    else if (line.kind === 'kept') active.kept = this.#takenLog(JSON.parse(line.head) as KeptHead);
    else if (line.kind === 'end') this.#onEnd(active, line);
  }

  /** Where no files are kept there is no log but the tail. */
  #takenLog(kept: KeptLog): KeptLog | undefined {
    if (this.#init.files !== undefined) return kept;
    rm(kept.path, { force: true }, () => undefined);
    return undefined;
  }

  #onEnd(active: Active, line: Line): void {
    const outcome = outcomeOfLine(line, this.#times(active));
    const { outputs } = filesOf(active.execution.spec);
    const { kept } = active;
    const hasFiles = outcome.ok && outputs.length > 0;
    if (!hasFiles && kept === undefined) return this.#finish(active, outcome);
    // Until its files are blobs it runs on: it can be cancelled, and another cannot take its fence.
    active.recording = hasFiles ? 'files' : 'output';
    void recordAll(outcome, active.taken, hasFiles ? outputs : [], kept, this.#shelf, this.#init.observer).then((whole) => {
      if (this.#remote.has(active.id)) this.#finish(active, hasFiles ? { ...whole, durationMs: this.#times(active).durationMs } : whole);
    });
  }

  #keep(line: Line, active: Active | undefined): void {
    void keepCheckpoint(line, active?.recording === '' ? active : undefined, {
      shelf: this.#init.files,
      kept: (execution, files) => void (this.#remote.get(line.id) === execution && execution.checkpointed?.(files)),
      notify: (note) => this.#init.observer.notify(note),
    });
  }

  #onSupervisorLost(why: string): void {
    // Of one that had ended only its files are missing, and they lie where the supervisor has no part in them.
    for (const active of this.#remote.values()) if (active.recording === '') this.#fail(active, 'MODULE_SPAWN', why);
    const parked = [...this.#parked];
    this.#parked.clear();
    for (const active of parked) this.#begin(active);
  }

  #times(active: Active): { startedAt: number; durationMs: number } {
    return { startedAt: active.startedWall, durationMs: Math.round(this.#clock.now() - active.startedAt) };
  }

  #finish(active: Active, outcome: Outcome): void {
    this.#active.delete(active.execution.fence);
    if (this.#remote.delete(active.id) && this.#remote.size === 0) this.#link.hold(false);
    const { action } = active.execution.spec;
    // It may have been the bundle that there was no room for: it is sent again with the next call.
    if (outcome.error?.code === 'NODE_EXHAUSTED' && action.type === 'bundle') this.#bundles.forget(action.bundle);
    active.done(outcome);
  }

  #fail(active: Active, code: ErrorCode, message: string): void {
    this.#finish(active, { ok: false, values: {}, error: { code, message: clipText(message, ERROR_MESSAGE_BYTES_MAX) }, exitCode: null, tail: '', ...this.#times(active) });
  }

  /** For what never started: `done` is never called from inside `start`. */
  #refuse(active: Active, code: ErrorCode, message: string): void {
    const outcome: Outcome = { ok: false, values: {}, error: { code, message: clipText(message, ERROR_MESSAGE_BYTES_MAX) }, exitCode: null, tail: '', ...this.#times(active) };
    this.#clock.defer(() => active.done(outcome));
  }
}
