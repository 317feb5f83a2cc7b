/** Goal: what `status` says about losses is right for the node that says it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { advice } from '../../src/runtime/advice.ts';

test('two machines: the leader knows whether there are two copies, the standby claims nothing', () => {
  assert.match(advice('member', 1, 1, 1, true), /^one copy/);
  assert.match(advice('member', 1, 1, 1, false), /^two copies/);
  assert.doesNotMatch(advice('member', 1, 1, 1, undefined), /cop(?:y|ies):/);
});

test('one machine, three, and three with losses', () => {
  assert.match(advice('member', 1, 1, 0, true), /^one machine/);
  assert.equal(advice('member', 3, 3, 0, false), 'any 1 of 3 voters may be lost');
  assert.equal(advice('member', 5, 5, 2, undefined), 'any 2 of 5 voters may be lost');
  assert.match(advice('member', 3, 2, 0, false), /^1 of 3 voters is gone/);
  assert.match(advice('member', 5, 3, 0, false), /^2 of 5 voters are gone/);
});

test('the phase of the node comes first', () => {
  assert.match(advice('seeking', 0, 0, 0, undefined), /^looking/);
  assert.match(advice('stalled', 3, 1, 0, undefined), /^the majority/);
  assert.match(advice('damaged', 3, 3, 0, undefined), /^the log on this disk is damaged/);
  assert.match(advice('worker', 0, 0, 0, undefined), /without a log/);
});
