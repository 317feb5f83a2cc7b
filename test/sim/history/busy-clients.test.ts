/** The clients for tests with real processes, at nodes that are a few lines of code: one that is right and one that forgets. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Prng } from '../../../sim/prng.ts';
import { BusyClients } from '../../../sim/history/busy-clients.ts';
import { checkHistory, type HistoryVerdict } from '../../../sim/history/check-history.ts';
import { operationsOf } from '../../../sim/history/events.ts';
import type { HttpAnswer, HttpNode } from '../../../sim/history/http-client.ts';
import { Recorder } from '../../../sim/history/recorder.ts';

/** What all nodes share; runs that nobody cancels are for ever running. */
class Server {
  readonly runs = new Map<string, { readonly id: string; phase: 'running' | 'cancelled' }>();
  /** Every so many writes are forgotten after they were answered; 0 = none. */
  readonly forgetEvery: number;
  calls = 0;

  constructor(forgetEvery: number) {
    this.forgetEvery = forgetEvery;
  }

  answer(method: string, path: string, key: string): HttpAnswer {
    this.calls += 1;
    if (this.calls % 17 === 0) throw new Error('connection reset');
    const forgets = this.forgetEvery > 0 && this.calls % this.forgetEvery === 0;
    const before = this.runs.get(key);
    if (path === '/api/v1/runs') {
      const run = before ?? { id: `r${this.runs.size}-cell`, phase: 'running' };
      this.runs.set(key, run);
      return { status: 202, body: { runId: run.id, duplicate: before !== undefined } };
    }
    const [, id = ''] = /runs\/([^:?]+)/.exec(path) ?? [];
    const run = [...this.runs.values()].find((one) => one.id === id);
    if (run === undefined) return { status: 404, body: { code: 'RUN_NOT_FOUND' } };
    if (method === 'GET') return { status: 200, body: { phase: run.phase, moduleList: [{ phase: run.phase, fence: 1, values: {} }] } };
    if (run.phase === 'cancelled') return { status: 409, body: { code: 'RUN_FINAL' } };
    if (!forgets) run.phase = 'cancelled';
    return { status: 200, body: {} };
  }
}

async function drive(forgetEvery: number): Promise<{ readonly verdict: HistoryVerdict; readonly recorder: Recorder; readonly server: Server; readonly clients: BusyClients }> {
  const server = new Server(forgetEvery);
  const random = new Prng('busy');
  let now = 0;
  let keys = 0;
  const enough = Promise.withResolvers<void>();
  const node = (session: string): HttpNode => ({
    session,
    ask: async (method, path, _body, headers) => {
      await Promise.resolve();
      if (server.calls > 400) enough.resolve();
      return server.answer(method, path, headers?.['idempotency-key'] ?? '');
    },
  });
  const recorder = new Recorder({ now: () => (now += 1) });
  const nodes = ['a.1', 'b.1', 'c.1'].map(node);
  const clients = new BusyClients({ recorder, nodes: () => nodes, body: {}, key: () => `k${(keys += 1)}`, random: () => random.float(), pauseMs: 0, submitsMax: 30 });
  clients.start();
  await enough.promise;
  await clients.stop();
  await clients.lookAtAll({ ask: (method, path) => Promise.resolve(server.answer(method, path, '')) }).catch(() => undefined);
  return { verdict: checkHistory(recorder.events), recorder, server, clients };
}

test('they do everything, up to the number of submits, and a server that is right passes', async () => {
  const { verdict, recorder, server, clients } = await drive(0);
  assert.deepEqual(verdict.problems, []);
  assert.ok(verdict.unknownOutcomes > 5 && verdict.operations > 300);
  assert.ok(server.runs.size > 20 && server.runs.size <= 30, `${server.runs.size} runs of 30 requests`);
  assert.deepEqual([...clients.runs].every((run) => [...server.runs.values()].some(({ id }) => id === run)), true);
  const done = new Set(operationsOf(recorder.events).map(({ call, answer }) => `${call.type === 'read' ? call.consistency : call.type} ${answer?.reply.type}`));
  for (const wanted of ['submit accepted', 'cancel cancelled', 'cancel final', 'strong run', 'local run', 'submit undefined']) assert.ok(done.has(wanted), `${wanted}: ${[...done].join()}`);
});

test('a server that forgets cancels which it has acknowledged is found', async () => {
  const { verdict } = await drive(2);
  assert.equal(verdict.verdict, 'violation');
  assert.match(verdict.problems.join('\n'), /→ run running/);
});
