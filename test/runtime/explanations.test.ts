/** Goal: any node says why a module is not running as the leader knows it, pauses and resumes, and says so when nobody leads. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Cluster } from '../../sim/cluster.ts';
import { leaderOf, steadyCluster } from '../../sim/scenarios/steady.ts';
import type { SimNode } from '../../sim/sim-node.ts';
import type { ModuleSpec, RunSpec } from '../../src/core/cell/types.ts';
import type { RunEvent } from '../../src/runtime/api.ts';
import { RuntimeNodeApi } from '../../src/runtime/node-api.ts';
import { module, spec, type ModuleSketch } from '../core/cell/cells.ts';
import { within } from './within.ts';

function apiOf(node: SimNode): RuntimeNodeApi {
  return new RuntimeNodeApi(node.runtime!);
}

function work(name: string, ms: number, needs: readonly number[] = [], more: ModuleSketch = {}): ModuleSpec {
  return module(name, needs, { action: { type: 'run', command: `ok ${ms}` }, ...more });
}

const nas = { policy: { priority: 0, limits: [{ key: 'nas', max: 1 }], hedgeFactor: 0 } };

async function submit(cluster: Cluster, whole: RunSpec): Promise<string> {
  const { runId } = await within(cluster, apiOf(cluster.nodes[0]!).submit(whole));
  cluster.run(500);
  return runId;
}

const code = (expected: string) => (error: { code?: string }) => error.code === expected;

test('a pause of a run: through one node, seen by all, told to whoever follows, ended through another', async () => {
  const cluster = steadyCluster({ seed: 'pause-run', nodes: 3 });
  const apis = cluster.nodes.map(apiOf);
  const runId = await submit(cluster, spec([work('a', 2_000), work('b', 10, [0])]));
  const events: RunEvent[] = [];
  apis[2]!.watch(runId, 0, (event) => events.push(event));
  const first = await within(cluster, apis[1]!.pause(runId, 'disk is full'));
  assert.deepEqual([first.changed, first.phase, first.paused?.reason], [true, 'paused', 'disk is full']);
  assert.equal((await within(cluster, apis[2]!.pause(runId, 'again'))).changed, false);
  cluster.run(10_000);
  for (const api of apis) {
    const view = await within(cluster, api.run(runId));
    assert.deepEqual([view.phase, view.paused?.reason, view.moduleList.map(({ phase }) => phase)], ['paused', 'disk is full', ['succeeded', 'ready']]);
    const { reasons } = await within(cluster, api.explain(runId, 'b'));
    assert.deepEqual(reasons.map(({ code: word }) => word), ['run-paused']);
  }
  assert.equal((await within(cluster, apis[2]!.resume(runId))).changed, true);
  assert.equal((await within(cluster, apis[1]!.wait(runId))).phase, 'succeeded');
  cluster.run(1_000);
  const told = events.filter(({ type }) => type === 'run').map(({ phase, note }) => `${phase} ${note}`.trim());
  assert.deepEqual(told, ['queued', 'paused disk is full', 'running', 'succeeded']);
  await assert.rejects(within(cluster, apis[0]!.resume(runId)), code('RUN_FINAL'));
  await assert.rejects(within(cluster, apis[0]!.pause('nothing')), code('RUN_NOT_FOUND'));
});

test('a pause of the queue: nothing new is executed, it survives the leader, and status, queue and explanations say so', async () => {
  const cluster = steadyCluster({ seed: 'pause-queue', nodes: 3 });
  const [node] = cluster.nodes.filter((other) => other !== leaderOf(cluster));
  const api = apiOf(node!);
  assert.equal((await within(cluster, api.pauseQueue('new disks'))).changed, true);
  const runId = await submit(cluster, spec([work('a', 10), work('b', 10, [0])]));
  const before = leaderOf(cluster);
  cluster.crashNode(before, 'process');
  assert.ok(cluster.runUntil(() => cluster.leader() !== undefined && cluster.leader() !== before, 30_000));
  cluster.run(5_000);
  const queue = await within(cluster, api.queue());
  assert.deepEqual([queue.paused?.reason, queue.runs, queue.modules, queue.oldest?.module], ['new disks', 1, { waiting: 1, ready: 1, claimed: 0 }, 'a']);
  assert.equal(api.status().queuePaused?.reason, 'new disks');
  assert.match((await within(cluster, api.explain(runId, 'a'))).summary, /^the queue has been paused for \d+ s \(new disks\)$/);
  assert.equal((await within(cluster, api.pauseQueue())).changed, false);
  assert.equal((await within(cluster, api.resumeQueue())).changed, true);
  assert.equal((await within(cluster, api.wait(runId))).phase, 'succeeded');
  assert.equal((await within(cluster, api.resumeQueue())).changed, false);
});

test('a held mutex and nodes that are full, drained and silent, as every node tells it', async () => {
  const cluster = steadyCluster({ seed: 'explain', nodes: 5 });
  const apis = cluster.nodes.map(apiOf);
  const { slots } = apis[0]!.nodes()[0]!.capabilities;
  const holder = await submit(cluster, spec([work('hold', 600_000, [], nas)]));
  const [node] = (await within(cluster, apis[0]!.run(holder))).moduleList.map((one) => one.node);
  for (const api of apis) assert.deepEqual((await within(cluster, api.nodeWork(node!))).modules.map(({ module: name, attempt }) => [name, attempt]), [['hold', 1]]);
  const runId = await submit(cluster, spec([work('copy', 10, [], nas), work('huge', 10, [], { requires: { cpu: 1_000 } })]));
  for (const api of apis) {
    const copy = await within(cluster, api.explain(runId, 'co'));
    assert.match(copy.summary, new RegExp(`^mutex nas is held by run \\w+/hold on ${node} for \\d+ s$`));
    assert.equal(copy.nodes.length, 5);
    assert.match((await within(cluster, api.explain(runId, 'huge'))).summary, new RegExp(`^needs 1000 cpu slots: no node has it \\(nearest: .* \\(has ${slots}\\)\\)$`));
  }
  const groups = (await within(cluster, apis[4]!.explainRun(runId))).groups.map(({ modules, reasons }) => [...modules, ...reasons.map((reason) => reason.code)]);
  assert.deepEqual(groups, [['copy', 'limit'], ['huge', 'unfit']]);

  const others = cluster.nodes.filter((other) => other !== leaderOf(cluster) && apiOf(other).status().node.name !== node);
  const [drained, silent] = others;
  await within(cluster, apis[0]!.drain(drained!.id, true));
  cluster.crashNode(silent!, 'process');
  cluster.run(1_500);
  const verdicts = async (): Promise<Record<string, string>> => {
    const { nodes } = await within(cluster, apiOf(leaderOf(cluster)).explain(runId, 'copy'));
    return Object.fromEntries(nodes.map(({ nodeId, verdict }) => [nodeId, verdict]));
  };
  const now = await verdicts();
  assert.deepEqual([now[drained!.id], now[silent!.id]], ['drained', 'silent']);
  // Its session has ended by then: gossip still tells of it.
  cluster.run(60_000);
  const later = await verdicts();
  assert.ok(later[silent!.id] === undefined || later[silent!.id] === 'silent');
  await assert.rejects(within(cluster, apis[0]!.explain(runId, 'nothing')), code('MODULE_NOT_FOUND'));
  await assert.rejects(within(cluster, apis[0]!.explain(runId, '')), code('MODULE_NOT_FOUND'));
});

test('without a majority a node tells what it knows, and that nobody leads', async () => {
  const cluster = steadyCluster({ seed: 'leaderless', nodes: 3 });
  const [node, ...others] = cluster.nodes;
  const api = apiOf(node!);
  const runId = await submit(cluster, spec([work('a', 600_000), work('b', 10, [0])]));
  for (const other of others) cluster.crashNode(other, 'process');
  cluster.run(30_000);
  const { reasons } = await within(cluster, api.explain(runId, 'b'));
  assert.deepEqual(reasons.map((reason) => reason.code), ['no-leader', 'needs']);
  assert.deepEqual((await within(cluster, api.explainRun(runId))).groups, []);
  await assert.rejects(within(cluster, api.pause(runId)), (error: { code?: string }) => error.code === 'NO_QUORUM' || error.code === 'NO_LEADER');
});
