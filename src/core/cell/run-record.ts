/** Making a run record from a spec: at Submit and when a snapshot is restored. */
import type { CellId, LogIndex, RunNumber } from '../lib/ids.ts';
import { requirementOf, anyRequires, type Requirement } from './matching.ts';
import { runIdOf, shortIdOf } from './run-id.ts';
import { childrenOf } from './run-spec.ts';
import { modulePhases, phaseOrdinal, type EarlierClaim, type ModuleRecord, type RunRecord } from './state.ts';
import type { ModuleAction, ModuleSpec, RetrySpec, RunSpec } from './types.ts';
import { newWaves } from './waves.ts';

/** All modules waiting or ready, nothing claimed. */
export function newRun(cell: CellId, number: RunNumber, spec: RunSpec, requestKey: string, at: number, revision: LogIndex): RunRecord {
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
    phase: 'queued',
    submittedAt: at,
    startedAt: 0,
    finishedAt: 0,
    reason: '',
    paused: null,
    modules,
    ...childrenOf(spec.modules),
    counts,
    waves: spec.policy?.barrier === 'wave' ? newWaves(spec.modules) : null,
    valuesBytes: 0,
    tailsLength: 0,
    revision,
  };
  for (const [index, module] of spec.modules.entries()) {
    modules.push(newModule(run, index, module, shared(requirements, module)));
    counts[phaseOrdinal[module.needs.length === 0 ? 'ready' : 'waiting']]!++;
  }
  return run;
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

function newModule(run: RunRecord, index: number, spec: ModuleSpec, requirement: Requirement): ModuleRecord {
  return {
    run,
    index,
    requirement,
    phase: spec.needs.length === 0 ? 'ready' : 'waiting',
    waitingOn: spec.needs.length,
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
    earlier: noEarlier,
    notBefore: 0,
    startedAt: 0,
    finishedAt: 0,
    outcome: null,
    note: '',
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

/** What a finished run keeps of its spec: names, needs, parameters. */
export function summarySpec(spec: RunSpec): RunSpec {
  const modules = spec.modules.map(({ name, needs }) => summaryModule(name, needs));
  return { name: spec.name, params: spec.params, env: noEnv, bundles: noEnv, modules };
}
