/** ClaimBatch and Release: who executes what (PROTOCOL §6). */
import { unreachable } from '../lib/assert.ts';
import { CLAIMS_PER_BATCH_MAX, fenceOf, type Fence, type LogIndex } from '../lib/ids.ts';
import { openNeeds, specOf } from './accessors.ts';
import { admissionProblem } from './admission.ts';
import { declineClaim, failAttempt, loseClaim, returnClaim } from './attempts.ts';
import { moduleEvent } from './finish.ts';
import { endCopy, isCopy } from './hedges.ts';
import { ITEMS_PER_ENTRY_MAX } from './limits.ts';
import { cellMutant } from './mutants.ts';
import { dropClaim, editModule, editRun, setClaim } from './mutate.ts';
import { nodeProblem } from './node-room.ts';
import { ownFailure } from './outcome.ts';
import { isExclusive } from './policy.ts';
import { refuse, type Applied } from './reply.ts';
import { takeCached } from './reuse.ts';
import { endingIsOver } from './seats.ts';
import { moduleAt, type CellState, type ModuleRecord, type SessionRecord } from './state.ts';
import type { CellEvent, ClaimItem, Command, ReleaseReason } from './types.ts';

/** Why a module cannot be claimed by this session now, or '' if it can. The reducer and the planner share this rule. */
export function claimProblem(state: CellState, module: ModuleRecord | undefined, session: SessionRecord | undefined): string {
  if (module === undefined) return 'unknown module';
  if (session === undefined) return 'unknown session';
  if (module.phase !== 'ready') return `the module is ${module.phase}`;
  if (openNeeds(module) !== 0 && !cellMutant(state, 'claim-before-needs')) return 'needs are not done';
  if (module.notBefore > state.now) return 'waits for its retry';
  const admission = admissionProblem(state, module);
  return admission === '' ? nodeProblem(state, module.requirement, session) : admission;
}

const copyNotes: Readonly<Record<ReleaseReason, string>> = {
  declined: 'the node had no room for it',
  released: 'the node handed it back',
  lost: 'lost contact with its node',
  timeout: 'no result after its timeout',
};

export function claimBatch(state: CellState, index: LogIndex, claims: readonly ClaimItem[]): Applied {
  if (claims.length > CLAIMS_PER_BATCH_MAX) return { reply: refuse('LIMIT_EXCEEDED', `more than ${CLAIMS_PER_BATCH_MAX} claims in one batch`), events: [] };
  const events: CellEvent[] = [];
  const fences: Fence[] = [];
  for (let position = 0; position < claims.length; position++) {
    const item = claims[position]!;
    const module = moduleAt(state, item.run, item.module);
    const session = state.sessions.get(item.session);
    if (claimProblem(state, module, session) !== '') {
      fences.push(0);
      continue;
    }
    if (takeCached(state, module!, session!, events)) {
      fences.push(0);
      continue;
    }
    const fence = fenceOf(index, position);
    claim(state, module!, session!, fence, events);
    fences.push(fence);
  }
  return { reply: { type: 'claims', fences }, events };
}

function claim(state: CellState, module: ModuleRecord, session: SessionRecord, fence: Fence, events: CellEvent[]): void {
  setClaim(state, module, session, fence, '');
  const writable = editModule(state, module);
  writable.attempt = module.failures + 1;
  writable.startedAt = state.now;
  writable.hedged = false;
  writable.notBefore = 0;
  if (module.run.phase === 'queued') {
    const run = editRun(state, module.run);
    run.phase = 'running';
    run.startedAt = state.now;
  }
  events.push(moduleEvent(state, module));
}

export function release(state: CellState, command: Extract<Command, { type: 'release' }>): Applied {
  const { claims, reason } = command;
  if (claims.length > ITEMS_PER_ENTRY_MAX) return { reply: refuse('LIMIT_EXCEEDED', `more than ${ITEMS_PER_ENTRY_MAX} claims in one release`), events: [] };
  const events: CellEvent[] = [];
  for (const claim of claims) {
    const { run, module, fence } = claim;
    if (reason === 'declined' || reason === 'released') endingIsOver(state, claim);
    const record = moduleAt(state, run, module);
    if (record === undefined || record.session === 0) continue;
    if (isCopy(record, fence)) releaseCopy(state, record, fence, reason, events);
    else if (record.fence === fence) releaseOne(state, record, reason, events);
  }
  return { reply: { type: 'ok' }, events };
}

/** One copy of two: whatever became of it, the other one is the execution of the module now. */
function releaseCopy(state: CellState, module: ModuleRecord, fence: Fence, reason: ReleaseReason, events: CellEvent[]): void {
  const session = fence === module.fence ? module.session : module.hedge!.session;
  endCopy(state, module, fence, reason === 'lost' || reason === 'timeout', copyNotes[reason], events);
  if (reason === 'released' || reason === 'timeout') events.push({ type: 'claimEnded', run: module.run.number, module: module.index, fence, session, why: reason });
}

function releaseOne(state: CellState, module: ModuleRecord, reason: ReleaseReason, events: CellEvent[]): void {
  const spec = specOf(module);
  // The node may still be executing it behind a dead socket; only the end of its session proves that it stopped.
  if (reason === 'lost' && isExclusive(spec) && !cellMutant(state, spec.effectful ? 'effectful-released-early' : 'limit-released-early')) return;
  const { fence } = module;
  const session = dropClaim(state, module, fence, reason !== 'timeout');
  switch (reason) {
    case 'declined':
      return declineClaim(state, module, events);
    case 'released':
      events.push({ type: 'claimEnded', run: module.run.number, module: module.index, fence, session, why: 'released' });
      return returnClaim(state, module, 'the node handed it back', events);
    case 'lost':
      return loseClaim(state, module, 'lost contact with its node', events);
    case 'timeout':
      events.push({ type: 'claimEnded', run: module.run.number, module: module.index, fence, session, why: 'timeout' });
      // Nobody has seen an effectful execution stop, so there must not be a second one.
      return failAttempt(state, module, fence, ownFailure('MODULE_TIMEOUT', `no result after its timeout of ${spec.timeoutMs} ms`), 0, spec.effectful, events);
    default:
      return unreachable(reason);
  }
}
