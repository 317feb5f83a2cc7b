/**
 * What a large graph costs before its first claim: how long the reducer works on its Submit, on every node, from its parts
 * as they stand in the log to its records; how long the planner does, on the leader; the longest that each keeps the event
 * loop at a time, and the bytes that each module takes. Without disk and network.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { apply, applyInSlices, mayTakeLong } from '../src/core/cell/cell.ts';
import { createCell, type CellState } from '../src/core/cell/state.ts';
import type { CellEvent, Command, ModuleSpec, RunSpec } from '../src/core/cell/types.ts';
import { cellId, nodeId } from '../src/core/lib/ids.ts';
import { Slice, STEPS_PER_SLICE } from '../src/core/lib/slice.ts';
import { Planner } from '../src/core/plan/planner.ts';
import { SUBMIT_PART_BYTES } from '../src/protocol/limits.ts';
import { encodeSpec } from '../src/protocol/spec-codec.ts';
import { cellHooks } from '../src/runtime/snapshot-image.ts';
import { spread, spreadText, type Spread } from './figures.ts';

const SLOTS = 100;
const CLAIMS = 2048;

interface Pieces {
  readonly count: number;
  /** Longest piece of each round, ms; what else the machine did at that moment and the garbage collector included. */
  readonly longestMs: Spread;
  /** Median over the rounds of the piece whose median is the longest, ms: what a piece takes by itself. */
  readonly itselfMs: number;
}

export interface PlanFigures {
  readonly shape: string;
  readonly modules: number;
  readonly needs: number;
  /** Ms of the leader's loop from the Submit to the first claims, the reducer not counted. */
  readonly planMs: Spread;
  /** Ms of every node's loop from the parts of the Submit to the run. */
  readonly submitMs: Spread;
  readonly planner: Pieces;
  readonly reducer: Pieces;
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
  readonly submitMs: readonly number[];
  readonly planMs: readonly number[];
  readonly plannerBytes: number;
  readonly stateBytes: number;
}

/** The Submit as the leader writes it into the log. */
function partsOf(spec: RunSpec): Command[] {
  const bytes = encodeSpec(spec);
  const parts = Math.ceil(bytes.length / SUBMIT_PART_BYTES);
  return Array.from({ length: parts }, (_, part): Command => ({ type: 'submitPart', now: 1, requestKey: 'bench', part, parts, bytes: bytes.slice(part * SUBMIT_PART_BYTES, (part + 1) * SUBMIT_PART_BYTES) }));
}

/** As `Applier` does it. @returns the ms of each piece. */
function applyAll(state: CellState, index: number, commands: readonly Command[], events: CellEvent[]): number[] {
  const piecesMs: number[] = [];
  const slice = new Slice(0);
  for (const [position, command] of commands.entries()) {
    if (!mayTakeLong(command)) throw new Error('a Submit is measured');
    const work = applyInSlices(state, index + position, command, slice);
    for (let done = false; !done; ) {
      const from = performance.now();
      slice.refill(STEPS_PER_SLICE);
      const next = work.next();
      piecesMs.push(performance.now() - from);
      done = next.done === true;
      if (next.done === true) events.push(...next.value.events);
    }
  }
  return piecesMs;
}

function playRound(modules: number, shape: Shape, heapUsed: () => number): Round {
  const state: CellState = createCell(cellHooks);
  const planner = new Planner();
  let index = 0;
  const enter = (command: Command): readonly CellEvent[] => apply(state, ++index, command).events;
  planner.onEvents(state, enter({ type: 'genesis', cellId: cellId('00112233445566778899aabbccddeeff'), clusterName: 'bench', createdAt: 1, founder: nodeId('n0') }));
  const capabilities = { os: 'linux', arch: 'x64', slots: SLOTS, memory: 0, gpus: [], tools: {}, labels: {}, functions: [] };
  for (let n = 0; n < 3; n++) enter({ type: 'sessionOpen', now: 1, node: nodeId(`n${n}`), member: '', bootId: 'b', name: `n${n}`, capabilities, running: [] });
  const sessions = [...state.sessions.keys()].map((session) => ({ session, slots: SLOTS, load: 0 }));
  const commands = partsOf({ name: 'bench', params: {}, env: {}, bundles: {}, modules: Array.from({ length: modules }, (_, i) => module(i, shape(modules, i))) });
  const empty = heapUsed();
  const events: CellEvent[] = [];
  const submitMs = applyAll(state, index + 1, commands, events);
  const full = heapUsed();
  const planMs: number[] = [];
  let claims = 0;
  do {
    const from = performance.now();
    if (planMs.length === 0) planner.onEvents(state, events);
    claims = planner.plan(state, 1, sessions, CLAIMS).length;
    planMs.push(performance.now() - from);
  } while (planner.busy);
  if (claims === 0) throw new Error('a planned graph has something to claim');
  const planned = heapUsed();
  return { submitMs, planMs, stateBytes: (full - empty) / modules, plannerBytes: (planned - full) / modules };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function pieces(rounds: readonly (readonly number[])[]): Pieces {
  const last = rounds.at(-1)!;
  return {
    count: last.length,
    longestMs: spread(rounds.map((ms) => Math.max(...ms))),
    itselfMs: Math.max(...last.map((_, i) => spread(rounds.map((ms) => ms[i] ?? 0)).p50)),
  };
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
        needs: sum(Array.from({ length: modules }, (_, i) => shape(modules, i).length)),
        planMs: spread(played.map(({ planMs }) => sum(planMs))),
        submitMs: spread(played.map(({ submitMs }) => sum(submitMs))),
        planner: pieces(played.map(({ planMs }) => planMs)),
        reducer: pieces(played.map(({ submitMs }) => submitMs)),
        plannerBytes: Math.round(last.plannerBytes),
        stateBytes: Math.round(last.stateBytes),
      };
    }),
  );
  return Promise.resolve(figures);
}

function piecesText({ count, longestMs, itselfMs }: Pieces): string {
  return `longest of ${count} pieces: ${spreadText(longestMs, 'ms')}; ${itselfMs} ms by itself`;
}

export function describePlan(figures: readonly PlanFigures[]): string {
  return figures
    .map(({ shape, modules, needs, planMs, submitMs, planner, reducer, plannerBytes, stateBytes }) =>
      [
        `plan of ${modules} modules, ${shape} (${needs} needs)`,
        `  reducer, in all:  ${spreadText(submitMs, 'ms')}`,
        `    ${piecesText(reducer)}`,
        `  planner, in all:  ${spreadText(planMs, 'ms')}`,
        `    ${piecesText(planner)}`,
        `  memory: ${plannerBytes} bytes a module in the planner, ${stateBytes} in the state`,
      ].join('\n'),
    )
    .join('\n');
}
