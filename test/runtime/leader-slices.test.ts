/** Goal: a large run does not keep a leader from its other duties: it is looked at a slice each turn, and what else is ready goes on meanwhile. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { nodeId } from '../../src/core/lib/ids.ts';
import type { ClaimItem, Command } from '../../src/core/cell/types.ts';
import { Leader } from '../../src/runtime/leader.ts';
import type { ProposalDone } from '../../src/runtime/proposals.ts';
import type { Replica } from '../../src/runtime/replica.ts';
import { cellName, module, TestCell } from '../core/cell/cells.ts';
import { FakeContext } from './fake-context.ts';

const MODULES = 30_000;

test('a small run is claimed before a large one that came first is looked at to its end', () => {
  const fake = new FakeContext();
  const cell = new TestCell();
  const claims: ClaimItem[][] = [];
  fake.connected.add(nodeId('one'));
  cell.open('one', { capabilities: { slots: 4 } });
  let mayPlan = true;
  const commit = (command: Command, done?: ProposalDone): void =>
    fake.context.defer(() => {
      if (command.type === 'claimBatch') claims.push([...command.claims]);
      const reply = cell.apply(command);
      leader.applied(cell.index, cell.events);
      done?.({ reply, index: cell.index });
    });
  const replica = { cell: cellName, state: cell.state, config: { removed: [] }, leads: true, mayPlan: () => mayPlan, evicted: () => false, stamp: () => cell.now, propose: commit };
  const leader = new Leader(fake.context, replica as unknown as Replica, { contacts: () => [], requests: { ask: () => () => undefined }, hint: () => ({ cell: cellName, node: '', addresses: [] }) });
  fake.pass();
  const submit = (...modules: ReturnType<typeof module>[]): number => {
    const run = cell.submit(modules);
    leader.applied(cell.index, cell.events);
    return run;
  };
  const large = submit(...Array.from({ length: MODULES }, (_, i) => module(`m${i}`, i < 100 ? [] : [i - 100], { durationMs: 1 + (i % 7) })));
  let turns = 0;
  const counted = fake.context.after.bind(fake.context);
  fake.context.after = (delayMs, callback) => {
    if (delayMs === 0) turns++;
    return counted(delayMs, callback);
  };
  // The lease is away for a moment in the middle: the tick takes the work up again.
  mayPlan = false;
  fake.pass(300);
  assert.equal(claims.length, 0);
  mayPlan = true;
  const small = submit(module('small', [], { requires: { cpu: 2 } }));
  fake.pass(200);
  assert.deepEqual(claims.map((batch) => batch.map(({ run }) => run)), [[small], [large, large]]);
  assert.ok(turns >= 4, `${turns} turns`);
  // The longest way to go first, whenever it was looked at.
  const spec = cell.state.runs.get(large)!.spec.modules;
  const sum = (start: number): number => spec.reduce((total, { durationMs }, i) => (i % 100 === start ? total + durationMs : total), 0);
  const best = Math.max(...Array.from({ length: 100 }, (_, i) => sum(i)));
  for (const claim of claims[1] ?? []) assert.equal(sum(claim.module), best);
  leader.stop();
});
