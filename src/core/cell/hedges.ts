/**
 * Hedging: a module that takes much longer than predicted is executed a second time, on another node and under a fence of
 * its own, while the first execution goes on. The first result that counts ends both. One copy that ends badly while the
 * other lives is not an attempt and no loss: it is only one copy less, and the last one's end counts as always. For each
 * claim there is one second copy at most.
 */
import { CLAIMS_PER_BATCH_MAX, fenceOf, type Fence, type LogIndex } from '../lib/ids.ts';
import { specOf } from './accessors.ts';
import { admissionProblem } from './admission.ts';
import { cellMutant } from './mutants.ts';
import { dropClaim, keepEarlier, moveClaim, setHedge } from './mutate.ts';
import { nodeProblem } from './node-room.ts';
import { modulePolicy } from './policy.ts';
import { refuse, type Applied } from './reply.ts';
import { moduleAt, type CellState, type ModuleRecord, type SessionRecord } from './state.ts';
import type { CellEvent, ClaimItem } from './types.ts';

/** Whether a second copy of such a module may ever run. */
export function isHedgeable(module: ModuleRecord): boolean {
  const spec = specOf(module);
  const { hedgeFactor, limits } = modulePolicy(spec);
  return hedgeFactor > 0 && !spec.effectful && limits.length === 0;
}

/** Why a module cannot be claimed a second time by this session now, or ''. The reducer and the planner share this rule. */
export function hedgeProblem(state: CellState, module: ModuleRecord | undefined, session: SessionRecord | undefined): string {
  if (module === undefined) return 'unknown module';
  if (session === undefined) return 'unknown session';
  if (module.phase !== 'claimed') return `the module is ${module.phase}`;
  if (module.hedge !== null) return 'two copies are executed already';
  // One copy that ends badly is not counted while there is another: with a third one that could go on for ever.
  if (module.hedged && !cellMutant(state, 'hedge-without-end')) return 'it has had its second copy';
  if (module.nodeId === session.nodeId) return 'its first copy is on this node';
  if (!isHedgeable(module) && !cellMutant(state, 'hedge-unasked')) return 'it is not to be hedged';
  const admission = admissionProblem(state, module);
  return admission === '' ? nodeProblem(state, module.requirement, session) : admission;
}

export function hedgeBatch(state: CellState, index: LogIndex, claims: readonly ClaimItem[]): Applied {
  if (claims.length > CLAIMS_PER_BATCH_MAX) return { reply: refuse('LIMIT_EXCEEDED', `more than ${CLAIMS_PER_BATCH_MAX} claims in one batch`), events: [] };
  const events: CellEvent[] = [];
  const fences = claims.map((item, position): Fence => {
    const module = moduleAt(state, item.run, item.module);
    const session = state.sessions.get(item.session);
    if (hedgeProblem(state, module, session) !== '') return 0;
    const fence = fenceOf(index, position);
    setHedge(state, module!, session!, { fence, session: session!.id, nodeId: session!.nodeId, startedAt: state.now });
    events.push(hedgeEvent(state, module!, true, fence, session!.id, ''));
    return fence;
  });
  return { reply: { type: 'claims', fences }, events };
}

function hedgeEvent(state: CellState, module: ModuleRecord, on: boolean, fence: Fence, session: number, note: string): CellEvent {
  return { type: 'hedge', run: module.run.number, runId: module.run.runId, module: module.index, on, fence, session, at: state.now, note };
}

/** Its node came back in a new session and still executes it. */
export function moveHedge(state: CellState, module: ModuleRecord, session: SessionRecord, events: CellEvent[]): void {
  const { fence } = module.hedge!;
  moveClaim(state, module, fence, session);
  events.push(hedgeEvent(state, module, true, fence, session.id, 'its node came back'));
}

/** Whether this fence is that of one of two copies that live. */
export function isCopy(module: ModuleRecord, fence: Fence): boolean {
  return module.hedge !== null && (fence === module.fence || fence === module.hedge.fence);
}

/**
 * Ends one copy of two, and nothing else: nothing is counted, the other one goes on.
 * @param mayDeliver its execution may still come to a good end, of which the result would count.
 */
export function endCopy(state: CellState, module: ModuleRecord, fence: Fence, mayDeliver: boolean, note: string, events: CellEvent[]): void {
  const nodeId = fence === module.fence ? module.nodeId : module.hedge!.nodeId;
  const session = dropClaim(state, module, fence, true);
  if (mayDeliver && nodeId !== '') keepEarlier(state, module, { fence, nodeId });
  events.push(hedgeEvent(state, module, false, fence, session, note));
}

/** One copy has won: the other one is told to stop. */
export function stopOtherCopy(state: CellState, module: ModuleRecord, winner: Fence, events: CellEvent[]): void {
  if (module.hedge === null) return;
  const fence = winner === module.fence ? module.hedge.fence : module.fence;
  const session = dropClaim(state, module, fence, false);
  if (!cellMutant(state, 'hedge-loser-goes-on')) events.push({ type: 'claimEnded', run: module.run.number, module: module.index, fence, session, why: 'superseded' });
}
