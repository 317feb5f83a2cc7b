/** S23 on histories made by hand: what is legal, and each kind of violation. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { checkHistory, type HistoryVerdict } from '../../../sim/history/check-history.ts';
import { cancel, cancelled, final, known, local, looks, made, result, RUN, Story, strong, submit, unknownRun } from './support.ts';

const [a, b] = ['succeeded 5 1f', 'succeeded 9 2e'];

function story(): Story {
  return new Story().whole(submit(), made);
}

function check({ events }: Story): HistoryVerdict {
  return checkHistory(events);
}

function passes(history: Story): void {
  assert.deepEqual(check(history).problems, []);
}

function fails(history: Story, words: RegExp): void {
  const { verdict, problems } = check(history);
  assert.equal(verdict, 'violation');
  assert.equal(problems.length, 1, problems.join('\n'));
  assert.match(problems[0]!, words);
}

test('a life of a run: made, read on its way, ended', () => {
  const history = story().whole(submit(), known).whole(strong(), looks('queued', '', '')).whole(local(), looks('queued', '', '')).whole(strong(), looks('running', a, ''));
  passes(history.whole(local(), looks('running', '', '')).whole(result(), looks('succeeded')).whole(strong(), looks('succeeded', a, b)).whole(cancel(), final).whole(submit(), known));
  const { verdict, operations, runs } = check(history);
  assert.deepEqual({ verdict, operations, runs }, { verdict: 'ok', operations: 10, runs: 1 });
});

test('a run that is paused is again what it was when it goes on, and cannot be paused when it has ended', () => {
  passes(story().whole(strong(), looks('queued', '', '')).whole(strong(), looks('paused', '', '')).whole(strong(), looks('queued', '', '')).whole(local(), looks('paused', '', '')).whole(strong(), looks('running', '', '')).whole(strong(), looks('paused', a, '')).whole(local(), looks('running', a, '')));
  fails(story().whole(strong(), looks('running', '', '')).whole(strong(), looks('paused', '', '')).whole(strong(), looks('queued', '', '')), /cannot be placed/);
  fails(story().whole(strong(), looks('succeeded', a, b)).whole(strong(), looks('paused', '', '')), /cannot be placed/);
});

test('a lost submit: acknowledged, and later nobody knows it', () => {
  fails(story().whole(strong(), unknownRun), /cannot be placed:\n.*read abcd-cell strong s → unknownRun\n[^]*submit k1 → accepted/);
  fails(story().whole(cancel(), unknownRun), /cancel abcd-cell → unknownRun/);
});

test('a doubled run: one key, two runs, or two submits that are both told that they made it', () => {
  fails(story().whole(submit(), { ...known, run: 'efgh-cell' } as typeof known), /submit k1 → accepted run=efgh-cell/);
  fails(story().whole(submit(), made), /duplicate=false/);
  passes(story().whole(submit('k2'), { ...made, run: 'efgh-cell' } as typeof made));
  passes(story().whole(submit(), { ...made, run: 'efgh-othercell' } as typeof made));
});

test('a submit of unknown outcome may be the one that made the run, also when it is told of a duplicate', () => {
  passes(new Story().lost(submit()).whole(submit(), known));
  passes(new Story().lost(submit()).whole(submit(), made));
  passes(new Story().whole(submit(), known));
});

test('a submit that overlaps another one', () => {
  const history = new Story();
  const first = history.begin(submit(), 'c1');
  history.whole(submit(), known, 'c2');
  first.returned(made);
  passes(history);
});

test('a cancel that is undone, in either kind of read and in the result', () => {
  fails(story().whole(cancel(), cancelled).whole(strong(), looks('running', '')), /→ run running/);
  fails(story().whole(cancel(), cancelled).whole(strong(), looks('succeeded', a)), /→ run succeeded/);
  fails(story().whole(cancel(), cancelled).whole(result(), looks('failed')), /result abcd-cell → run failed/);
  fails(story().whole(cancel(), cancelled).whole(local(), looks('succeeded', a)), /→ run succeeded/);
  fails(story().whole(strong(), looks('succeeded', a)).whole(cancel(), cancelled), /cancel abcd-cell → cancelled/);
  passes(story().whole(cancel(), cancelled).whole(local(), looks('running', '')).whole(strong(), looks('cancelled', 'cancelled 0')));
});

test('nothing but a cancel cancels; one of unknown outcome may have', () => {
  fails(story().whole(strong(), looks('cancelled', 'cancelled 0')), /→ run cancelled/);
  fails(story().whole(local(), looks('cancelled', 'cancelled 0')), /→ run cancelled/);
  passes(story().lost(cancel()).whole(strong(), looks('running', '')).whole(strong(), looks('cancelled', 'cancelled 0')));
  fails(story().whole(strong(), looks('cancelled', 'cancelled 0')).lost(cancel()), /→ run cancelled/);
  passes(story().whole(cancel(), final).whole(strong(), looks('cancelled', 'cancelled 0')));
  passes(story().whole(cancel(), final).whole(strong(), looks('succeeded', a)));
  fails(story().whole(cancel(), final).whole(strong(), looks('running', '')), /→ run running/);
});

test('a stale linearizable read: it shows less than was seen before it began', () => {
  fails(story().whole(strong(), looks('running', '')).whole(strong(), looks('queued', '')), /→ run queued/);
  fails(story().whole(strong(), looks('running', a, '')).whole(strong(), looks('running', '', '')), /→ run running \[·, ·\]/);
  fails(story().whole(local(), looks('running', a, '')).whole(strong(), looks('running', '', '')), /→ run running \[·, ·\]/);
  fails(story().whole(result(), looks('failed')).whole(strong(), looks('running', '')), /→ run running/);
  const overlapping = story();
  const slow = overlapping.begin(strong(), 'c2');
  overlapping.whole(strong(), looks('running', a, ''));
  slow.returned(looks('running', '', ''));
  passes(overlapping);
});

test('a result that changes, and views that no run can have', () => {
  fails(story().whole(strong(), looks('running', a, '')).whole(strong(), looks('running', b, '')), /succeeded 9 2e/);
  fails(story().whole(strong(), looks('succeeded', a)).whole(strong(), looks('failed', a)), /→ run failed/);
  fails(story().whole(strong(), looks('succeeded', a)).whole(strong(), looks('succeeded', a, b)), /2e/);
  fails(story().whole(strong(), looks('succeeded', a, '')), /→ run succeeded/);
  fails(story().whole(strong(), looks('running', a, b)), /→ run running/);
  fails(story().whole(result(), looks('running', '')), /result/);
  passes(story().whole(strong(), looks('running', a, '')).whole(strong(), looks('succeeded', 'succeeded 5', b)));
});

test('stale reads never go back within a session; between sessions they may', () => {
  const ahead = (): Story => story().whole(local('n1.1'), looks('running', a, ''));
  fails(ahead().whole(local('n1.1'), looks('running', '', '')), /^a stale read goes back: .*\[·, ·\], after .*\[succeeded 5 1f, ·\]$/);
  fails(ahead().whole(local('n1.1'), unknownRun), /^a stale read goes back/);
  passes(ahead().whole(local('n1.2'), looks('running', '', '')).whole(local('n2.1'), unknownRun));
  const overlapping = ahead();
  const slow = overlapping.begin(local('n1.1'));
  overlapping.whole(local('n1.1'), looks('succeeded', a, b));
  slow.returned(looks('running', a, ''));
  passes(overlapping);
  fails(overlapping.whole(local('n1.1'), looks('running', a, '')), /^a stale read goes back/);
});

test('a run whose submit is not in the history may be in any state at first, and then moves forward', () => {
  passes(new Story().whole(strong(), looks('running', a, '')).whole(strong(), looks('cancelled', a, 'cancelled 0')));
  passes(new Story().whole(strong(), unknownRun).whole(cancel(), unknownRun));
  passes(new Story().whole(cancel(), final).whole(strong(), looks('failed', 'failed 3')));
  fails(new Story().whole(strong(), looks('running', a, '')).whole(strong(), unknownRun), /run abcd-cell: not linearizable/);
  fails(new Story().whole(cancel(), cancelled).whole(strong(), looks('running', '')), /run abcd-cell/);
});

test('a client that tried in vain for ever does not make the history undecidable', () => {
  const history = new Story();
  for (let i = 0; i < 300; i += 1) history.lost(submit());
  history.whole(submit(), known).whole(strong(), looks('running', ''));
  for (let i = 0; i < 300; i += 1) history.lost(cancel()).lost(strong());
  passes(history.whole(strong(), looks('running', '')).whole(strong(), looks('cancelled', 'cancelled 0')));
  assert.ok(check(history).visited < 100);
  fails(history.whole(strong(), looks('running', '')), /→ run running/);
});

test('figures: unknown outcomes are counted, and limits give "unknown"', () => {
  const history = story().lost(cancel()).lost(submit('k9'));
  assert.deepEqual({ ...check(history), visited: 0 }, { verdict: 'ok', problems: [], operations: 3, unknownOutcomes: 2, runs: 1, visited: 0 });
  const limited = checkHistory(story().whole(strong(RUN), looks('queued', '')).events, { visitedMax: 0 });
  assert.equal(limited.verdict, 'unknown');
  assert.match(limited.problems[0]!, /not decided/);
});
