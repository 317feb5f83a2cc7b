/**
 * Snapshot and hash of a cell, over one plain form: a header, and one section per run, so that only runs that changed
 * are encoded again. Derived fields are left out and rebuilt by `restore.ts`.
 */
import { assert } from '../lib/assert.ts';
import { Hasher } from '../lib/hash.ts';
import type { LogIndex, NodeId, RunNumber } from '../lib/ids.ts';
import { jsonText } from '../lib/json-text.ts';
import { hashPlain, type Plain } from '../lib/plain.ts';
import { drained, type Slice } from '../lib/slice.ts';
import { checkpointPlain } from './checkpoints.ts';
import { logPlain, outcomeFilesPlain, digestsPlain } from './files.ts';
import { SNAPSHOT_FORMAT } from './limits.ts';
import { specPlain } from './spec-plain.ts';
import { phaseOrdinal, runPhases, type CellState, type ModuleRecord, type Pause, type RunRecord } from './state.ts';
import type { Outcome } from './types.ts';

export { fromSections } from './restore.ts';

export interface RunSection {
  readonly run: RunNumber;
  /** Same revision, same plain form: bytes encoded before can be used again. */
  readonly revision: LogIndex;
  /** Call before the next `apply`: it reads the live state, and a section that moved on would not fit its header. */
  readonly plain: () => Plain;
  /** The same in slices; all of them before the next `apply`. */
  readonly plainInSlices: (slice: Slice) => Generator<undefined, Plain>;
}

export interface Sections {
  readonly header: Plain;
  /** By run number. */
  readonly runs: readonly RunSection[];
}

export function toSections(state: CellState): Sections {
  const runs: RunSection[] = [];
  for (const run of state.runs.values()) {
    const { revision } = run;
    const plainInSlices = function* (slice: Slice): Generator<undefined, Plain> {
      const plain = yield* runPlain(run, slice);
      assert(run.revision === revision, 'a section is encoded before its run changes');
      return plain;
    };
    runs.push({ run: run.number, revision, plain: () => drained(plainInSlices), plainInSlices });
  }
  return { header: headerPlain(state), runs };
}

function headerPlain(state: CellState): Plain {
  return [
    SNAPSHOT_FORMAT,
    state.cellId,
    state.clusterName,
    state.createdAt,
    state.founder,
    state.appliedIndex,
    state.now,
    state.established,
    state.closedFor,
    [...state.sessions.values()].map((session) => [
      session.id,
      session.nodeId,
      session.member,
      session.bootId,
      session.name,
      jsonText(session.capabilities),
      session.openedAt,
    ]),
    [...state.drained],
    pausePlain(state.queuePaused),
    [...state.ending.values()].sort((a, b) => a.fence - b.fence).map(({ run, module, fence, session, keys }) => [run, module, fence, session, keys]),
    [...state.nodeNames].map(([node, name]) => [node, name]),
    [...state.requests].map(([key, { run, at }]) => [key, run, at]),
    state.requestHorizon,
    [...state.unfinished].map(([key, { parts, at, received }]) => [key, parts, at, received.map((part) => part ?? null)]),
    [...state.learned].map(([pipeline, averages]) => [pipeline, [...averages].map(([module, average]) => [module, average])]),
    state.runs.size,
  ];
}

function pausePlain(pause: Pause | null): Plain {
  return pause === null ? null : [pause.reason, pause.at];
}

/** Steps (`Slice`) for the plain form of a module. */
const MODULE_STEPS = 10;

function* runPlain(run: RunRecord, slice: Slice): Generator<undefined, Plain> {
  const spec = yield* specPlain(run.spec, run.summary, slice);
  const modules: Plain[] = [];
  // Names of nodes are long, and few nodes hold the files of many modules.
  const nodes = new Map<NodeId, number>();
  const numberOf = (node: NodeId): number => {
    const known = nodes.get(node) ?? nodes.size;
    nodes.set(node, known);
    return known;
  };
  for (const module of run.modules) {
    modules.push(modulePlain(module, numberOf));
    if (slice.spent(MODULE_STEPS)) yield undefined;
  }
  return [
    run.number,
    run.revision,
    run.requestKey,
    runPhases.indexOf(run.phase),
    run.submittedAt,
    run.startedAt,
    run.finishedAt,
    run.reason,
    pausePlain(run.paused),
    run.summary,
    spec,
    [...run.expansions.values()].map(({ template, count }) => [template, count]),
    modules,
    [...nodes.keys()],
    run.source,
    run.rerunOf,
  ];
}

/** A module that nothing has happened to yet, in this run or in the one that it runs again, is its phase alone. */
function modulePlain(module: ModuleRecord, numberOf: (node: NodeId) => number): Plain {
  const phase = phaseOrdinal[module.phase];
  if (module.fence === 0 && module.outcome === null && module.note === '' && module.startedAt === 0 && module.finishedAt === 0 && module.checkpoint === null) return phase;
  return [
    phase,
    module.generation,
    module.attempt,
    module.failures,
    module.losses,
    module.fence,
    module.countedFence,
    module.lostFence,
    module.acceptedFence,
    module.session,
    module.nodeId,
    module.earlier.map(({ fence, nodeId }) => [fence, nodeId]),
    module.hedge === null ? null : [module.hedge.fence, module.hedge.session, module.hedge.nodeId, module.hedge.startedAt],
    module.hedged,
    module.notBefore,
    module.startedAt,
    module.finishedAt,
    module.outcome === null ? null : outcomePlain(module.outcome),
    module.note,
    checkpointPlain(module.checkpoint),
    module.cacheKey,
    module.reusedFrom,
    module.executions.map(({ fence, attempt, nodeId, code, tail, log }) => [fence, attempt, nodeId, code, tail, logPlain(log)]),
    module.holders.map(numberOf),
    module.staleFence,
    module.inputsMissed,
  ];
}

/** Most modules have no values. */
function valuesText(values: Outcome['values']): string {
  for (const _name in values) return jsonText(values);
  return '';
}

function outcomePlain(outcome: Outcome): Plain {
  const { ok, values, error, exitCode, tail, startedAt, durationMs, files, valuesCut, log, digests } = outcome;
  return [ok, valuesText(values), error === null ? null : [error.code, error.message], exitCode, tail, startedAt, durationMs, outcomeFilesPlain(files), valuesCut === true, logPlain(log), digestsPlain(digests)];
}

/**
 * Hash of all that a snapshot would hold, 32 hex digits: equal on all replicas that applied the same log. The parts of
 * runs that did not change since the last call are not walked again.
 */
export function stateHash(state: CellState): string {
  const hasher = new Hasher();
  hashPlain(hasher, headerPlain(state));
  for (const run of state.runs.values()) for (const word of runDigest(state, run)) hasher.word(word);
  return hasher.hex();
}

function runDigest(state: CellState, run: RunRecord): readonly number[] {
  const known = state.runHashes.get(run);
  if (known?.revision === run.revision) return known.digest;
  const hasher = new Hasher();
  hashPlain(hasher, drained((slice) => runPlain(run, slice)));
  const digest = hasher.digest();
  state.runHashes.set(run, { revision: run.revision, digest });
  return digest;
}
