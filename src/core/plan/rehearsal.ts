/**
 * A run played through before it runs: the reducer and the planner of a leader, on workers that exist only here, in time
 * that passes when nothing is left to do. So what is shown is what a leader would do, by the same code.
 */
import { apply } from '../cell/cell.ts';
import { ITEMS_PER_ENTRY_MAX, MEMORY_BYTES_MAX } from '../cell/limits.ts';
import { createCell, isFinal, withoutParts, type CellState, type RunRecord } from '../cell/state.ts';
import { ordinaryRun } from '../cell/policy.ts';
import type { Capabilities, Command, ModuleSpec, Outcome, Reply, ResultItem, RunPolicy } from '../cell/types.ts';
import { assert } from '../lib/assert.ts';
import { Heap } from '../lib/heap.ts';
import { cellId, nodeId, type Fence, type RunNumber } from '../lib/ids.ts';
import { CarriedFiles, type Carried } from './carried-files.ts';
import { Planner, type PlannableSession } from './planner.ts';

export interface Worker {
  /** Cpu slots. */
  readonly slots: number;
  /** Bytes. @default more than any module asks for */
  readonly memory?: number;
  /** Of files, that it receives: one file after the other. @default files take no time */
  readonly bytesPerSecond?: number;
  /** What the planner is told of that; Infinity = it takes no heed of files. @default bytesPerSecond */
  readonly measuredBytesPerSecond?: number;
  /** What else it has. @default whatever a module asks for */
  readonly has?: Omit<Capabilities, 'slots' | 'memory'>;
}

/** What is played of a module. */
export type Rehearsed = Pick<ModuleSpec, 'needs' | 'policy'> & { readonly requires: Pick<ModuleSpec['requires'], 'cpu' | 'memory'> & Partial<ModuleSpec['requires']> };

export interface Rehearsal {
  /** Per module, ms from the start of the run; NaN for one that never starts. */
  readonly startsMs: Float64Array;
  /** Per module, from 0; -1 for one that never starts. */
  readonly workerOf: Int32Array;
  /** Per module, bytes that its worker had to fetch first, and ms from its start until they were there. */
  readonly movedBytes: Float64Array;
  readonly moveMs: Float64Array;
  /** Until the last module that starts has ended. */
  readonly makespanMs: number;
  /** Modules that no worker can take, though their needs are done. */
  readonly unplaced: readonly number[];
}

interface Execution {
  readonly module: number;
  readonly worker: number;
  readonly fence: Fence;
  readonly endsMs: number;
}

const STARTED_AT = 1;
/** A declared 0 would mean "unknown" to the planner. */
const SHORTEST_MS = 1e-9;
const CLAIMS_PER_CALL = 2048;
const nothing: Worker['has'] & object = { os: '', arch: '', gpus: [], tools: {}, labels: {}, functions: [] };
const outcome: Outcome = { ok: true, values: {}, error: null, exitCode: 0, tail: '', startedAt: 0, durationMs: 0 };

class Stage {
  readonly state: CellState = createCell(withoutParts);
  readonly planner = new Planner();
  readonly sessions: PlannableSession[] = [];
  readonly #files: CarriedFiles;
  #index = 0;

  constructor(files: CarriedFiles) {
    this.#files = files;
  }

  enter(command: Command): Reply {
    const { reply, events } = apply(this.state, ++this.#index, command);
    this.planner.onEvents(this.state, events);
    return reply;
  }

  open(workers: readonly Worker[]): void {
    this.enter({ type: 'genesis', cellId: cellId('0'.repeat(32)), clusterName: 'plan', createdAt: STARTED_AT, founder: nodeId('worker-0') });
    for (const [n, { slots, memory = MEMORY_BYTES_MAX, bytesPerSecond = Infinity, measuredBytesPerSecond = bytesPerSecond, has = nothing }] of workers.entries()) {
      const capabilities: Capabilities = { ...has, slots, memory };
      const reply = this.enter({ type: 'sessionOpen', now: STARTED_AT, node: nodeId(`worker-${n}`), member: '', bootId: 'plan', name: `worker-${n}`, capabilities, running: [] });
      assert(reply.type === 'session', 'a worker of a rehearsal is let in');
      this.sessions.push({ session: reply.session, slots, load: 0, bytesPerSecond: measuredBytesPerSecond });
    }
  }

  /** @param everywhere all workers have all that modules ask for. */
  submit(modules: readonly Rehearsed[], durations: Float64Array, policy: RunPolicy, everywhere: boolean): RunRecord {
    const reply = this.enter({ type: 'submit', now: STARTED_AT, requestKey: 'plan', spec: { name: 'plan', params: this.#files.params(), env: {}, bundles: {}, policy, modules: modules.map((module, i) => ({ ...played(module, i, durations[i]!, everywhere), ...this.#files.ofModule(i) })) } });
    assert(reply.type === 'run', `a checked pipeline is accepted: ${reply.type === 'error' ? reply.message : ''}`);
    return this.state.runs.get(reply.run)!;
  }

  /** Everything that can be claimed now is claimed. */
  *claims(run: RunNumber, nowMs: number): Generator<{ module: number; session: number; fence: Fence }> {
    // Whoever plans ahead has the time to look at the whole graph first.
    while (this.planner.busy) this.planner.advance();
    for (;;) {
      const now = STARTED_AT + nowMs;
      const claims = this.planner.plan(this.state, now, this.sessions, CLAIMS_PER_CALL);
      if (claims.length === 0) return;
      this.planner.proposed(claims);
      const reply = this.enter({ type: 'claimBatch', now, claims });
      this.planner.settled(this.state, claims);
      assert(reply.type === 'claims', 'claims are answered');
      for (const [i, { module, session, run: of }] of claims.entries()) {
        assert(of === run && reply.fences[i]! > 0, 'what was planned is granted: nobody else claims');
        yield { module, session, fence: reply.fences[i]! };
      }
    }
  }

  finish(run: RunNumber, ended: readonly Execution[], nowMs: number): void {
    for (let from = 0; from < ended.length; from += ITEMS_PER_ENTRY_MAX) {
      const items = ended.slice(from, from + ITEMS_PER_ENTRY_MAX).map(({ module, worker, fence }): ResultItem => ({ run, module, generation: 1, fence, inputsHash: '', outcome: { ...outcome, files: this.#files.leftBy(module) }, holders: [nodeId(`worker-${worker}`)] }));
      this.enter({ type: 'results', now: STARTED_AT + nowMs, jitter: 0, items });
    }
  }
}

const anywhere = { labels: [], tools: {}, os: [], arch: [] };

function played({ needs, policy, requires }: Rehearsed, index: number, durationMs: number, everywhere: boolean): ModuleSpec {
  const { cpu, memory } = requires;
  return {
    name: `m${index}`,
    needs,
    action: { type: 'run', command: '' },
    env: {},
    requires: everywhere ? { cpu, memory, ...anywhere } : { ...anywhere, ...requires },
    timeoutMs: 0,
    retry: { attempts: 1, backoffMs: 0, factor: 1, jitter: false, capMs: 0 },
    effectful: false,
    durationMs: Math.max(SHORTEST_MS, durationMs),
    // Nothing takes longer than predicted here.
    ...(policy === undefined ? {} : { policy: { ...policy, hedgeFactor: 0 } }),
  };
}

export interface RehearsalOptions {
  readonly policy?: RunPolicy | undefined;
  /** What modules hand on to each other, and what comes with the run. @default nothing */
  readonly files?: readonly Carried[] | undefined;
}

/** @param durations ms per module, as it will take, and as the planner believes. */
export function rehearse(modules: readonly Rehearsed[], durations: Float64Array, workers: readonly Worker[], { policy = ordinaryRun, files: carried = [] }: RehearsalOptions = {}): Rehearsal {
  assert(workers.length > 0 && workers.every(({ slots }) => slots > 0), 'a rehearsal needs a slot');
  const startsMs = new Float64Array(modules.length).fill(Number.NaN);
  const workerOf = new Int32Array(modules.length).fill(-1);
  const movedBytes = new Float64Array(modules.length);
  const moveMs = new Float64Array(modules.length);
  if (modules.length === 0) return { startsMs, workerOf, movedBytes, moveMs, makespanMs: 0, unplaced: [] };
  const files = new CarriedFiles(carried, workers.map(({ bytesPerSecond = Infinity }) => bytesPerSecond));
  const stage = new Stage(files);
  stage.open(workers);
  const run = stage.submit(modules, durations, policy, workers.every(({ has }) => has === undefined));
  const numbers = new Map(stage.sessions.map(({ session }, i): [number, number] => [session, i]));
  const running = new Heap<Execution>((a, b) => (a.endsMs === b.endsMs ? a.module < b.module : a.endsMs < b.endsMs));
  let nowMs = 0;
  for (;;) {
    for (const { module, session, fence } of stage.claims(run.number, nowMs)) {
      const worker = numbers.get(session)!;
      const fetched = files.fetch(module, worker, nowMs);
      startsMs[module] = nowMs;
      workerOf[module] = worker;
      movedBytes[module] = fetched.bytes;
      moveMs[module] = fetched.ms;
      running.push({ module, worker, fence, endsMs: nowMs + fetched.ms + durations[module]! });
    }
    const first = running.peek();
    if (first === undefined) break;
    const wakeMs = stage.planner.nextWakeAt(STARTED_AT + nowMs) - STARTED_AT;
    nowMs = Math.min(first.endsMs, wakeMs);
    const ended: Execution[] = [];
    for (let top = running.peek(); top !== undefined && top.endsMs === nowMs; top = running.peek()) ended.push(running.pop()!);
    for (const { module, worker } of ended) files.made(module, worker, nowMs);
    stage.finish(run.number, ended, nowMs);
  }
  const unplaced = run.modules.filter(({ phase }) => phase === 'ready').map(({ index }) => index);
  assert(unplaced.length > 0 || run.modules.every(({ phase }) => isFinal(phase)), 'only a module that fits nowhere keeps a rehearsal from its end');
  return { startsMs, workerOf, movedBytes, moveMs, makespanMs: nowMs, unplaced };
}
