import { strict as assert } from 'node:assert';
import test from 'node:test';
import * as fc from 'fast-check';
import { policyMutants } from '../../../src/core/cell/mutants.ts';
import { followLog } from './follow-log.ts';
import { steps } from './random-log.ts';

for (const [policies, files] of [[false, false], [true, false], [true, true]] as const) {
  test(`claims and results follow the rules of a slow obvious model, command by command${policies ? ', with limits, pauses and barriers' : ''}${files ? ', and files that are lost' : ''}`, () => {
    const seen = new Map<string, number>();
    const count = (what: string): unknown => seen.set(what, (seen.get(what) ?? 0) + 1);
    fc.assert(
      fc.property(steps(150), (list) =>
        followLog(list, { policies, files }, (event) => {
          if (event.type === 'claimEnded') count(event.why);
          if (event.type === 'module' && event.note.startsWith('runs again')) count('again');
          if (event.type === 'module' && event.note.includes('runs again')) count('children');
          if (event.type === 'module' && event.note.endsWith('is not the same')) count('overtaken');
          if (event.type === 'hedge') count(`hedge ${event.on}`);
          if (event.type === 'runPaused' || event.type === 'queuePaused') count(`${event.type} ${event.on}`);
        }),
      ),
      // Which rules are reached is counted below: by chance a rare one is missed.
      { numRuns: 300, seed: 7 },
    );
    // The random logs are worth something only if they reach the rare rules.
    const rare = ['cancelled', 'superseded', 'timeout', 'released', ...(policies ? ['runPaused true', 'runPaused false', 'queuePaused true', 'queuePaused false', 'hedge true', 'hedge false'] : []), ...(files ? ['again', 'children', 'overtaken'] : [])];
    for (const what of rare) assert.ok((seen.get(what) ?? 0) > 0, `${what}: ${seen.get(what) ?? 0} times`);
  });
}

for (const name of ['copies-not-demanded', 'invalidate-keeps-generation']) {
  test(`${name} is noticed by the model`, () => {
    const { failed } = fc.check(
      fc.property(steps(150), (list) => followLog(list, { policies: true, files: true, mutants: new Set([name]) })),
      { numRuns: 300, seed: 7, endOnFailure: true },
    );
    assert.ok(failed, 'the rule is off, and nobody notices');
  });
}

for (const { name } of policyMutants) {
  test(`${name} is noticed by the model`, () => {
    const { failed } = fc.check(
      fc.property(steps(150), (list) => followLog(list, { policies: true, mutants: new Set([name]) })),
      { numRuns: 300, seed: 7, endOnFailure: true },
    );
    assert.ok(failed, 'the rule is off, and nobody notices');
  });
}
