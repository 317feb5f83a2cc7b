/**
 * How fast one core applies a log: a run is submitted, planned, claimed and finished in batches, without encoding, disk
 * or network. Prints figures, asserts nothing. `node bench/reducer.bench.ts [modules]`
 */
import { apply } from '../src/core/cell/cell.ts';
import { stateHash, toSections } from '../src/core/cell/snapshot.ts';
import { createCell, withoutParts, type CellState } from '../src/core/cell/state.ts';
import type { Command, ModuleSpec, Outcome, Reply, RunSpec } from '../src/core/cell/types.ts';
import { cellId, nodeId } from '../src/core/lib/ids.ts';
import { Planner } from '../src/core/plan/planner.ts';

const NODES = 3;
const SLOTS = 100;
const outcome: Outcome = { ok: true, values: {}, error: null, exitCode: 0, tail: '', startedAt: 0, durationMs: 1 };

function module(name: string, needs: number[]): ModuleSpec {
  return {
    name,
    needs,
    action: { type: 'run', command: 'true' },
    env: {},
    requires: { cpu: 1, memory: 0, labels: [], tools: {}, os: [], arch: [] },
    timeoutMs: 60_000,
    retry: { attempts: 3, backoffMs: 5_000, factor: 2, jitter: true, capMs: 300_000 },
    effectful: false,
    durationMs: 0,
  };
}

class Bench {
  readonly state: CellState = createCell(withoutParts);
  readonly planner = new Planner();
  private index = 0;
  applyMs = 0;
  planMs = 0;
  readonly plansMs: number[] = [];

  constructor() {
    this.enter({ type: 'genesis', cellId: cellId('00112233445566778899aabbccddeeff'), clusterName: 'bench', createdAt: 1, founder: nodeId('n0') });
    const capabilities = { os: 'linux', arch: 'x64', slots: SLOTS, memory: 0, gpus: [], tools: {}, labels: {}, functions: [] };
    for (let n = 0; n < NODES; n++) this.enter({ type: 'sessionOpen', now: 1, node: nodeId(`n${n}`), member: '', bootId: 'b', name: `n${n}`, capabilities, running: [] });
  }

  enter(command: Command): Reply {
    const before = performance.now();
    const { reply, events } = apply(this.state, ++this.index, command);
    const applied = performance.now();
    this.planner.onEvents(this.state, events);
    this.applyMs += applied - before;
    this.planMs += performance.now() - applied;
    return reply;
  }

  plan(): ReturnType<Planner['plan']> {
    const before = performance.now();
    while (this.planner.busy) this.planner.advance();
    const sessions = [...this.state.sessions.keys()].map((session) => ({ session, slots: SLOTS, load: 0 }));
    const items = this.planner.plan(this.state, 1, sessions, 4_096);
    this.planner.proposed(items);
    const took = performance.now() - before;
    this.planMs += took;
    this.plansMs.push(took);
    return items;
  }

  /** Claims and finishes until nothing is left. */
  drive(): void {
    for (let claims = this.plan(); claims.length > 0; claims = this.plan()) {
      const reply = this.enter({ type: 'claimBatch', now: 1, claims });
      this.planner.settled(this.state, claims);
      if (reply.type !== 'claims') throw new Error(JSON.stringify(reply));
      const items = claims.map(({ run, module: index }, i) => ({ run, module: index, generation: 1, fence: reply.fences[i]!, inputsHash: '', outcome }));
      this.enter({ type: 'results', now: 1, jitter: 0, items });
    }
  }
}

function median(values: readonly number[]): number {
  return Number(values.toSorted((a, b) => a - b)[values.length >> 1]!.toFixed(3));
}

/** Plans the same 300 claims again and again out of 100,000 ready modules. */
function measurePlan(): void {
  const bench = new Bench();
  const modules = Array.from({ length: 100_000 }, (_, i) => ({ ...module(`m${i}`, []), durationMs: (i * 7_919) % 100_003 }));
  bench.enter({ type: 'submit', now: 1, requestKey: 'plan', spec: { name: 'plan', params: {}, env: {}, bundles: {}, modules } });
  for (let i = 0; i < 200; i++) bench.planner.settled(bench.state, bench.plan());
  console.log(JSON.stringify({ bench: 'plan', ready: modules.length, claims: NODES * SLOTS, planMedianMs: median(bench.plansMs) }));
}

function measure(title: string, spec: RunSpec): void {
  const bench = new Bench();
  const started = performance.now();
  bench.enter({ type: 'submit', now: 1, requestKey: title, spec });
  const submitMs = performance.now() - started;
  bench.applyMs = bench.planMs = 0;
  bench.drive();
  const run = bench.state.runs.values().next().value!;
  const transitions = 2 * spec.modules.length;
  const hashStarted = performance.now();
  stateHash(bench.state);
  const hashMs = performance.now() - hashStarted;
  const plainStarted = performance.now();
  for (const section of toSections(bench.state).runs) section.plain();
  const plainMs = performance.now() - plainStarted;
  const figures = {
    bench: title,
    modules: spec.modules.length,
    phase: run.phase,
    transitionsPerSecond: Math.round(transitions / (bench.applyMs / 1_000)),
    withPlannerPerSecond: Math.round(transitions / ((bench.applyMs + bench.planMs) / 1_000)),
    planMedianMs: median(bench.plansMs),
    submitMs: Math.round(submitMs),
    hashMs: Math.round(hashMs),
    plainMs: Math.round(plainMs),
  };
  console.log(JSON.stringify(figures));
}

const size = Number(process.argv[2] ?? 10_000);
const flat: RunSpec = { name: 'flat', params: {}, env: {}, bundles: {}, modules: Array.from({ length: size }, (_, i) => module(`m${i}`, [])) };
const layered: RunSpec = { ...flat, name: 'layered', modules: Array.from({ length: size }, (_, i) => module(`m${i}`, i < 100 ? [] : [i - 100, i - 100 - (i % 100) + ((i + 1) % 100)])) };
for (const spec of [flat, layered]) {
  measure(`${spec.name} (warm-up)`, spec);
  measure(spec.name, spec);
}
measurePlan();
