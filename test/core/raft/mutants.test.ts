/** Tests of the tests: each rule that is switched off is noticed by a rule check or by the storm. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { raftMutants } from '../../../src/core/raft/mutants.ts';
import { diskRules } from './support/rules-disk.ts';
import { fastPathRules } from './support/rules-fast-path.ts';
import { electionRules } from './support/rules.ts';
import { Storm } from './support/storm.ts';

const all = [...electionRules, ...fastPathRules, ...diskRules];
const STORM_SEEDS = 30;

function fails(run: () => void): boolean {
  try {
    run();
    return false;
  } catch {
    return true;
  }
}

for (const { name, rule, breaks } of raftMutants) {
  test(`mutant ${name} (${rule}) is noticed: ${breaks}`, (context) => {
    const mutants = new Set([name]);
    const noticed = all.filter(({ check }) => fails(() => check(mutants)));
    for (const item of noticed) context.diagnostic(`noticed by ${item.rule}: ${item.name}`);
    // Where a rule check speaks, it is one of the rule that was switched off.
    assert.ok(noticed.length > 0, 'no rule check notices');
    assert.ok(noticed.some((item) => item.rule === rule), `noticed only by ${noticed.map((item) => item.rule).join(', ')}`);
  });
}

/** Those that break safety: random trouble has to find them too, without being told where to look. */
const unsafe = [
  'remember-leadership',
  'noop-skipped',
  'commit-old-term',
  'config-before-noop',
  'read-before-noop',
  'joint-not-finished',
  'ack-own-last-index',
  'reply-before-sync-term',
  'reply-before-sync-vote',
  'reply-before-sync-append',
  'reply-before-sync-snapshot',
  'leader-counts-unsynced',
  'single-majority-in-joint',
  'final-by-outsider',
  'vote-without-log-check',
];

for (const name of unsafe) {
  test(`the storm notices mutant ${name}`, () => {
    let seed = 1;
    while (seed <= STORM_SEEDS && !fails(() => new Storm({ seed, troubleMs: 20_000, mutants: [name] }).run())) seed += 1;
    assert.ok(seed <= STORM_SEEDS, `not within ${STORM_SEEDS} seeds`);
  });
}
