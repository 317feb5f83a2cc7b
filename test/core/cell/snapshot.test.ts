import { strict as assert } from 'node:assert';
import test from 'node:test';
import * as fc from 'fast-check';
import { apply } from '../../../src/core/cell/cell.ts';
import { fromSections, stateHash, toSections } from '../../../src/core/cell/snapshot.ts';
import { createCell, type CellState } from '../../../src/core/cell/state.ts';
import type { Command } from '../../../src/core/cell/types.ts';
import type { Plain } from '../../../src/core/lib/plain.ts';
import { nodeId } from '../../../src/core/lib/ids.ts';
import { isSkeinError } from '../../../src/errors.ts';
import { TestCell, cellName, hooks, module, start, succeeded } from './cells.ts';
import { Invariants } from './invariants.ts';
import { RandomLog, steps, type Step } from './random-log.ts';

function founded(): CellState {
  const state = createCell(hooks);
  apply(state, 1, { type: 'genesis', cellId: cellName, clusterName: 'test', createdAt: start, founder: nodeId('a') });
  return state;
}

/** What a codec does to a plain form: a deep copy. */
function copied(plain: Plain): Plain {
  return structuredClone<Plain>(plain);
}

function restored(state: CellState): CellState {
  const { header, runs } = toSections(state);
  return fromSections(
    copied(header),
    runs.map((run) => copied(run.plain())).toReversed(),
    hooks,
  );
}

/** Applies a random log and returns it, so that it can be replayed. */
function play(state: CellState, list: readonly Step[], onApplied: (index: number, answer: string) => void): Command[] {
  const log = new RandomLog(list.length % 2 === 0, list.length % 4 === 0);
  return list.map((step, i) => {
    const command = log.next(state, step);
    const answer = apply(state, i + 2, command);
    onApplied(i + 2, JSON.stringify(answer));
    return command;
  });
}

/** Changes the order of keys in every record, as another codec might. */
function reordered<T>(value: T): T {
  if (Array.isArray(value)) return value.map(reordered) as T;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, item]) => [key, reordered(item)]),
  ) as T;
}

test('invariants S16, S18, S19, S21, S22 hold after every command of random logs', () => {
  fc.assert(
    fc.property(steps(120), (list) => {
      const state = founded();
      const invariants = new Invariants();
      play(state, list, () => invariants.check(state));
    }),
    { numRuns: 150 },
  );
});

test('S15: the same log gives the same hash and the same answers, whatever the order of keys', () => {
  fc.assert(
    fc.property(steps(80), (list) => {
      const first = founded();
      const second = founded();
      const answers: string[] = [];
      const commands = play(first, list, (_, answer) => answers.push(answer));
      commands.forEach((command, i) => assert.equal(JSON.stringify(apply(second, i + 2, reordered(command))), answers[i]));
      assert.equal(stateHash(second), stateHash(first));
    }),
    { numRuns: 100 },
  );
});

test('S15: snapshot and restore give the same hash, and so does the same tail on top of it', () => {
  fc.assert(
    fc.property(steps(120), fc.nat({ max: 100 }), (list, percent) => {
      const state = founded();
      const cut = Math.floor((list.length * percent) / 100) + 1;
      let other: CellState | undefined;
      const answers: string[] = [];
      const invariants = new Invariants();
      const commands = play(state, list, (index, answer) => {
        answers.push(answer);
        if (index !== cut) return;
        other = restored(state);
        assert.equal(stateHash(other), stateHash(state));
      });
      if (cut === 1) other = restored(founded());
      assert.ok(other);
      for (let i = cut - 1; i < commands.length; i++) {
        assert.equal(JSON.stringify(apply(other, i + 2, commands[i]!)), answers[i], `answer at ${i + 2}`);
        invariants.check(other);
      }
      assert.equal(stateHash(other), stateHash(state));
      assert.equal(stateHash(restored(state)), stateHash(state), 'the hash kept per run equals a fresh one');
    }),
    { numRuns: 150 },
  );
});

test('a section keeps its revision until its run changes', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const first = cell.submit([module('x')]);
  const second = cell.submit([module('y'), module('z', [0])]);
  const before = toSections(cell.state).runs.map((run) => run.revision);
  const fence = cell.claim(second, 0, session);
  cell.result(second, 0, fence, succeeded());
  const after = toSections(cell.state).runs.map((run) => run.revision);
  assert.equal(after[0], before[0]);
  assert.ok(after[1]! > before[1]!);
  assert.deepEqual(
    toSections(cell.state).runs.map(({ run }) => run),
    [first, second],
  );
});

test('a section that is encoded after its run moved on is a bug that is caught', () => {
  const cell = new TestCell();
  const run = cell.submit([module('x')]);
  const [section] = toSections(cell.state).runs;
  cell.apply({ type: 'cancel', run, reason: '' });
  assert.throws(() => section!.plain(), /before its run changes/);
});

/** All copies of a plain form in which one item is replaced or missing. */
function* damagedCopies(plain: Plain): Generator<Plain> {
  if (!Array.isArray(plain)) return;
  for (let i = 0; i < plain.length; i++) {
    const item = plain[i]!;
    yield plain.toSpliced(i, 1);
    yield plain.with(i, typeof item === 'number' ? 'text' : -5.5);
    for (const inner of damagedCopies(item)) yield plain.with(i, inner);
  }
}

test('a damaged snapshot is LOG_DAMAGED or some valid state, never another error', () => {
  const cell = new TestCell();
  const session = cell.open('a');
  const run = cell.submit([module('x'), module('y', [0])]);
  cell.result(run, 0, cell.claim(run, 0, session), succeeded({ value: 1 }));
  cell.claim(run, 1, session);
  cell.apply({ type: 'submitPart', requestKey: 'parts', part: 0, parts: 2, bytes: new Uint8Array([1, 2]) });
  const { header, runs } = toSections(cell.state);
  const section = runs[0]!.plain();
  let refused = 0;
  const attempt = (head: Plain, body: readonly Plain[]): void => {
    try {
      new Invariants().check(fromSections(head, body, hooks));
    } catch (error) {
      assert.ok(isSkeinError(error, 'LOG_DAMAGED'), String(error));
      refused++;
    }
  };
  for (const copy of damagedCopies(header)) attempt(copy, [section]);
  for (const copy of damagedCopies(section)) attempt(header, [copy]);
  attempt(header, []);
  attempt(header, [section, section]);
  assert.ok(refused > 100, `${refused} were refused`);
});
