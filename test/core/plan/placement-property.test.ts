/** Goal: whatever runs where, and whoever has what, each module goes to the node of the least sum: the same as trying them all. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import * as fc from 'fast-check';
import type { ModuleSpec } from '../../../src/core/cell/types.ts';
import { nodeId, type Cid, type NodeId } from '../../../src/core/lib/ids.ts';
import type { PlannableSession } from '../../../src/core/plan/planner.ts';
import { BYTES_PER_SECOND_UNKNOWN, HOLDER_WAIT_MS_MAX, MOVE_MS_MIN } from '../../../src/core/plan/limits.ts';
import { module, succeeded } from '../cell/cells.ts';
import { PlannedCell } from './planned-cell.ts';

const MIB = 1024 * 1024;

const scene = fc.record({
  nodes: fc.array(
    fc.record({
      slots: fc.integer({ min: 1, max: 4 }),
      mibPerSecond: fc.constantFrom(0, 1, 50, 100, 400),
      load: fc.constantFrom(0, 1),
      /** Declared duration and how long it has been running, tenths of a second. */
      running: fc.array(fc.tuple(fc.integer({ min: 1, max: 100 }), fc.nat({ max: 200 })), { maxLength: 4 }),
    }),
    { minLength: 1, maxLength: 5 },
  ),
  /** MiB of each file, and the nodes that have it. */
  files: fc.array(fc.record({ mib: fc.constantFrom(0, 1, 3, 50, 200, 1_000, 5_000), on: fc.uniqueArray(fc.nat({ max: 4 }), { minLength: 1, maxLength: 3 }) }), { minLength: 1, maxLength: 4 }),
  modules: fc.array(fc.record({ takes: fc.uniqueArray(fc.nat({ max: 3 }), { maxLength: 3 }), cpu: fc.integer({ min: 1, max: 3 }), seconds: fc.integer({ min: 0, max: 60 }) }), { minLength: 1, maxLength: 8 }),
});

type Scene = typeof scene extends fc.Arbitrary<infer S> ? S : never;

interface Job {
  readonly fromMs: number;
  readonly toMs: number;
  readonly cpu: number;
  /** It waits for room, be it for less than a millisecond: it has none yet. */
  readonly waits: boolean;
}

interface SlowNode {
  readonly name: NodeId;
  readonly slots: number;
  readonly perSecond: number;
  readonly load: number;
  readonly order: number;
  readonly jobs: Job[];
  /** Files, and when they are there. */
  readonly has: Map<number, number>;
}

interface Wanted {
  readonly takes: readonly number[];
  readonly cpu: number;
  readonly ms: number;
}

const bytesOf = ({ files }: Scene, numbers: Iterable<number>): number => [...numbers].reduce((sum, file) => sum + files[file]!.mib * MIB, 0);
const usedAt = ({ jobs }: SlowNode, at: number): number => jobs.filter(({ fromMs, toMs }) => fromMs <= at && at < toMs).reduce((sum, { cpu }) => sum + cpu, 0);
const freeNow = (node: SlowNode): number => node.slots - node.jobs.filter(({ waits }) => !waits).reduce((sum, { cpu }) => sum + cpu, 0);

function waitMs(node: SlowNode, cpu: number): number {
  const fromMs = Math.max(0, ...node.jobs.map((job) => job.fromMs));
  const moments = [fromMs, ...node.jobs.map(({ toMs }) => toMs).filter((to) => to > fromMs)].sort((a, b) => a - b);
  return moments.find((at) => cpu <= node.slots - usedAt(node, at)) ?? Infinity;
}

/** Where it goes; '' = it is left waiting or nobody has room. */
function slowly(drawn: Scene, nodes: readonly SlowNode[], { takes, cpu, ms }: Wanted): NodeId | '' {
  const total = bytesOf(drawn, takes);
  const open = nodes.filter((node) => cpu <= freeNow(node));
  if (open.length === 0) return '';
  const lacks = (node: SlowNode): number => (matters ? total - bytesOf(drawn, takes.filter((file) => node.has.has(file))) : 0);
  const moveMs = (node: SlowNode): number => Math.max(0, ...takes.map((file) => node.has.get(file) ?? 0)) + ((total - bytesOf(drawn, takes.filter((file) => node.has.has(file)))) / node.perSecond) * 1000;
  const emptiness = (node: SlowNode): number => freeNow(node) / node.slots;
  const slowest = Math.min(...nodes.map(({ perSecond }) => perSecond));
  const matters = total > 0 && total >= (slowest * MOVE_MS_MIN) / 1000;
  const costMs = (node: SlowNode): number => (matters ? moveMs(node) : 0);
  const [best] = open.toSorted((a, b) => costMs(a) - costMs(b) || lacks(a) - lacks(b) || emptiness(b) - emptiness(a) || a.load - b.load || a.order - b.order);
  const full = nodes.filter((node) => cpu > freeNow(node) && cpu <= node.slots);
  const better = matters ? full.filter((node) => waitMs(node, cpu) + moveMs(node) < costMs(best!)) : [];
  const [awaited] = better.toSorted((a, b) => waitMs(a, cpu) + moveMs(a) - (waitMs(b, cpu) + moveMs(b)) || a.order - b.order);
  const chosen = awaited ?? best!;
  const fromMs = awaited === undefined ? 0 : waitMs(chosen, cpu);
  const broughtMs = matters ? moveMs(chosen) : 0;
  chosen.jobs.push({ fromMs, toMs: fromMs + broughtMs + ms, cpu, waits: awaited !== undefined });
  if (awaited !== undefined) return '';
  // What it brings will be there for the next one, where that is large enough to be remembered.
  if (matters) for (const file of takes) if (drawn.files[file]!.mib >= 1 && !chosen.has.has(file)) chosen.has.set(file, broughtMs);
  return chosen.name;
}

/** The scene as a cell: makers of the files, what runs, and one run with all that is to be placed, each longer than the next. */
function staged(drawn: Scene): { readonly cell: PlannedCell; readonly sessions: PlannableSession[]; readonly nodes: SlowNode[]; readonly wanted: Wanted[] } {
  const cell = new PlannedCell();
  const names = drawn.nodes.map((_, at) => nodeId(`n${at}`));
  const nodes = drawn.nodes.map(({ slots, mibPerSecond, load }, at): SlowNode => {
    const perSecond = mibPerSecond === 0 ? BYTES_PER_SECOND_UNKNOWN : mibPerSecond * MIB;
    return { name: names[at]!, slots, perSecond, load, order: cell.open(names[at]!, { capabilities: { slots } }), jobs: [], has: new Map() };
  });
  const sessions = nodes.map(({ slots, load, order }, at): PlannableSession => ({ session: order, slots, load, bytesPerSecond: drawn.nodes[at]!.mibPerSecond * MIB }));
  const maker = (_: unknown, at: number): ModuleSpec => module(`make${at}`, [], { files: { inputs: [], outputs: [{ name: 'f', pattern: 'f' }] }, durationMs: 1e9 });
  const first = drawn.files.length;
  const wanted = drawn.modules.map(({ takes, cpu, seconds }, at): Wanted => ({ takes: takes.filter((file) => file < first), cpu, ms: seconds * 1_000 + (drawn.modules.length - at) }));
  wanted.sort((a, b) => b.ms - a.ms);
  const takers = wanted.map(({ takes, cpu, ms }, at) => module(`take${at}`, Array.from({ length: first }, (_, n) => n), { requires: { cpu }, durationMs: ms, files: { inputs: takes.map((file) => ({ variable: `F${file}`, module: file, output: 'f' })), outputs: [] } }));
  const all = module('all', [...drawn.files.keys()], { requires: { labels: ['nowhere'] }, files: { inputs: drawn.files.map((_, file) => ({ variable: `F${file}`, module: file, output: 'f' })), outputs: [] } });
  const run = cell.submit([...drawn.files.map(maker), ...takers, all]);
  for (const [file, { mib, on }] of drawn.files.entries()) {
    const holders = [...new Set(on.map((at) => at % nodes.length))];
    const fence = cell.claim(run, file, nodes[holders[0]!]!.order);
    const files = { f: { kind: 'file', cid: `file-${file}` as Cid, name: 'f', size: mib * MIB, count: 1 } } as const;
    if (file === first - 1) occupy(cell, drawn, nodes, holders[0]!);
    assert.equal(cell.result(run, file, fence, { ...succeeded(), files }, { holders: holders.map((at) => names[at]!) }), 'accepted');
    for (const at of holders) nodes[at]!.has.set(file, 0);
  }
  return { cell, sessions, nodes, wanted };
}

/** What runs where, before anything is ready. @param last node that has the last maker on one of its slots still. */
function occupy(cell: PlannedCell, { nodes: drawn }: Scene, nodes: readonly SlowNode[], last: number): void {
  const endsAt = cell.now + 20_000;
  // That node has the last maker on one of its slots still. In the order in which they began, since a log's time never goes back.
  const fillers = drawn.flatMap(({ running }, at) => running.slice(0, nodes[at]!.slots - (at === last ? 1 : 0)).map(([tenths, elapsed]) => ({ node: nodes[at]!, tenths, elapsed })));
  for (const { node, tenths, elapsed } of fillers.toSorted((a, b) => b.elapsed - a.elapsed)) {
    cell.now = endsAt - elapsed * 100;
    cell.claim(cell.submit([module('filler', [], { durationMs: tenths * 100 })]), 0, node.order);
    node.jobs.push({ fromMs: 0, toMs: Math.abs(tenths - elapsed) * 100, cpu: 1, waits: false });
  }
  cell.now = endsAt;
}

test('each module goes to the node of the least sum, waits for it if it is full, and goes elsewhere in the end', () => {
  let placed = 0;
  let waited = 0;
  fc.assert(
    fc.property(scene, (drawn) => {
      const { cell, sessions, nodes, wanted } = staged(drawn);
      const expected = wanted.map((one) => slowly(drawn, nodes, one));
      const items = cell.claimAll(sessions);
      const found = wanted.map((_, at) => items.find(({ module: index }) => index === drawn.files.length + at)?.session);
      assert.deepEqual(found.map((session) => nodes.find(({ order }) => order === session)?.name ?? ''), expected);
      placed += items.length;
      const run = [...cell.state.runs.values()].find(({ spec }) => spec.modules.at(-1)!.name === 'all')!;
      const before = cell.planner.placements(cell.state, cell.now, sessions);
      const patient = run.modules.filter((one) => one.phase === 'ready' && before.hasWaited(one));
      assert.equal(patient.length > 0, cell.planner.nextWakeAt(cell.now) !== Infinity);
      for (const one of patient) assert.ok(before.of(one)!.waitedMs === 0);
      waited += patient.length;
      cell.now += HOLDER_WAIT_MS_MAX;
      const later = cell.planner.placements(cell.state, cell.now, sessions);
      for (const one of patient) assert.equal(later.of(one)!.waits, false, 'it has waited long enough');
    }),
    { numRuns: 1_000 },
  );
  assert.ok(placed > 1_000 && waited > 50, `${placed} placed, ${waited} left waiting`);
});
