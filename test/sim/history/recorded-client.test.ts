/** Real clients' histories: what answers of the HTTP API mean, the lines that are written, and the command that reads them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { SkeinError } from '../../../src/errors.ts';
import type { Client } from '../../../src/cli/client.ts';
import { mergeHistories, operationsOf, parseHistory, type HistoryEvent } from '../../../sim/history/events.ts';
import { nodeOfClient, RecordedClient, type HttpAnswer, type HttpNode } from '../../../sim/history/http-client.ts';
import { Recorder } from '../../../sim/history/recorder.ts';
import { cancel, cancelled, final, local, looks, made, RUN, Story, strong, submit, unknownRun } from './support.ts';

function recorded(answers: readonly (HttpAnswer | Error)[]): { client: RecordedClient; node: HttpNode; recorder: Recorder; asked: unknown[][] } {
  let now = 0;
  const recorder = new Recorder({ now: () => (now += 1) });
  const rest = [...answers];
  const asked: unknown[][] = [];
  const node: HttpNode = {
    session: 'n1.1',
    ask: (...request) => {
      asked.push(request);
      const answer = rest.shift() ?? new Error('asked too often');
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  };
  return { client: new RecordedClient(recorder, 'c1'), node, recorder, asked };
}

const shown = { phase: 'running', moduleList: [{ phase: 'succeeded', fence: 5, values: { sum: 3 } }, { phase: 'skipped', fence: 0, values: {} }, { phase: 'running', fence: 9, values: {} }] };

test('answers are told as the specification knows them; what says nothing is an unknown outcome', async () => {
  const problem = (status: number, code: string): HttpAnswer => ({ status, body: { code } });
  const answers = [{ status: 202, body: { runId: RUN, requestKey: 'k1', duplicate: false } }, problem(429, 'LIMIT_EXCEEDED'), { status: 200, body: shown }, problem(404, 'RUN_NOT_FOUND'), { status: 200, body: {} }, problem(409, 'RUN_FINAL'), problem(503, 'NO_LEADER'), new Error('socket hang up')];
  const { client, node, recorder, asked } = recorded(answers);
  await client.submit(node, { pipeline: 'x' }, 'k1');
  await client.submit(node, { pipeline: 'x' }, 'k2');
  const { body } = await client.read(node, RUN, 'local');
  assert.equal(body, shown, 'the caller gets the answer');
  await client.read(node, RUN, 'strong');
  await client.cancel(node, RUN);
  await client.cancel(node, RUN, 'no more');
  await client.cancel(node, RUN);
  await assert.rejects(client.read(node, RUN, 'strong'), /socket hang up/);
  assert.deepEqual(asked[0], ['POST', '/api/v1/runs', { pipeline: 'x' }, { 'idempotency-key': 'k1' }]);
  assert.deepEqual(asked[2], ['GET', `/api/v1/runs/${RUN}?consistency=local`]);
  assert.deepEqual(asked[5], ['POST', `/api/v1/runs/${RUN}:cancel`, { reason: 'no more' }]);
  const operations = operationsOf(recorder.events);
  const seen = operations[2]?.answer?.reply;
  const digest = seen?.type === 'run' ? seen.modules[0] : undefined;
  assert.match(digest ?? '', /^succeeded 5 [0-9a-f]+$/);
  assert.deepEqual(operations.map(({ call, answer }) => [call, answer?.reply]), [
    [submit(), made],
    [submit('k2'), undefined],
    [local(), looks('running', digest!, 'skipped 0', '')],
    [{ ...strong(), session: 'n1.1' }, unknownRun],
    [cancel(), cancelled],
    [cancel(), final],
    [cancel(), undefined],
    [{ ...strong(), session: 'n1.1' }, undefined],
  ]);
  const [, , , , , , refused, broken] = recorder.events.filter((event) => event.event !== 'invoke');
  assert.deepEqual([refused?.event === 'lost' && refused.why, broken?.event === 'lost' && broken.why], ['503 NO_LEADER', 'Error: socket hang up']);
});

test('through the client of the command line: any node may answer, so stale reads are sessions of their own', async () => {
  const told: unknown[] = [shown, new SkeinError('RUN_FINAL', 'too late', { status: 409 }), shown, new SkeinError('API_UNREACHABLE', 'nobody')];
  const answer = (): Promise<unknown> => {
    const next = told.shift();
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
  };
  const { client, recorder } = recorded([]);
  const node = nodeOfClient({ get: answer, post: answer } as unknown as Client);
  await client.read(node, RUN, 'local');
  assert.equal((await client.cancel(node, RUN)).status, 409);
  await client.read(node, RUN, 'local');
  await assert.rejects(client.read(node, RUN, 'local'), /nobody/);
  const operations = operationsOf(recorder.events);
  const sessions = operations.flatMap(({ call }) => (call.type === 'read' ? [call.session] : []));
  assert.equal(new Set(sessions).size, 3);
  assert.deepEqual(operations[1]?.answer?.reply, final);
  assert.equal(operations[3]?.answer, undefined);
});

test('an end that comes after the end is ignored', () => {
  const story = new Story();
  const pending = story.begin(cancel());
  pending.lost('the client went away');
  pending.returned(cancelled);
  assert.equal(story.events.length, 2);
});

test('lines: written and read again they are the same history', () => {
  const text = fc.string({ minLength: 1, maxLength: 8 });
  const anyCall = fc.oneof(text.map(submit), text.map(cancel), fc.tuple(text, text).map(([session, run]) => local(session, run)));
  const anyReply = fc.oneof(fc.constantFrom(made, cancelled, final, unknownRun), fc.array(fc.string()).map((modules) => looks('running', ...modules)));
  fc.assert(
    fc.property(fc.array(fc.tuple(anyCall, fc.option(anyReply))), (steps) => {
      const lines: string[] = [];
      const story = new Story((line) => lines.push(line));
      for (const [call, reply] of steps) if (reply === null) story.lost(call); else story.whole(call, reply);
      assert.deepEqual(parseHistory(lines.join('\n')), story.events);
      assert.equal(operationsOf(story.events).length, steps.length);
    }),
    { seed: 1 },
  );
});

test('what is no history is refused with its line or event', () => {
  const [begin, end] = new Story().whole(cancel(), cancelled).events as [HistoryEvent, HistoryEvent];
  assert.throws(() => parseHistory('\n{'), /^SyntaxError: line 2: not JSON: \{/);
  assert.throws(() => parseHistory(JSON.stringify({ ...begin, call: { type: 'submit' } })), /^SyntaxError: line 1: no event of a history \(call\.key: /);
  assert.throws(() => parseHistory(JSON.stringify({ ...begin, extra: 1 })), /line 1: no event/);
  assert.throws(() => operationsOf([begin, begin]), /event 2: operation 1 of c1 begins twice/);
  assert.throws(() => operationsOf([begin, end, end]), /event 3: operation 1 of c1 ends twice/);
  assert.throws(() => operationsOf([end]), /event 1: operation 1 of c1 ends without having begun/);
});

test('several recorders on one clock: by time, what happens at one instant overlaps', () => {
  const [one, other] = [new Story().whole(submit(), made).events, new Story().whole(strong(), unknownRun).whole(strong(), looks('queued', '')).events];
  const order = mergeHistories([one, other]).map(({ at, client, event }) => `${at} ${client} ${event}`);
  assert.deepEqual(order, ['1 c1/0 invoke', '1 c1/1 invoke', '2 c1/0 return', '2 c1/1 return', '3 c1/1 invoke', '4 c1/1 return']);
});

test('the command: exit codes 0, 2 and 12, and a text that says what is wrong', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-history-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const check = (...args: string[]): { status: number | null; output: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['sim/history/check.ts', ...args], { encoding: 'utf8' });
    return { status, output: stdout + stderr };
  };
  const [good, bad, broken] = ['good', 'bad', 'broken'].map((name) => join(folder, `${name}.jsonl`)) as [string, string, string];
  new Story((line) => appendFileSync(good, `${line}\n`)).whole(submit(), made).lost(cancel());
  new Story((line) => appendFileSync(bad, `${line}\n`)).whole(submit(), made).whole(cancel(), cancelled).whole(strong(), looks('running', ''));
  writeFileSync(broken, '{"at":1}\n');
  assert.deepEqual(check(good), { status: 0, output: 'linearizable: 2 operations (1 with unknown outcome) on 1 runs, 1 configurations looked at\n' });
  const wrong = check(bad);
  assert.equal(wrong.status, 12);
  assert.match(wrong.output, /^request k1 in cell cell: not linearizable[^]*\nVIOLATION of S23: 3 operations/);
  assert.equal(check(good, bad).status, 12);
  const unreadable = check(broken);
  assert.equal(unreadable.status, 2);
  assert.match(unreadable.output, /broken\.jsonl: line 1: no event of a history/);
  assert.equal(check().status, 2);
  const empty = join(folder, 'empty.jsonl');
  writeFileSync(empty, '\n');
  assert.deepEqual(check(empty), { status: 2, output: `${empty}: no operations, so nothing to check\n` });
});
