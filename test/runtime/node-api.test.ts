/** Goal: the promises of a node's API are kept or broken with a code that says why, on every node and whatever happens meanwhile. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { leaderOf, steadyCluster } from '../../sim/scenarios/steady.ts';
import type { SimNode } from '../../sim/sim-node.ts';
import type { Json, RunSpec } from '../../src/core/cell/types.ts';
import { SkeinError } from '../../src/errors.ts';
import type { RunEvent } from '../../src/runtime/api.ts';
import { RuntimeNodeApi } from '../../src/runtime/node-api.ts';
import type { NodeRuntime } from '../../src/runtime/node-runtime.ts';
import { module, spec } from '../core/cell/cells.ts';
import { within } from './within.ts';

function apiOf(node: SimNode): RuntimeNodeApi {
  return new RuntimeNodeApi(node.runtime!);
}

function takes(ms: number): RunSpec {
  return spec([module('one', [], { action: { type: 'run', command: `ok ${ms}` } })]);
}

const code = (expected: string) => (error: { code?: string }) => error.code === expected;

test('every node takes a run, answers for it and tells its end', async () => {
  const cluster = steadyCluster({ seed: 'api', nodes: 3 });
  const apis = cluster.nodes.map(apiOf);
  for (const api of apis) {
    const { runId, duplicate } = await within(cluster, api.submit(takes(200), { requestKey: `key-${apis.indexOf(api)}` }));
    assert.ok(!duplicate);
    assert.ok((await within(cluster, api.submit(takes(200), { requestKey: `key-${apis.indexOf(api)}` }))).duplicate);
    const views = await within(cluster, Promise.all(apis.map((other) => other.wait(runId))));
    assert.deepEqual(views.map(({ phase }) => phase), ['succeeded', 'succeeded', 'succeeded']);
    assert.equal((await within(cluster, api.wait(runId.slice(0, 8)))).phase, 'succeeded', 'at once, since it is over');
  }
  assert.equal((await within(cluster, apis[0]!.runs({ consistency: 'strong' }))).length, 3);
  assert.equal((await within(cluster, apis[0]!.runs({ phase: 'failed' }))).length, 0);
});

test('refusals carry their code', async () => {
  const cluster = steadyCluster({ seed: 'refusals', nodes: 3 });
  const api = apiOf(cluster.nodes[0]!);
  await assert.rejects(within(cluster, api.run('nothing')), code('RUN_NOT_FOUND'));
  await assert.rejects(within(cluster, api.wait('nothing')), code('RUN_NOT_FOUND'));
  await assert.rejects(within(cluster, api.cancel('nothing')), code('RUN_NOT_FOUND'));
  await assert.rejects(within(cluster, api.drain('nobody', true)), code('NODE_NOT_FOUND'));
  const { runId } = await within(cluster, api.submit(takes(60_000)));
  assert.equal((await within(cluster, api.cancel(runId, 'x'.repeat(10_000)))).phase, 'cancelled');
  await assert.rejects(within(cluster, api.cancel(runId)), code('RUN_FINAL'));
});

test('a cancel whose answer was lost with the leader is a cancel; of a run that ended otherwise it is not', async () => {
  for (const phase of ['cancelled', 'succeeded']) {
    const seen = [{ number: 5, final: false, summary: { phase: 'running' } }, { number: 5, final: true, summary: { phase } }];
    const runtime = {
      read: (_query: string, _argument: Json, _strong: boolean, done: (error: undefined, answer: unknown) => void) => done(undefined, seen.shift()),
      cancelRun: (_run: number, _reason: string, done: (error: SkeinError) => void) => done(new SkeinError('RUN_FINAL', 'the second try finds it so')),
    };
    const cancel = new RuntimeNodeApi(runtime as unknown as NodeRuntime).cancel('run');
    if (phase === 'cancelled') assert.equal((await cancel).phase, phase);
    else await assert.rejects(cancel, code('RUN_FINAL'));
  }
});

test('waiting ends with the signal, and with the node', async () => {
  const cluster = steadyCluster({ seed: 'waiting', nodes: 1 });
  const [node] = cluster.nodes;
  const api = apiOf(node!);
  const { runId } = await within(cluster, api.submit(takes(600_000)));
  const abort = new AbortController();
  const first = api.wait(runId, abort.signal);
  const second = api.wait(runId);
  cluster.run(1000);
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  abort.abort();
  await assert.rejects(first, (error: Error) => error.name === 'AbortError');
  node!.incarnation!.process.run(() => node!.runtime!.stop());
  await assert.rejects(second, code('NODE_STOPPING'));
  await assert.rejects(within(cluster, api.runs()), code('NODE_STOPPING'));
  await assert.rejects(within(cluster, api.submit(takes(1))), code('NODE_STOPPING'));
});

test('without a majority a write says so, and the same key finds the run later', async () => {
  const cluster = steadyCluster({ seed: 'no-quorum', nodes: 3 });
  const [node, ...others] = cluster.nodes;
  for (const other of others) cluster.crashNode(other, 'process');
  const api = apiOf(node!);
  await assert.rejects(within(cluster, api.submit(takes(1), { requestKey: 'k' })), code('NO_QUORUM'));
  for (const other of others) cluster.bootNode(other);
  const { runId } = await within(cluster, api.submit(takes(1), { requestKey: 'k' }));
  assert.equal((await within(cluster, api.wait(runId))).phase, 'succeeded');
  assert.equal((await within(cluster, api.runs())).length, 1);
});

test('a member that was left out while it was away answers with what the cell knows, not with what it knew', async () => {
  const cluster = steadyCluster({ seed: 'left-out', nodes: 9 });
  const leader = leaderOf(cluster);
  const inConfig = (node: SimNode): boolean => {
    const { voters, standbys, outgoing } = leaderOf(cluster).replica!.config;
    return [...voters, ...standbys, ...outgoing].some((member) => member.startsWith(node.id));
  };
  const away = cluster.nodes.find((node) => node !== leader && leader.replica!.config.voters.some((member) => member.startsWith(node.id)))!;
  const { runId } = await within(cluster, apiOf(leader).submit(takes(20_000)));
  cluster.run(500);
  cluster.crashNode(away, 'process');
  assert.ok(cluster.runUntil(() => !inConfig(away), 60_000), 'its place is given to another');
  cluster.bootNode(away);
  cluster.run(10_000);
  assert.ok(away.replica !== undefined && !inConfig(away), 'it holds an old log and nobody sends it more');
  const api = apiOf(away);
  const events: RunEvent[] = [];
  api.watch(runId, 0, (event) => events.push(event));
  assert.equal((await within(cluster, api.wait(runId))).phase, 'succeeded');
  assert.equal((await within(cluster, api.run(runId))).phase, 'succeeded');
  cluster.run(1000);
  assert.equal(events.at(-1)?.phase, 'succeeded');
  assert.notEqual(api.status().leader, '');
});
