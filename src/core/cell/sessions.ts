/** Sessions: a node's standing with the cell. Leases are per session, not per module (PROTOCOL §4). */
import { assert } from '../lib/assert.ts';
import type { LogIndex, NodeId } from '../lib/ids.ts';
import { loseClaim, returnClaim, takeBackLoss } from './attempts.ts';
import { moduleEvent } from './finish.ts';
import { endCopy, isCopy, moveHedge } from './hedges.ts';
import {
  CPU_PER_MODULE_MAX,
  DRAINED_NODES_MAX,
  ENTRIES_PER_RECORD_MAX,
  ENV_VALUE_LENGTH_MAX,
  ITEMS_PER_ENTRY_MAX,
  MEMORY_BYTES_MAX,
  NAME_LENGTH_MAX,
  NODE_NAMES_MAX,
  SESSIONS_MAX,
} from './limits.ts';
import { dropClaim, editModule, moveClaim, setClaim, setPhase } from './mutate.ts';
import { ok, refuse, type Applied } from './reply.ts';
import { endingsAreOver, fullLimit, moveEnding } from './seats.ts';
import { isFinal, moduleAt, type CellState, type SessionRecord } from './state.ts';
import type { Capabilities, CellEvent, Command, RunningClaim } from './types.ts';

type SessionOpen = Extract<Command, { type: 'sessionOpen' }>;
type SessionExpire = Extract<Command, { type: 'sessionExpire' }>;

function textFits(text: string, max: number): boolean {
  return text.length <= max && text.isWellFormed();
}

function recordFits(record: Readonly<Record<string, string>>): boolean {
  const entries = Object.entries(record);
  return entries.length <= ENTRIES_PER_RECORD_MAX && entries.every(([key, value]) => textFits(key, NAME_LENGTH_MAX) && textFits(value, NAME_LENGTH_MAX));
}

function listFits(list: readonly string[]): boolean {
  return list.length <= ENTRIES_PER_RECORD_MAX && list.every((item) => textFits(item, NAME_LENGTH_MAX));
}

/** Whether what a node says about itself can be kept. */
export function capabilitiesFit(capabilities: Capabilities): boolean {
  const { os, arch, slots, memory, gpus, tools, labels, functions } = capabilities;
  const sizes = slots >= 0 && slots <= CPU_PER_MODULE_MAX && memory >= 0 && memory <= MEMORY_BYTES_MAX;
  return sizes && textFits(os, NAME_LENGTH_MAX) && textFits(arch, NAME_LENGTH_MAX) && listFits(gpus) && listFits(functions) && recordFits(tools) && recordFits(labels);
}

export function sessionOpen(state: CellState, index: LogIndex, command: SessionOpen): Applied {
  const { node, member, bootId, name, capabilities, running } = command;
  const texts = [node, bootId, name].every((text) => textFits(text, NAME_LENGTH_MAX)) && textFits(member, ENV_VALUE_LENGTH_MAX) && node !== '';
  if (!texts || !capabilitiesFit(capabilities)) return { reply: refuse('REQUEST_INVALID', 'the session cannot be kept: a name or a capability is out of range'), events: [] };
  if (running.length > ITEMS_PER_ENTRY_MAX) return { reply: refuse('LIMIT_EXCEEDED', `a session lists at most ${ITEMS_PER_ENTRY_MAX} running claims`), events: [] };
  const before = state.sessions.get(state.sessionOfNode.get(node) ?? 0);
  if (before === undefined && state.sessions.size >= SESSIONS_MAX) return { reply: refuse('LIMIT_EXCEEDED', `${SESSIONS_MAX} sessions are open`), events: [] };
  const events: CellEvent[] = [];
  const session: SessionRecord = {
    id: index,
    nodeId: node,
    member,
    bootId,
    name,
    capabilities,
    openedAt: state.now,
    milliCpuUsed: 0,
    memoryUsed: 0,
    claims: new Map(),
    fitsMemo: new Map(),
  };
  state.sessions.set(session.id, session);
  state.sessionOfNode.set(node, session.id);
  rememberName(state, node, name);
  events.push({ type: 'sessionOpened', session: session.id, node });
  for (const claim of running) {
    if (before !== undefined) moveEnding(state, claim, before.id, session.id);
    maybeClaimAgain(state, session, claim, events);
  }
  if (before !== undefined) closeSession(state, before, 'superseded', before.bootId === bootId ? 'returned' : 'lost', events);
  return { reply: { type: 'session', session: session.id }, events };
}

/** Names outlive sessions, so that a finished run can still say where it was executed. */
function rememberName(state: CellState, node: NodeId, name: string): void {
  const { nodeNames } = state;
  nodeNames.delete(node);
  nodeNames.set(node, name);
  if (nodeNames.size <= NODE_NAMES_MAX) return;
  const [oldest] = nodeNames.keys();
  nodeNames.delete(oldest!);
}

/**
 * A claim that the node still executes goes to its new session under the same fence, unless the module ended, was
 * claimed by another, or this very execution was already counted: a short loss of contact must not restart long work.
 */
function maybeClaimAgain(state: CellState, session: SessionRecord, { run, module, fence }: RunningClaim, events: CellEvent[]): void {
  const record = moduleAt(state, run, module);
  if (record === undefined || isFinal(record.phase) || fence === 0) return;
  if (record.hedge?.fence === fence) {
    if (record.hedge.nodeId === session.nodeId && record.hedge.session !== session.id) moveHedge(state, record, session, events);
    return;
  }
  if (record.fence !== fence || record.nodeId !== session.nodeId || record.countedFence === fence || record.session === session.id) return;
  if (record.session !== 0) {
    moveClaim(state, record, fence, session);
    setPhase(state, record, 'claimed', 'its node came back');
  } else {
    // Given to another meanwhile. By then its own node has killed it; if not, it is told to stop.
    if (fullLimit(state, record, true) !== undefined) return;
    takeBackLoss(state, record);
    setClaim(state, record, session, fence, 'its node came back');
    editModule(state, record).notBefore = 0;
  }
  events.push(moduleEvent(state, record));
}

/** `lost`: the claims count as losses. `returned`: the node lives and does not execute them, so nothing is counted. */
function closeSession(state: CellState, session: SessionRecord, reason: string, claims: 'lost' | 'returned', events: CellEvent[]): void {
  // By fence, not in the order of the map, which differs after a restore.
  const held = [...session.claims].sort(([a], [b]) => a - b);
  for (const [fence, module] of held) {
    // Another one's loss was the last straw, and ended this one, too.
    if (!session.claims.has(fence)) continue;
    if (isCopy(module, fence)) {
      endCopy(state, module, fence, claims === 'lost', claims === 'lost' ? `node ${session.name} was lost` : `node ${session.name} does not execute it any more`, events);
      if (claims === 'returned') events.push({ type: 'claimEnded', run: module.run.number, module: module.index, fence, session: session.id, why: 'released' });
      continue;
    }
    dropClaim(state, module, fence, true);
    if (claims === 'lost') {
      loseClaim(state, module, `node ${session.name} was lost`, events);
      continue;
    }
    events.push({ type: 'claimEnded', run: module.run.number, module: module.index, fence, session: session.id, why: 'released' });
    returnClaim(state, module, `node ${session.name} does not execute it any more`, events);
  }
  endingsAreOver(state, session.id);
  assert(session.claims.size === 0, 'a closed session holds nothing');
  state.sessions.delete(session.id);
  if (state.sessionOfNode.get(session.nodeId) === session.id) state.sessionOfNode.delete(session.nodeId);
  events.push({ type: 'sessionClosed', session: session.id, node: session.nodeId, reason });
}

export function sessionExpire(state: CellState, { session: id, reason }: SessionExpire): Applied {
  const session = state.sessions.get(id);
  if (session === undefined) return { reply: refuse('REQUEST_INVALID', `session ${id} is not open`), events: [] };
  const events: CellEvent[] = [];
  closeSession(state, session, reason, reason === 'left' ? 'returned' : 'lost', events);
  // Leaving drains first; who comes back comes to work.
  if (reason === 'left' && state.drained.delete(session.nodeId)) events.push({ type: 'nodeDrain', node: session.nodeId, on: false });
  return { reply: ok, events };
}

/** A draining node keeps its claims and gets no new ones. It may have no session yet: the mark waits for it. */
export function nodeDrain(state: CellState, node: NodeId, on: boolean): Applied {
  if (node === '' || !textFits(node, NAME_LENGTH_MAX)) return { reply: refuse('NODE_NOT_FOUND', 'not a node id'), events: [] };
  if (state.drained.has(node) === on) return { reply: ok, events: [] };
  if (on && state.drained.size >= DRAINED_NODES_MAX) return { reply: refuse('LIMIT_EXCEEDED', `${DRAINED_NODES_MAX} nodes are draining`), events: [] };
  if (on) state.drained.add(node);
  else state.drained.delete(node);
  return { reply: ok, events: [{ type: 'nodeDrain', node, on }] };
}
