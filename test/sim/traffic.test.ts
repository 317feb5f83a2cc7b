/** Growth of cost (PROTOCOL §8), pinned: 300 nodes, which take long, are in `npm run bench -- sim`. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { quietTraffic } from '../../sim/scenarios/traffic.ts';
import { modulesOf, Stage } from '../../sim/stage.ts';

const pinned = [
  { nodes: 3, messages: 16.67, bytes: 1697, leaderMessages: 24, leaderBytes: 2468, channels: { raft: 40, work: 4, gossip: 6 } },
  { nodes: 30, messages: 92.83, bytes: 11_656, leaderMessages: 176.08, leaderBytes: 21_998, channels: { raft: 120, work: 58, gossip: 2607.04 } },
  { nodes: 100, messages: 151.42, bytes: 18_956, leaderMessages: 306.46, leaderBytes: 41_090, channels: { raft: 120, work: 198, gossip: 14_823.67 } },
];

for (const expected of pinned) {
  test(`what ${expected.nodes} quiet nodes send: change these figures only for a reason`, () => {
    assert.deepEqual(quietTraffic({ seed: 'traffic', nodes: expected.nodes }), expected);
  });
}

test('heartbeats cost the same in any cluster of five voters and two standbys, and gossip has a ceiling for each node', () => {
  const [small, large] = [pinned[1]!, pinned[2]!];
  assert.equal(small.channels.raft, large.channels.raft);
  // At most 25 beacons arrive a second, and each is passed on to six.
  assert.ok(large.channels.gossip / large.nodes <= 25 * 6);
});

test('a step in a chain of modules costs each follower one Append and its answer', () => {
  const stage = new Stage({ seed: 'chain', mutants: new Set() }, { nodes: 3 });
  stage.form();
  const steps = 100;
  const [module] = modulesOf(1, { kind: 'ok', durationMs: 0.1 });
  stage.submit(Array.from({ length: steps }, (_, i) => ({ ...module!, name: `m${i}`, needs: i === 0 ? [] : [i - 1] })));
  let sent = 0;
  const { network, kernel } = stage.cluster;
  const { onSend } = network;
  network.onSend = (from, to, channel, bytes) => {
    onSend?.(from, to, channel, bytes);
    if (channel === 'raft') sent += 1;
  };
  const startedAt = kernel.now;
  stage.until('the end of the run', () => [...stage.replica(stage.leader).state.runs.values()].some((run) => run.phase === 'succeeded'), 10_000, 1);
  const { heartbeatMs } = stage.cluster.init.timing;
  const heartbeats = (4 * (kernel.now - startedAt)) / heartbeatMs;
  // A tenth more: an execution that takes longer than the moment for which a commit waits.
  assert.ok(sent <= 4.4 * steps + heartbeats, `${sent} messages for ${steps} steps, of which up to ${heartbeats.toFixed(0)} are heartbeats`);
});
