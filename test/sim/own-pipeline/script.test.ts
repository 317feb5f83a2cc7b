/** Goal: a fault script says what happens when, and a slip of the pen gets an error that says what would be right. */
import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { parseScript, parseScriptLine } from '../../../sim/own-pipeline/script.ts';

test('every form', () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['5s cut a,b|c,d,e', { atMs: 5000, forMs: undefined, action: { type: 'cut', groups: [[0, 1], [2, 3, 4]] } }],
    ['5s cut n1, n2 | n3 for 10s', { atMs: 5000, forMs: 10_000, action: { type: 'cut', groups: [[0, 1], [2]] } }],
    ['250ms cut leader', { atMs: 250, forMs: undefined, action: { type: 'cut', groups: [['leader']] } }],
    ['5s cut 1->2,3', { atMs: 5000, forMs: undefined, action: { type: 'cutOneWay', from: [0], to: [1, 2] } }],
    ['20s heal', { atMs: 20_000, forMs: undefined, action: { type: 'heal', groups: [] } }],
    ['20s heal a|b', { atMs: 20_000, forMs: undefined, action: { type: 'heal', groups: [[0], [1]] } }],
    ['8s KILL Leader for 3s', { atMs: 8000, forMs: 3000, action: { type: 'kill', nodes: ['leader'] } }],
    ['8s power n2,n3', { atMs: 8000, forMs: undefined, action: { type: 'power', nodes: [1, 2] } }],
    ['1m start all', { atMs: 60_000, forMs: undefined, action: { type: 'start', nodes: ['all'] } }],
    ['8s slow follower 20ms', { atMs: 8000, forMs: undefined, action: { type: 'slow', nodes: ['follower'], turnMs: 20 } }],
  ];
  for (const [text, expected] of cases) assert.deepEqual(parseScriptLine(text, '--at', 5), { ...(expected as object), text });
});

test('errors quote the line and name what would fit', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['5 cut a|b', /^--at '5 cut a\|b': "5" is not a time; expected a number with ms, s, m/],
    ['5s cot a|b', /there is no fault "cot", did you mean cut\? There are cut, heal, kill/],
    ['5s partition a|b', /did you mean cut\?/],
    ['5s', /expected one of cut, heal/],
    ['5s cut', /which nodes\? For example/],
    ['5s cut a|f', /there is no node "f" There are n1 to n5 \(or a to e\), leader, follower, all/],
    ['5s kill laeder', /there is no node "laeder", did you mean leader\?/],
    ['5s kill n0', /there is no node "n0"/],
    ['5s cut a,b|b,c', /n2 is named twice/],
    ['5s cut all', /"all" has no other side/],
    ['5s heal for 3s', /"for" goes with cut, kill, power, pause, sleep, slow; heal is not something that ends/],
    ['5s cut a|b for ever', /"ever" after "for" is not a duration/],
    ['5s slow n1', /expected nodes and how long a turn takes/],
  ];
  for (const [text, message] of cases) assert.throws(() => parseScriptLine(text, '--at', 5), { message });
});

test('a file: comments, empty lines, and the number of the line that is wrong', () => {
  assert.deepEqual(parseScript('# a story\n\n5s cut a|b   # here\n  20s heal\n', 'story.txt', 3).map(({ text }) => text), ['5s cut a|b', '20s heal']);
  assert.throws(() => parseScript('5s heal\n\n6s hael\n', 'story.txt', 3), { message: /^story\.txt:3 '6s hael': there is no fault "hael", did you mean heal\?/ });
});

test('any text is either understood or refused in words', () => {
  const word = fc.oneof(fc.constantFrom('5s', 'cut', 'heal', 'kill', 'slow', 'for', 'a,b|c', 'n1->n2', 'leader', 'all', '|', ',', '->', '20ms'), fc.string({ maxLength: 8 }));
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (words) => {
      const text = words.join(' ');
      try {
        assert.ok(parseScriptLine(text, '--at', 3).atMs >= 0);
      } catch (error) {
        assert.ok((error as Error).constructor === Error && (error as Error).message.startsWith(`--at '${text.trim()}': `), String(error));
      }
    }),
  );
});
