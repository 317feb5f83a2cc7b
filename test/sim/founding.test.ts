/** Founding and joining at the worst moment (PROTOCOL §7). */
import assert from 'node:assert/strict';
import test from 'node:test';
import { timingProfiles } from '../../src/options/timing.ts';
import { Cluster } from '../../sim/cluster.ts';
import { WIRED } from '../../sim/network-options.ts';
import type { SimNode } from '../../sim/sim-node.ts';

test('a node that hears of a cell while it writes its own one is never in both', () => {
  const lines: string[] = [];
  const cluster = new Cluster({ seed: 'founding', nodes: 2, network: WIRED, timing: timingProfiles.default, diskMeanMs: 300, slots: 1, print: (line) => lines.push(line) });
  const [first, second] = cluster.nodes;
  assert.ok(first !== undefined && second !== undefined);
  cluster.bootNode(first);
  assert.ok(cluster.runUntil(() => cluster.leader() === first, 60_000));
  cluster.network.cut(first.id, second.id);
  cluster.network.cut(second.id, first.id);
  cluster.bootNode(second);
  assert.ok(cluster.runUntil(() => second.disk.list().some((name) => name.startsWith('log-')), 60_000, 1), 'it founds');
  assert.equal(second.runtime?.cell, '');
  cluster.network.healAll();
  assert.ok(cluster.runUntil(() => second.runtime?.cell === first.runtime?.cell && second.runtime?.worker.sessionId !== 0 && second.runtime?.host.isMember === true, 60_000));
  const changes = lines.filter((line) => line.includes('n2')).flatMap((line) => /cell-(?:founded|joining|closing|abandoned)/.exec(line) ?? []);
  assert.deepEqual(changes, ['cell-founded', 'cell-closing', 'cell-joining']);
});

test('nobody is invited into a cell that has given way', () => {
  const cluster = new Cluster({ seed: 'closed', nodes: 2, network: WIRED, timing: timingProfiles.default, diskMeanMs: 0.2, slots: 1 });
  const [first, second] = cluster.nodes;
  assert.ok(first !== undefined && second !== undefined);
  cluster.bootNode(first);
  assert.ok(cluster.runUntil(() => cluster.leader() === first, 60_000));
  cluster.network.cut(first.id, second.id);
  cluster.network.cut(second.id, first.id);
  cluster.bootNode(second);
  assert.ok(cluster.runUntil(() => second.replica?.raft.role === 'leader', 60_000));
  const junior = second.runtime?.cell;
  cluster.network.healAll();
  assert.ok(cluster.runUntil(() => second.replica?.state.closedFor !== '', 60_000, 1));
  cluster.run(100);
  assert.equal(second.runtime?.cell, junior, 'it stays a moment');
  assert.equal(first.runtime?.discovery.node(second.id)?.beacon.cell?.leader, '');
  assert.ok(cluster.runUntil(() => second.runtime?.cell === first.runtime?.cell, 60_000));
});

test('twelve nodes that start together become one cell: no beacon passes by the same node every time', () => {
  for (const seed of ['twelve', 'dozen']) {
    const cluster = new Cluster({ seed, nodes: 12, network: WIRED, timing: timingProfiles.default, diskMeanMs: 0.2, slots: 1 });
    for (const node of cluster.nodes) cluster.kernel.after(cluster.random.between(0, 2000), undefined, () => cluster.bootNode(node));
    const one = (): boolean => cluster.nodes.every((node) => node.runtime?.cell === cluster.nodes[0]?.runtime?.cell && (node.runtime?.worker.sessionId ?? 0) !== 0);
    assert.ok(cluster.runUntil(one, 30_000, 100), cluster.nodes.map((node) => `${node.name} ${node.runtime?.cell.slice(0, 8)}`).join(', '));
  }
});

test('a node that comes while nobody leads waits for the election; it founds its own cell only when that cell is stalled', () => {
  const { stalledMs, seekMs, seekStepMs } = timingProfiles.default;
  const lines: string[] = [];
  const cluster = new Cluster({ seed: 'newcomer', nodes: 4, network: WIRED, timing: timingProfiles.default, diskMeanMs: 0.2, slots: 1, print: (line) => lines.push(line) });
  const [first, second, third, newcomer] = cluster.nodes as [SimNode, SimNode, SimNode, SimNode];
  for (const node of [first, second, third]) cluster.bootNode(node);
  assert.ok(cluster.runUntil(() => cluster.leader()?.replica?.raft.config.voters.length === 3, 60_000));
  cluster.run(5000);
  // Two of three are gone: the last one cannot lead, and says so.
  const last = cluster.leader() === first ? second : first;
  for (const node of [first, second, third]) if (node !== last) cluster.crashNode(node, 'power');
  cluster.run(2000);
  cluster.bootNode(newcomer);
  cluster.run(stalledMs - 1000);
  assert.equal(newcomer.runtime?.cell, '', 'it waits');
  assert.ok(cluster.runUntil(() => newcomer.replica?.raft.role === 'leader', 1000 + seekMs + seekStepMs + 2000), 'work goes on in a new cell');
  assert.equal(lines.filter((line) => line.includes('cell-founded')).length, 2);
});
