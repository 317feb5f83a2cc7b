/** Random logs with all that the slow model does not know of: lists of files, cached results, checkpoints, runs that are run again. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import * as fc from 'fast-check';
import { apply } from '../../../src/core/cell/cell.ts';
import { fromSections, stateHash, toSections } from '../../../src/core/cell/snapshot.ts';
import { createCell, type CellState, type ModuleRecord } from '../../../src/core/cell/state.ts';
import { nodeId } from '../../../src/core/lib/ids.ts';
import { cellName, hooks, start } from './cells.ts';
import { Invariants } from './invariants.ts';
import { RandomLog, steps, type Step } from './random-log.ts';

/** Commands from one restored snapshot to the next. */
const RESTORED_EVERY = 20;

function restored(state: CellState): CellState {
  const { header, runs } = toSections(state);
  return fromSections(header, runs.map(({ plain }) => plain()), hooks);
}

/** All that a cell knows, derived or not, as values: modules and sessions that others refer to are named. */
function everything(state: CellState): unknown {
  const plain = (value: unknown): unknown => {
    if (value instanceof Map) return [...value].map(([key, item]) => [plain(key), plain(item)]).toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    if (value instanceof Set) return [...value].map(String).toSorted();
    if (value instanceof WeakMap || typeof value === 'function') return undefined;
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
    if ('inputsHash' in value && 'template' in value) {
      // Computed when somebody asks; and of a run that has ended nobody asks what its modules required.
      const { run, inputsHash: _hash, valuesDigest: _digest, requirement, ...record } = value as ModuleRecord;
      return { ...(plainOf(record) as object), run: run.number, requirement: run.summary ? '' : requirement.key };
    }
    if ('first' in value && 'failed' in value) return plainOf({ ...value, limits: [] });
    return plainOf(value);
  };
  const plainOf = (value: object): unknown => Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  const { hooks: _hooks, runHashes: _hashes, sessions, ...rest } = state;
  return plain({ ...rest, sessions: [...sessions.values()].map(({ fitsMemo: _memo, claims, ...session }) => ({ ...session, claims: new Map([...claims].map(([fence, { run, index }]) => [fence, `${run.number}/${index}`])) })) });
}

/** Beside the cell goes one that was restored a while ago: it answers alike, and comes to the same. */
function follow(list: readonly Step[], count: (what: string) => void): void {
  const state = createCell(hooks);
  apply(state, 1, { type: 'genesis', cellId: cellName, clusterName: 'test', createdAt: start, founder: nodeId('a') });
  let other = restored(state);
  const log = new RandomLog(true, true, true);
  const invariants = new Invariants();
  for (const [i, step] of list.entries()) {
    const command = log.next(state, step);
    const answer = apply(state, i + 2, command);
    assert.equal(JSON.stringify(apply(other, i + 2, command)), JSON.stringify(answer), JSON.stringify(command));
    invariants.check(state);
    for (const event of answer.events) {
      if (event.type === 'module' && event.note.startsWith('cached')) count(`taken over by ${command.type}`);
      else if (event.type === 'module' && event.note.startsWith('runs again')) count('made again');
      else if (event.type === 'checkpointed') count('checkpointed');
      else if (event.type === 'expanded') count(`expanded by ${command.type}`);
    }
    if (i % RESTORED_EVERY !== 0) continue;
    assert.equal(stateHash(other), stateHash(state));
    other = restored(state);
    assert.deepEqual(everything(other), everything(state), `restored after ${JSON.stringify(command)}`);
  }
}

test('S15: a cell that was restored goes on as the one that was not, whatever is taken over, made again or run again', () => {
  const seen = new Map<string, number>();
  const count = (what: string): unknown => seen.set(what, (seen.get(what) ?? 0) + 1);
  fc.assert(fc.property(steps(200), (list) => follow(list, count)), { numRuns: 120, seed: 3 });
  const rare = ['taken over by rerun', 'taken over by reuse', 'taken over by claimBatch', 'made again', 'checkpointed', 'expanded by rerun', 'expanded by results', 'expanded by submit'];
  for (const what of rare) assert.ok((seen.get(what) ?? 0) > 0, `${what}: ${seen.get(what) ?? 0} times`);
});
