/**
 * What a large graph costs the leader before its first claim: how long the planner works on it in all, the longest that it
 * keeps the event loop at a time, and the bytes that each module takes. Without disk and network; beside it what the
 * reducer takes for the Submit, which is the same on every node.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { apply } from '../src/core/cell/cell.ts';
import { createCell, type CellState } from '../src/core/cell/state.ts';
import type { CellEvent, Command, ModuleSpec, RunSpec } from '../src/core/cell/types.ts';
import { cellId, nodeId } from '../src/core/lib/ids.ts';
import { Planner } from '../src/core/plan/planner.ts';
import { spread, spreadText, type Spread } from './figures.ts';

const SLOTS = 100;
const CLAIMS = 2048;

export interface PlanFigures {
  readonly shape: string;
  readonly modules: number;
  readonly needs: number;
  /** Ms of the leader's loop from the Submit to the first claims, the reducer not counted. */
  readonly planMs: Spread;
  /** Longest piece of each round, ms; what else the machine did at that moment and the garbage collector included. */
  readonly longestSliceMs: Spread;
  /** Median over the rounds of the piece whose median is the longest, ms: what a piece takes by itself. */
  readonly sliceMs: number;
  readonly slices: number;
  /** Ms of the reducer for the Submit; one piece. */
  readonly submitMs: Spread;
  /** Of the planner, and of the state of the cell with the specification, per module. */
  readonly plannerBytes: number;
  readonly stateBytes: number;
}

type Shape = (count: number, i: number) => number[];

/** Name → needs of module i. */
const shapes: Readonly<Record<string, Shape>> = {
  flat: () => [],
  layered: (_, i) => (i < 100 ? [] : [i - 100, i - 100 - (i % 100) + ((i + 1) % 100)]),
  'fan-in': (count, i) => (i < count - 1 ? [] : Array.from({ length: count - 1 }, (_, k) => k)),
  chain: (_, i) => (i === 0 ? [] : [i - 1]),
};

function module(i: number, needs: number[]): ModuleSpec {
  return {
    name: `module-${i}`,
    needs,
    action: { type: 'run', command: 'true' },
    env: {},
    requires: { cpu: 1, memory: 0, labels: [], tools: {}, os: [], arch: [] },
    timeoutMs: 60_000,
    retry: { attempts: 1, backoffMs: 5000, factor: 2, jitter: true, capMs: 300_000 },
    effectful: false,
    durationMs: 1 + ((i * 7919) % 100_003),
  };
}

interface Round {
  readonly submitMs: number;
  readonly slicesMs: readonly number[];
  readonly plannerBytes: number;
  readonly stateBytes: number;
}

function playRound(modules: number, shape: Shape, heapUsed: () => number): Round {
  const state: CellState = createCell({ decodeSubmit: () => undefined });
  const planner = new Planner();
  let index = 0;
  const enter = (command: Command): readonly CellEvent[] => apply(state, ++index, command).events;
  planner.onEvents(state, enter({ type: 'genesis', cellId: cellId('00112233445566778899aabbccddeeff'), clusterName: 'bench', createdAt: 1, founder: nodeId('n0') }));
  const capabilities = { os: 'linux', arch: 'x64', slots: SLOTS, memory: 0, gpus: [], tools: {}, labels: {}, functions: [] };
  for (let n = 0; n < 3; n++) enter({ type: 'sessionOpen', now: 1, node: nodeId(`n${n}`), member: '', bootId: 'b', name: `n${n}`, capabilities, running: [] });
  const sessions = [...state.sessions.keys()].map((session) => ({ session, slots: SLOTS, load: 0 }));
  const empty = heapUsed();
  const spec: RunSpec = { name: 'bench', params: {}, env: {}, bundles: {}, modules: Array.from({ length: modules }, (_, i) => module(i, shape(modules, i))) };
  const started = performance.now();
  const events = enter({ type: 'submit', now: 1, requestKey: 'bench', spec });
  const submitMs = performance.now() - started;
  const full = heapUsed();
  const slicesMs: number[] = [];
  let claims = 0;
  do {
    const from = performance.now();
    if (slicesMs.length === 0) planner.onEvents(state, events);
    claims = planner.plan(state, 1, sessions, CLAIMS).length;
    slicesMs.push(performance.now() - from);
  } while (planner.busy);
  if (claims === 0) throw new Error('a planned graph has something to claim');
  const planned = heapUsed();
  return { submitMs, slicesMs, stateBytes: (full - empty) / modules, plannerBytes: (planned - full) / modules };
}

/** Heap in use after a collection, where the engine lets itself be asked for one. */
function collector(): () => number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  return () => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
}

export function measurePlan(sizes: readonly number[], rounds: number): Promise<PlanFigures[]> {
  const heapUsed = collector();
  const figures = sizes.flatMap((modules) =>
    Object.entries(shapes).map(([name, shape]): PlanFigures => {
      playRound(modules, shape, heapUsed);
      const played = Array.from({ length: rounds }, () => playRound(modules, shape, heapUsed));
      const last = played.at(-1)!;
      return {
        shape: name,
        modules,
        needs: Array.from({ length: modules }, (_, i) => shape(modules, i).length).reduce((sum, needs) => sum + needs, 0),
        planMs: spread(played.map(({ slicesMs }) => slicesMs.reduce((sum, ms) => sum + ms, 0))),
        longestSliceMs: spread(played.map(({ slicesMs }) => Math.max(...slicesMs))),
        sliceMs: Math.max(...last.slicesMs.map((_, i) => spread(played.map(({ slicesMs }) => slicesMs[i] ?? 0)).p50)),
        slices: last.slicesMs.length,
        submitMs: spread(played.map((round) => round.submitMs)),
        plannerBytes: Math.round(last.plannerBytes),
        stateBytes: Math.round(last.stateBytes),
      };
    }),
  );
  return Promise.resolve(figures);
}

export function describePlan(figures: readonly PlanFigures[]): string {
  return figures
    .map(({ shape, modules, needs, planMs, longestSliceMs, sliceMs, slices, submitMs, plannerBytes, stateBytes }) =>
      [
        `plan of ${modules} modules, ${shape} (${needs} needs)`,
        `  planner, all slices:  ${spreadText(planMs, 'ms')}`,
        `  longest of ${slices} slices: ${spreadText(longestSliceMs, 'ms')}; ${sliceMs} ms by itself`,
        `  reducer, submit:      ${spreadText(submitMs, 'ms')}`,
        `  memory: ${plannerBytes} bytes a module in the planner, ${stateBytes} in the state`,
      ].join('\n'),
    )
    .join('\n');
}
