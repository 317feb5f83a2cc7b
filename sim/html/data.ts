/** What a page holds of a simulation: lists of changes, as small as plain JSON allows. Times are virtual ms. */
import type { EventKind } from '../timeline/events.ts';

/** Positions are the codes in `NodeChange`. */
export const NODE_STATES = ['down', 'up', 'paused'] as const;
export const NODE_ROLES = ['seeking', 'worker', 'standby', 'voter', 'candidate', 'leader'] as const;
export const LINK_STATES = ['open', 'cut', 'clogged'] as const;
export const MODULE_PHASES = ['waiting', 'ready', 'claimed', 'expanded', 'succeeded', 'failed', 'skipped', 'cancelled'] as const;
export const RUN_PHASES = ['queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled'] as const;
export const EXECUTION_ENDS = ['running', 'succeeded', 'failed', 'stopped', 'killed'] as const;
export const EVENT_KINDS = ['fault', 'heal', 'leader', 'members', 'plan', 'result', 'run', 'client', 'read', 'note', 'violation'] as const satisfies readonly EventKind[];

/** Index into `ReplayData.cells`; -1 = in none. */
export type NodeChange = readonly [time: number, node: number, state: number, role: number, term: number, cell: number, commitIndex: number];
/** What `from` sends to `to`. */
export type LinkChange = readonly [time: number, from: number, to: number, state: number];
export type ModuleChange = readonly [time: number, run: number, module: number, phase: number, node: number, fence: string];
export type RunChange = readonly [time: number, run: number, phase: number];
export type ExecutionSpan = readonly [start: number, end: number, node: number, run: number, module: number, ended: number, effectful: number];
export type EventRow = readonly [time: number, kind: number, who: string, text: string];

export interface RunData {
  readonly name: string;
  readonly at: number;
  readonly modules: { readonly name: string; readonly needs: readonly number[]; readonly effectful: boolean }[];
}

/** Messages per span of time, in steps of a factor 2: '0' none, '1' one, '2' two or three, … */
export interface TrafficData {
  readonly spanMs: number;
  readonly total: readonly number[];
  /** Per directed pair, at `from * nodes + to`; empty with many nodes. */
  readonly pairs: readonly string[];
}

export interface ReplayData {
  readonly seed: string;
  readonly options: string;
  /** Shell command that shows the same again. */
  readonly replay: string;
  /** What came out, in one line. */
  readonly outcome: { readonly kind: 'good' | 'wait' | 'bad'; readonly text: string };
  /** More lines with what came out. */
  readonly summary: readonly string[];
  readonly fromMs: number;
  readonly toMs: number;
  /** What was left out to keep the page small, in sentences. */
  readonly cuts: readonly string[];
  readonly nodes: readonly string[];
  readonly cells: readonly string[];
  readonly nodeChanges: readonly NodeChange[];
  readonly linkChanges: readonly LinkChange[];
  readonly runs: readonly RunData[];
  readonly runChanges: readonly RunChange[];
  readonly moduleChanges: readonly ModuleChange[];
  readonly executions: readonly ExecutionSpan[];
  readonly events: readonly EventRow[];
  readonly traffic: TrafficData;
  readonly violation: { readonly time: number; readonly invariant: string; readonly message: string } | null;
}
