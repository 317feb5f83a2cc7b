/** How everything stood at a moment: each thing has its own rising list of changes, searched by time. */
import { EVENT_KINDS, NODE_ROLES, NODE_STATES, type EventRow, type ExecutionSpan, type LinkChange, type ModuleChange, type NodeChange, type ReplayData, type RunChange } from '../data.ts';

type Dated = readonly [time: number, ...rest: unknown[]];

/** Position of the last element that is not later than `time`; -1 = all are. */
export function lastBefore(list: readonly Dated[], time: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] as Dated)[0] <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function group<T extends Dated>(list: readonly T[], count: number, keyOf: (item: T) => number): T[][] {
  const groups = Array.from({ length: count }, (): T[] => []);
  for (const item of list) groups[keyOf(item)]?.push(item);
  return groups;
}

export interface NodeNow {
  readonly name: string;
  readonly state: (typeof NODE_STATES)[number];
  readonly role: (typeof NODE_ROLES)[number];
  readonly term: number;
  readonly cell: string;
  readonly commitIndex: number;
  /** When this role and term began. */
  readonly since: number;
}

/** A node in one state and role. */
export interface StateSpan {
  readonly start: number;
  readonly end: number;
  readonly state: number;
  readonly role: number;
}

export class Model {
  readonly data: ReplayData;
  readonly nodeChanges: NodeChange[][];
  /** At `from * nodes + to`. */
  readonly linkChanges: LinkChange[][];
  readonly #modules: ModuleChange[][][];
  readonly #runs: RunChange[][];
  readonly executions: ExecutionSpan[][];
  /** Per node, without gaps. */
  readonly spans: StateSpan[][];
  readonly leaderTimes: number[];
  readonly faultTimes: number[];

  constructor(data: ReplayData) {
    this.data = data;
    const count = data.nodes.length;
    this.nodeChanges = group(data.nodeChanges, count, (change) => change[1]);
    this.linkChanges = group(data.linkChanges, count * count, (change) => change[1] * count + change[2]);
    this.#runs = group(data.runChanges, data.runs.length, (change) => change[1]);
    this.#modules = data.runs.map(({ modules }) => modules.map(() => []));
    for (const change of data.moduleChanges) this.#modules[change[1]]?.[change[2]]?.push(change);
    this.executions = group(data.executions, count, (span) => span[2]);
    this.spans = this.nodeChanges.map((changes) => stateSpans(changes, data.toMs));
    this.leaderTimes = timesOf(data.events, ['leader']);
    this.faultTimes = timesOf(data.events, ['fault', 'heal']);
  }

  node(index: number, time: number): NodeNow {
    const changes = this.nodeChanges[index] ?? [];
    const at = lastBefore(changes, time);
    const [, , state = 0, role = 0, term = 0, cell = -1, commitIndex = 0] = changes[at] ?? [];
    let first = at;
    while (first > 0 && changes[first - 1]?.[2] === state && changes[first - 1]?.[3] === role && changes[first - 1]?.[4] === term) first -= 1;
    return {
      name: this.data.nodes[index] ?? '',
      state: NODE_STATES[state] ?? 'down',
      role: NODE_ROLES[role] ?? 'seeking',
      term,
      cell: this.data.cells[cell] ?? '',
      commitIndex,
      since: changes[first]?.[0] ?? this.data.fromMs,
    };
  }

  nodes(time: number): NodeNow[] {
    return this.data.nodes.map((_, index) => this.node(index, time));
  }

  /** 0 open, 1 cut, 2 clogged. */
  link(from: number, to: number, time: number): number {
    const changes = this.linkChanges[from * this.data.nodes.length + to] ?? [];
    return changes[lastBefore(changes, time)]?.[3] ?? 0;
  }

  /** 0 to 9, both directions. */
  traffic(a: number, b: number, time: number): number {
    const { pairs, spanMs } = this.data.traffic;
    const span = Math.floor(time / spanMs);
    const level = (from: number, to: number): number => Number(pairs[from * this.data.nodes.length + to]?.[span] ?? 0);
    return Math.max(level(a, b), level(b, a));
  }

  runPhase(run: number, time: number): { readonly phase: number; readonly since: number } | undefined {
    const changes = this.#runs[run] ?? [];
    const change = changes[lastBefore(changes, time)];
    return change === undefined ? undefined : { phase: change[2], since: change[0] };
  }

  module(run: number, module: number, time: number): ModuleChange | undefined {
    const changes = this.#modules[run]?.[module] ?? [];
    return changes[lastBefore(changes, time)];
  }

  /** Executions under way on a node. */
  executing(node: number, time: number): ExecutionSpan[] {
    return (this.executions[node] ?? []).filter(([start, end]) => start <= time && time < end);
  }

  /** Highest term wins: an older leader may not know yet that it is one no more. */
  leaders(now: readonly NodeNow[]): NodeNow[] {
    return now.filter(({ role, state }) => role === 'leader' && state !== 'down').sort((a, b) => b.term - a.term);
  }
}

function stateSpans(changes: readonly NodeChange[], toMs: number): StateSpan[] {
  const spans: StateSpan[] = [];
  for (const [i, [start, , state, role]] of changes.entries()) {
    const end = changes[i + 1]?.[0] ?? toMs;
    const last = spans.at(-1);
    if (last?.state === state && last.role === role) spans[spans.length - 1] = { ...last, end };
    else spans.push({ start, end, state, role });
  }
  return spans;
}

function timesOf(events: readonly EventRow[], kinds: readonly string[]): number[] {
  return events.filter(([, kind]) => kinds.includes(EVENT_KINDS[kind] ?? '')).map(([time]) => time);
}
