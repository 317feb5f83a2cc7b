/** The shortcut of the search for models that only move forward finds what the full search finds. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import type { Call, Reply } from '../../../sim/history/events.ts';
import { runModel } from '../../../sim/history/run-model.ts';
import { checkLinearizable, type Operation } from '../../../sim/history/wgl.ts';

const phase = fc.constantFrom('queued' as const, 'running' as const, 'succeeded' as const, 'failed' as const, 'cancelled' as const);
const modules = fc.constantFrom([], ['', ''], ['a', ''], ['', 'b'], ['a', 'b'], ['a', 'c']);
const view = fc.tuple(phase, modules).map(([seen, results]): Reply => ({ type: 'run', phase: seen, modules: results }));
const unknownRun = fc.constant<Reply>({ type: 'unknownRun' });
const step: fc.Arbitrary<readonly [Call, Reply]> = fc.oneof(
  fc.boolean().map((duplicate) => [{ type: 'submit', key: 'k' }, { type: 'accepted', run: 'r-c', duplicate }] as const),
  fc.constantFrom<Reply>({ type: 'cancelled' }, { type: 'final' }, { type: 'unknownRun' }).map((reply) => [{ type: 'cancel', run: 'r-c' }, reply] as const),
  fc.tuple(fc.constantFrom('strong' as const, 'local' as const), fc.oneof(view, view, unknownRun)).map(([consistency, reply]) => [{ type: 'read', run: 'r-c', consistency, session: 's' }, reply] as const),
  view.map((reply) => [{ type: 'result', run: 'r-c' }, reply] as const),
);
const operation = fc.tuple(step, fc.nat(20), fc.nat(8), fc.integer({ min: 0, max: 5 })).map(([[input, output], invokedAt, length, luck]): Operation<Call, Reply> => {
  return { input, invokedAt, outcome: luck === 0 ? undefined : { output, returnedAt: invokedAt + length } };
});

for (const foreign of [false, true]) {
  test(`runs ${foreign ? 'of others' : 'of the history'}: the verdict of the full search`, () => {
    const model = runModel({ foreign });
    const seen = { ok: 0, violation: 0, unknown: 0 };
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 9 }), (operations) => {
        const { verdict } = checkLinearizable(model, operations);
        assert.equal(verdict, checkLinearizable({ ...model, onlyForward: false }, operations).verdict);
        seen[verdict] += 1;
      }),
      { numRuns: 20_000, seed: 7 },
    );
    assert.ok(seen.ok > 500 && seen.violation > 500 && seen.unknown === 0, JSON.stringify(seen));
  });
}
