/** S23 on a simulated cluster: what its clients did, that it is checked, and that a node which answers with the past is found. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { isRunFinal } from '../../../src/core/cell/state.ts';
import type { Cluster } from '../../../sim/cluster.ts';
import { checkHistory } from '../../../sim/history/check-history.ts';
import { operationsOf, type ClientOperation, type HistoryEvent } from '../../../sim/history/events.ts';
import { bothWays } from '../../../sim/partitions.ts';
import { PIPELINE_MIX } from '../../../sim/pipelines.ts';
import { leaderOf, steadyCluster } from '../../../sim/scenarios/steady.ts';
import { CURIOSITY, Workload } from '../../../sim/workload.ts';

function busy(seed: string): { readonly cluster: Cluster; readonly workload: Workload } {
  const cluster = steadyCluster({ seed, nodes: 3 });
  const mix = { submitEveryMs: 300, cancelRate: 0.4, answerTimeoutMs: 1000, runsMax: 100, pipelines: PIPELINE_MIX, curiosity: { ...CURIOSITY, readEveryMs: 50 } };
  const workload = new Workload(cluster, mix, cluster.random.fork('workload'));
  workload.start();
  return { cluster, workload };
}

/** Lets everything end and looks at it once more. */
function finish(cluster: Cluster, workload: Workload): void {
  workload.stop();
  const rested = (): boolean => workload.open === 0 && [...(cluster.leader()?.replica?.state.runs.values() ?? [])].every((run) => isRunFinal(run.phase));
  assert.ok(cluster.runUntil(rested, 120_000, 100), cluster.violation?.message);
  workload.lookAtAll(leaderOf(cluster).replica!.state);
}

/** The leader is lost, and later all nodes at once in the middle of a submit. */
function troubled(seed: string): { readonly cluster: Cluster; readonly workload: Workload } {
  const { cluster, workload } = busy(seed);
  cluster.run(5000);
  const leader = leaderOf(cluster);
  cluster.crashNode(leader, 'process');
  cluster.run(5000);
  cluster.bootNode(leader);
  cluster.run(2000);
  assert.ok(cluster.runUntil(() => operationsOf(workload.history).some(({ call, answer, invokedMs }) => call.type === 'submit' && answer === undefined && invokedMs > cluster.kernel.now - 1), 5000, 1));
  for (const node of cluster.nodes) cluster.crashNode(node, 'power');
  for (const node of cluster.nodes) cluster.bootNode(node);
  cluster.run(5000);
  finish(cluster, workload);
  return { cluster, workload };
}

const { cluster: seen, workload: work } = troubled('s23');

test('clients submit, retry, cancel, read and wait; what they saw of a lost leader is linearizable', () => {
  assert.deepEqual(work.checkHistory().problems, []);
  assert.equal(seen.violation, undefined);
  const operations = operationsOf(work.history);
  const told = (wanted: (operation: ClientOperation) => boolean): number => operations.filter(wanted).length;
  const reply = (type: string, kind: string): number => told(({ call, answer }) => call.type === type && answer?.reply.type === kind);
  const counts = {
    made: told(({ answer }) => answer?.reply.type === 'accepted' && !answer.reply.duplicate),
    duplicates: told(({ answer }) => answer?.reply.type === 'accepted' && answer.reply.duplicate),
    cancelled: reply('cancel', 'cancelled'),
    tooLate: reply('cancel', 'final'),
    strong: told(({ call, answer }) => call.type === 'read' && call.consistency === 'strong' && answer !== undefined),
    local: told(({ call, answer }) => call.type === 'read' && call.consistency === 'local' && answer !== undefined),
    results: reply('result', 'run'),
    unknown: told(({ answer }) => answer === undefined),
  };
  for (const [kind, count] of Object.entries(counts)) assert.ok(count > 0, `${kind}: ${JSON.stringify(counts)}`);
});

type Told = Extract<HistoryEvent, { event: 'return' }>['reply'];

test('one answer of the history changed: it is not linearizable any more', () => {
  const operations = operationsOf(work.history);
  const find = (what: string, wanted: (operation: ClientOperation) => boolean): ClientOperation => {
    const found = operations.findLast(wanted);
    assert.ok(found !== undefined, what);
    return found;
  };
  const lookAt = ({ call }: ClientOperation): ClientOperation => find('a last look', (one) => one.client === 'last look' && one.call.type === 'read' && 'run' in call && one.call.run === call.run);
  const cancelled = find('a cancel', ({ call, answer }) => call.type === 'cancel' && answer?.reply.type === 'cancelled');
  const ended = find('a result', ({ call, answer }) => call.type === 'result' && answer !== undefined);
  const again = find('a duplicate', ({ answer }) => answer?.reply.type === 'accepted' && answer.reply.duplicate);
  const { run } = again.answer!.reply as Extract<Told, { type: 'accepted' }>;
  const cases: readonly (readonly [what: string, ClientOperation, Told])[] = [
    ['lost submit', find('a last look', ({ client }) => client === 'last look'), { type: 'unknownRun' }],
    ['stale read', lookAt(ended), { type: 'run', phase: 'running', modules: [] }],
    ['undone cancel', lookAt(cancelled), { type: 'run', phase: 'succeeded', modules: [] }],
    ['doubled run', again, { type: 'accepted', run: `other${run.slice(run.indexOf('-'))}`, duplicate: true }],
  ];
  for (const [what, { op }, reply] of cases) {
    const changed = work.history.map((event) => (event.event === 'return' && event.op === op ? { ...event, reply } : event));
    assert.equal(checkHistory(changed).verdict, 'violation', what);
  }
});

test('a node that is cut off and answers linearizable reads from its own copy is found', () => {
  const { cluster, workload } = busy('liar');
  const liar = cluster.nodes.find((node) => node !== leaderOf(cluster))!;
  const runtime = liar.runtime!;
  const honest = runtime.read.bind(runtime);
  runtime.read = (query, argument, _strong, done) => honest(query, argument, false, done);
  cluster.run(2000);
  for (const [from, to] of bothWays([liar.id], cluster.nodes.filter((node) => node !== liar).map(({ id }) => id))) cluster.network.cut(from, to);
  cluster.run(4000);
  assert.equal(cluster.violation, undefined);
  assert.equal(workload.checkHistory().verdict, 'violation');
  const { violation } = cluster as { violation: Cluster['violation'] };
  assert.equal(violation?.invariant, 'S23');
  assert.match(violation?.message ?? '', /read \S+ strong \S+ → /);
});

test('a client that gets no answer asks every node before it asks one again', () => {
  const cluster = steadyCluster({ seed: 'nobody answers' });
  const asked: string[] = [];
  for (const { runtime, name } of cluster.nodes) runtime!.submit = () => void asked.push(name);
  const mix = { submitEveryMs: 10, cancelRate: 0, answerTimeoutMs: 1000, runsMax: 1, pipelines: PIPELINE_MIX };
  new Workload(cluster, mix, cluster.random.fork('workload')).start();
  assert.ok(cluster.runUntil(() => asked.length >= 30, 60_000));
  for (let at = 0; at < 30; at += 5) assert.equal(new Set(asked.slice(at, at + 5)).size, 5, asked.join(' '));
});
