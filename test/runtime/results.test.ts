/** Goal: a result reaches the log once the worker has it, through lost messages and changes of leader, and is told once. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Command, ResultItem, ResultVerdict } from '../../src/core/cell/types.ts';
import type { ProposalDone } from '../../src/runtime/proposals.ts';
import type { Replica } from '../../src/runtime/replica.ts';
import { ResultIntake } from '../../src/runtime/result-intake.ts';
import { ResultOutbox } from '../../src/runtime/result-outbox.ts';
import { FakeContext } from './fake-context.ts';

function item(fence: number, tail = ''): ResultItem {
  return { run: 1, module: fence, generation: 1, fence, inputsHash: '', outcome: { ok: true, values: {}, error: null, exitCode: 0, tail, startedAt: 0, durationMs: 0 } };
}

interface Outbox {
  readonly fake: FakeContext;
  readonly outbox: ResultOutbox;
  readonly sent: { readonly id: number; readonly fences: number[] }[];
}

function outboxes(chance = 0.5): Outbox {
  const fake = new FakeContext({ chance });
  const sent: Outbox['sent'] = [];
  return { fake, sent, outbox: new ResultOutbox(fake.context, (items, id) => sent.push({ id, fences: items.map(({ fence }) => fence) })) };
}

test('results of one turn leave together and are sent again until a verdict comes', () => {
  const { fake, outbox, sent } = outboxes();
  fake.process.run(() => {
    outbox.add(item(1));
    outbox.add(item(2));
  });
  fake.pass();
  const id = sent[0]?.id ?? 0;
  assert.deepEqual(sent, [{ id, fences: [1, 2] }]);
  assert.deepEqual(outbox.claims().map(({ fence }) => fence), [1, 2]);
  fake.pass(1500);
  assert.equal(sent.length, 2, 'once more after a second');
  outbox.answered(id, [], () => assert.fail('not recorded'));
  assert.ok(!outbox.empty);
  const recorded: number[] = [];
  outbox.answered(id, ['accepted', 'stale'], ({ fence }) => recorded.push(fence));
  outbox.answered(id, ['accepted', 'stale'], ({ fence }) => recorded.push(fence));
  assert.deepEqual(recorded, [1, 2]);
  assert.ok(outbox.empty && !outbox.has(1));
  fake.pass(5000);
  assert.equal(sent.length, 2);
});

test('an answer that was meant for the process before this one fits nothing', () => {
  const [before, after] = [outboxes(0.1), outboxes(0.9)];
  for (const { fake, outbox } of [before, after]) {
    outbox.add(item(1));
    fake.pass();
  }
  after.outbox.answered(before.sent[0]!.id, ['accepted'], () => assert.fail('recorded'));
  assert.ok(!after.outbox.empty);
  after.outbox.answered(after.sent[0]!.id, ['accepted'], () => undefined);
  assert.ok(after.outbox.empty);
});

test('a new leader is told at once; another cell never', () => {
  const { fake, outbox, sent } = outboxes();
  outbox.add(item(1));
  fake.pass();
  outbox.resend();
  assert.equal(sent.length, 2);
  outbox.clear();
  outbox.resend();
  fake.pass(5000);
  assert.equal(sent.length, 2);
});

test('large results travel in several messages, the largest alone', () => {
  const { fake, outbox, sent } = outboxes();
  for (let fence = 1; fence <= 3; fence += 1) outbox.add(item(fence, 'x'.repeat(20_000)));
  outbox.add(item(4, 'x'.repeat(200_000)));
  fake.pass();
  assert.deepEqual(sent.map(({ fences }) => fences), [[1], [2], [3], [4]]);
});

interface Intake {
  readonly fake: FakeContext;
  readonly intake: ResultIntake;
  readonly proposed: { readonly items: readonly ResultItem[]; readonly done: ProposalDone }[];
  /** What planning was told. */
  readonly told: string[];
}

function intakes(): Intake {
  const fake = new FakeContext();
  const proposed: Intake['proposed'] = [];
  const told: string[] = [];
  const replica = {
    stamp: () => 1,
    propose: (command: Command, done: ProposalDone) => {
      assert.ok(command.type === 'results');
      proposed.push({ items: command.items, done });
    },
  };
  const hooks = {
    proposed: (items: readonly ResultItem[]) => void told.push(`proposed ${items.length} after ${proposed.length}`),
    settled: (items: readonly ResultItem[]) => void told.push(`settled ${items.length}`),
  };
  return { fake, proposed, told, intake: new ResultIntake(fake.context, replica as unknown as Replica, hooks) };
}

test('messages of one turn share an entry, and each sender gets its own verdicts', () => {
  const { fake, intake, proposed, told } = intakes();
  const answers: (readonly ResultVerdict[])[] = [];
  intake.add([item(1), item(2)], (verdicts) => answers.push(verdicts));
  intake.add([item(3)], (verdicts) => answers.push(verdicts));
  fake.pass();
  assert.equal(proposed.length, 1);
  assert.deepEqual(told, ['proposed 3 after 1'], 'what is planned because of them comes behind them');
  proposed[0]!.done({ index: 7, reply: { type: 'results', verdicts: ['accepted', 'duplicate', 'stale'] } });
  assert.deepEqual(answers, [['accepted', 'duplicate'], ['stale']]);
  assert.equal(told[1], 'settled 3');
});

test('a leader that is none any more, or stops, answers with no verdict: send it again', () => {
  const { fake, intake, proposed } = intakes();
  const answers: (readonly ResultVerdict[])[] = [];
  intake.add([item(1)], (verdicts) => answers.push(verdicts));
  fake.pass();
  proposed[0]!.done(undefined);
  intake.add([item(2)], (verdicts) => answers.push(verdicts));
  intake.stop();
  fake.pass();
  assert.deepEqual(answers, [[], []]);
  assert.equal(proposed.length, 1);
});

test('an entry holds no more than fits', () => {
  const { fake, intake, proposed } = intakes();
  for (let message = 0; message < 4; message += 1) intake.add([item(message, 'x'.repeat(20_000))], () => undefined);
  for (let message = 0; message < 4; message += 1) intake.add(Array.from({ length: 512 }, (_, fence) => item(fence)), () => undefined);
  fake.pass();
  assert.deepEqual(proposed.map(({ items }) => items.length), [2, 2, 1024, 1024]);
});
