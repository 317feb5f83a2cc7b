/** Making a run record from a spec: at Submit and when a snapshot is restored. */
import type { CellId, LogIndex, NodeId, RunNumber } from '../lib/ids.ts';
import { drained, type Slice } from '../lib/slice.ts';
import { bundleBlobs } from './files.ts';
import { requirementOf, anyRequires, type Requirement } from './matching.ts';
import { childrenOf, type Children } from './needs.ts';
import { runIdOf, shortIdOf } from './run-id.ts';
import { modulePhases, phaseOrdinal, type EarlierClaim, type ModuleRecord, type RunRecord } from './state.ts';
import type { EarlierExecution, ModuleAction, ModuleSpec, RetrySpec, RunSpec } from './types.ts';
import { newWavesInSlices } from './waves.ts';

/** Steps (`Slice`) for the record of a module. */
const MODULE_STEPS = 60;

/** All modules waiting or ready, nothing claimed. */
export function newRun(cell: CellId, number: RunNumber, spec: RunSpec, requestKey: string, at: number, revision: LogIndex): RunRecord {
  return drained((slice) => newRunInSlices({ cell, number, spec, requestKey, at, revision }, childrenOf(spec.modules), slice));
}

export interface NewRun {
  readonly cell: CellId;
  readonly number: RunNumber;
  readonly spec: RunSpec;
  readonly requestKey: string;
  /** When it is accepted. */
  readonly at: number;
  readonly revision: LogIndex;
}

export function* newRunInSlices({ cell, number, spec, requestKey, at, revision }: NewRun, children: Children, slice: Slice): Generator<undefined, RunRecord> {
  const requirements = new Map<string, Requirement>();
  const modules: ModuleRecord[] = [];
  const counts = new Int32Array(modulePhases.length);
  const run: RunRecord = {
    number,
    runId: runIdOf(cell, number),
    shortId: shortIdOf(cell, number),
    spec,
    summary: false,
    requestKey,
    source: null,
    rerunOf: 0,
    phase: 'queued',
    submittedAt: at,
    startedAt: 0,
    finishedAt: 0,
    reason: '',
    paused: null,
    modules,
    expansions: new Map(),
    ...children,
    counts,
    waves: spec.policy?.barrier === 'wave' ? yield* newWavesInSlices(spec.modules, children, slice) : null,
    remade: 0,
    hedges: 0,
    milliCpuUsed: 0,
    valuesBytes: 0,
    tailsLength: 0,
    revision,
  };
  for (const [index, module] of spec.modules.entries()) {
    modules.push(newModule(run, index, module, shared(requirements, module)));
    counts[phaseOrdinal[firstPhase(module)]]!++;
    if (slice.spent(MODULE_STEPS)) yield undefined;
  }
  return run;
}

/** One with `foreach` waits until it is looked at what its list is, also without needs. */
function firstPhase({ needs, foreach }: ModuleSpec): 'ready' | 'waiting' {
  return needs.length === 0 && foreach === undefined ? 'ready' : 'waiting';
}

/** Equal requirements become one object, so that a run of 100,000 modules carries a handful. */
function shared(known: Map<string, Requirement>, module: ModuleSpec): Requirement {
  const requirement = requirementOf(module);
  const before = known.get(requirement.key);
  if (before !== undefined) return before;
  known.set(requirement.key, requirement);
  return requirement;
}

const noEarlier: readonly EarlierClaim[] = [];
const noExecutions: readonly EarlierExecution[] = [];
const noHolders: readonly NodeId[] = [];

/** @param item of a `foreach`: it is ready, since what it needs is what the module with `foreach` needed. */
export function newModule(run: RunRecord, index: number, spec: ModuleSpec, requirement: Requirement, item?: { readonly template: number; readonly number: number }): ModuleRecord {
  return {
    run,
    index,
    template: item?.template ?? index,
    item: item?.number ?? -1,
    requirement,
    phase: item === undefined ? firstPhase(spec) : 'ready',
    waitingOn: item === undefined ? spec.needs.length : 0,
    generation: 1,
    attempt: 0,
    failures: 0,
    losses: 0,
    fence: 0,
    countedFence: 0,
    lostFence: 0,
    acceptedFence: 0,
    session: 0,
    nodeId: '',
    hedge: null,
    hedged: false,
    earlier: noEarlier,
    executions: noExecutions,
    notBefore: 0,
    startedAt: 0,
    finishedAt: 0,
    outcome: null,
    holders: noHolders,
    staleFence: 0,
    inputsMissed: 0,
    note: '',
    checkpoint: null,
    cacheKey: '',
    reusedFrom: 0,
    inputsHash: '',
    valuesDigest: null,
  };
}

const noRetry: RetrySpec = { attempts: 1, backoffMs: 0, factor: 1, jitter: false, capMs: 0 };

const noEnv = {};
const noAction: ModuleAction = { type: 'run', command: '' };

export function summaryModule(name: string, needs: readonly number[]): ModuleSpec {
  return { name, needs, action: noAction, env: noEnv, requires: anyRequires, timeoutMs: 0, retry: noRetry, effectful: false, durationMs: 0 };
}

/** What a finished run keeps of its spec: names, needs, parameters, its own policy, and which blobs it came with. */
export function summarySpec(spec: RunSpec): RunSpec {
  const modules = spec.modules.map(({ name, needs }) => summaryModule(name, needs));
  const { name, params, bundles, policy } = spec;
  return { name, params, env: noEnv, bundles: Object.fromEntries(bundleBlobs(bundles)), modules, ...(policy === undefined ? {} : { policy }) };
}
