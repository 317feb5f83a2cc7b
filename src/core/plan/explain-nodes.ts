/** What each node could do for a module now, and what all of them together mean for it. */
import { lacking, MILLI, totalMilliCpu, type Requirement } from '../cell/matching.ts';
import type { CellState, SessionRecord } from '../cell/state.ts';
import type { Fence, NodeId, SessionId } from '../lib/ids.ts';
import { sizeText } from '../lib/size-text.ts';
import type { Reason } from './explain.ts';
import type { Competition } from './explain-ahead.ts';
import { counted, listed, span } from './explain-words.ts';

/** A session as whoever leads knows it, beyond the log. */
export interface NodeOutlook {
  readonly session: SessionId;
  /** Cpu slots that the node offers now; 0 while it stops. */
  readonly slots: number;
  /** ms since something was heard of a node that cannot be given work; 0 for one that answers. */
  readonly silentMs: number;
  /** Claims there whose inputs are still being fetched, and that succeeded and wait for copies of their files. @default none */
  readonly fetching?: ReadonlySet<Fence>;
  readonly committing?: ReadonlySet<Fence>;
}

/**
 * `executes` it; `unfit`: lacks something for good; `drained`; `silent`: does not answer; `closed`: offers no slots now;
 * `full`; `behind`: has room, but others go first; `room`: could take it.
 */
export type NodeVerdict = 'executes' | 'unfit' | 'drained' | 'silent' | 'closed' | 'full' | 'behind' | 'room';

export interface NodeAnswer {
  /** Name. */
  readonly node: string;
  readonly nodeId: NodeId;
  readonly verdict: NodeVerdict;
  /** In words, to be read after the name and a colon. */
  readonly text: string;
}

/** One node before a requirement. */
export interface NodeStand extends NodeAnswer {
  /** Empty for all but `unfit`. */
  readonly lacks: readonly string[];
  /** Modules of higher priority for this node; 0 where it cannot take any. */
  readonly ahead: number;
}

/** Where a module stands among the others. */
export interface Rank {
  readonly priority: number;
  readonly competition: Competition;
}

/** @param outlook undefined when only the log is at hand: then all sessions count as answering. */
export function nodeStands(state: CellState, requirement: Requirement, outlook: ReadonlyMap<SessionId, NodeOutlook> | undefined, rank: Rank): NodeStand[] {
  const stands = Array.from(state.sessions.values(), (session): NodeStand => {
    const lacks = lacking(requirement, session.capabilities);
    const soft = outlook === undefined ? { slots: Infinity, silentMs: 0 } : (outlook.get(session.id) ?? { slots: 0, silentMs: 0 });
    return { node: session.name, nodeId: session.nodeId, lacks, ahead: 0, ...verdictOf(state, session, requirement, lacks, soft, rank) };
  });
  return stands.sort((a, b) => (a.node === b.node ? (a.nodeId < b.nodeId ? -1 : 1) : a.node < b.node ? -1 : 1));
}

function verdictOf(state: CellState, session: SessionRecord, requirement: Requirement, lacks: readonly string[], soft: Pick<NodeOutlook, 'slots' | 'silentMs'>, { priority, competition }: Rank): Pick<NodeAnswer, 'verdict' | 'text'> & { readonly ahead?: number } {
  const { capabilities, milliCpuUsed, memoryUsed } = session;
  if (capabilities.slots === 0) return { verdict: 'unfit', text: 'executes nothing: it has no cpu slots' };
  if (lacks.length > 0) return { verdict: 'unfit', text: `lacks ${listed(lacks)}` };
  if (state.drained.has(session.nodeId)) return { verdict: 'drained', text: 'drained: it gets no modules' };
  if (soft.silentMs > 0) return { verdict: 'silent', text: `does not answer (last heard of ${span(soft.silentMs)} ago)` };
  if (!(soft.slots > 0)) return { verdict: 'closed', text: 'offers no slots now: it starts or stops' };
  const total = Math.min(totalMilliCpu(capabilities), Math.round(soft.slots * MILLI));
  const waiting = (): number => competition.ahead(priority, session);
  if (milliCpuUsed + requirement.milliCpu > total) return { verdict: 'full', ahead: waiting(), text: `full (${milliCpuUsed / MILLI} of ${total / MILLI} cpu in use; needs ${requirement.milliCpu / MILLI})` };
  if (requirement.memory > 0 && memoryUsed + requirement.memory > capabilities.memory) {
    return { verdict: 'full', ahead: waiting(), text: `full (${sizeText(memoryUsed)} of ${sizeText(capabilities.memory)} of memory in use; needs ${sizeText(requirement.memory)})` };
  }
  const ahead = competition.ahead(priority, session, { milliCpu: total - milliCpuUsed, memory: capabilities.memory - memoryUsed });
  if (ahead > 0) return { verdict: 'behind', ahead, text: `has room, behind ${others(ahead, competition.isPart)} of higher priority` };
  return { verdict: 'room', text: `has room (${(total - milliCpuUsed) / MILLI} of ${total / MILLI} cpu free)` };
}

/** Why none of the nodes takes a module that nothing else keeps; undefined when one has room. @param isPart not all that may go first were counted. */
export function placementReason(stands: readonly NodeStand[], isPart: boolean): Reason | undefined {
  if (stands.length === 0) return { code: 'no-nodes', text: 'no node is connected' };
  const fitting = stands.filter(({ verdict }) => verdict !== 'unfit');
  if (fitting.length === 0) return { code: 'unfit', text: noneFits(stands) };
  if (fitting.some(({ verdict }) => verdict === 'room' || verdict === 'behind')) return undefined;
  const active = fitting.filter(({ verdict }) => verdict !== 'drained');
  if (active.length === 0) return { code: 'drained', text: `${who(fitting, stands)} ${is(fitting)} drained` };
  const full = active.filter(({ verdict }) => verdict === 'full');
  if (full.length === 0) {
    const silent = active.every(({ verdict }) => verdict === 'silent');
    return silent ? { code: 'silent', text: `${who(active, stands)} ${active.length === 1 ? 'does' : 'do'} not answer` } : { code: 'closed', text: `${who(active, stands)} ${active.length === 1 ? 'offers' : 'offer'} no slots now` };
  }
  // The same modules may wait for several nodes.
  const ahead = Math.max(...full.map((stand) => stand.ahead));
  const behind = ahead > 0 ? `, and ${others(ahead, isPart)} of higher priority ${ahead === 1 ? 'goes' : 'go'} first` : '';
  return { code: 'full', text: `${who(full, stands)} ${is(full)} full${behind}` };
}

function others(count: number, isPart: boolean): string {
  return `${isPart ? 'at least ' : ''}${counted(count, 'module')}`;
}

function is(some: readonly unknown[]): string {
  return some.length === 1 ? 'is' : 'are';
}

function who(some: readonly NodeStand[], all: readonly NodeStand[]): string {
  if (some.length === all.length && all.length > 1) return `all ${all.length} nodes`;
  if (some.length === 1) return `${all.length === 1 ? 'the only node, ' : 'the only node for it, '}${some[0]!.node},`;
  return `all ${some.length} nodes for it (${listed(some.map(({ node }) => node))})`;
}

/** The node that lacks least is the one that is easiest to help. */
function noneFits(stands: readonly NodeStand[]): string {
  const nearest = stands.reduce((best, stand) => (stand.lacks.length < best.lacks.length ? stand : best));
  const everywhere = nearest.lacks.map(wanted).filter((lack) => stands.every(({ lacks }) => lacks.some((other) => wanted(other) === lack)));
  const start = everywhere.length > 0 ? `needs ${listed(everywhere)}: no node has ${everywhere.length === 1 ? 'it' : 'them'}` : 'no node has all that it needs';
  return `${start} (nearest: ${nearest.node} lacks ${listed(nearest.lacks)})`;
}

/** Without what the node has instead. */
function wanted(lack: string): string {
  return lack.replace(/ \(has .*\)$/, '');
}
