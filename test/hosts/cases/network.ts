/** Cuts and broken connections between hosts, while runs go on and clients ask. */
import assert from 'node:assert/strict';
import { withClients } from '../../e2e/support/clients.ts';
import { layers } from '../../e2e/support/pipelines.ts';
import { never, until } from '../../e2e/support/until.ts';
import type { TestNode } from '../../e2e/support/test-node.ts';
import type { HostCase, World } from '../support/world.ts';

/** L1 asks for 3 E + 1 s on a machine that does nothing else. */
const TAKEOVER_MS = 5000;
/** Several election timeouts. */
const QUIET_MS = 5000;

const discovery: HostCase = {
  name: 'discovery',
  long: true,
  what: 'five hosts, nobody told of anybody: one cell with five voters, found by mDNS',
  async body({ cluster }) {
    const statuses = await Promise.all(cluster.alive.map((node) => node.status()));
    assert.equal(new Set(statuses.map((status) => status.cellId)).size, 1);
    for (const status of statuses) assert.equal(status.voters.length, 5);
    const runId = await cluster.submit(cluster.node('n0'), layers(cluster.ledger, 5, 3, 0.05));
    await cluster.final(runId, cluster.node('n4'));
    await cluster.check();
  },
};

/** A run is in its middle, `fault` happens, and the node that it was submitted at sees it end. */
async function inTheMiddle({ cluster }: World, contact: TestNode, fault: () => Promise<void> | void): Promise<void> {
  const runId = await cluster.submit(contact, layers(cluster.ledger, 6, 6, 0.2));
  await cluster.middle(runId, contact);
  await fault();
  await cluster.final(runId, contact);
}

const split: HostCase = {
  name: 'split',
  what: 'split 3|2 with the leader among the two, in the middle of a run: the three go on; healed, every result is there once',
  async body(world) {
    const { cluster } = world;
    const { leader, others } = await world.court();
    const [companion, ...three] = others;
    await withClients(cluster, async () => {
      await inTheMiddle(world, three[0]!, async () => {
        world.cut([leader, companion!], three);
        await world.successor(leader, three);
      });
      await world.heal();
    });
    await cluster.check();
  },
};

const isolatedLeader: HostCase = {
  name: 'isolated-leader',
  long: true,
  what: 'the leader is cut off: another one leads within 5 s and the run ends; the old one steps down, and follows when it is back',
  async body(world) {
    const { cluster } = world;
    const { leader, others } = await world.court();
    await inTheMiddle(world, others[0]!, async () => {
      world.lan.isolate(world.home(leader));
      const cutAt = performance.now();
      await world.successor(leader, others);
      const tookMs = performance.now() - cutAt;
      assert.ok(tookMs < TAKEOVER_MS, `a leader after ${Math.round(tookMs)} ms`);
      await until('it steps down', async () => !(await leader.status()).quorum);
    });
    await world.heal();
    assert.notEqual((await cluster.leader()).name, leader.name, 'its return deposes nobody');
    await cluster.check();
  },
};

const deafLeader: HostCase = {
  name: 'deaf-leader',
  long: true,
  what: 'the leader hears nobody, but is heard: it steps down, another one leads, the run ends',
  async body(world) {
    const { cluster } = world;
    const { leader, others } = await world.court();
    await inTheMiddle(world, others[0]!, async () => {
      world.lan.deafen([world.home(leader)]);
      await world.successor(leader, others);
    });
    await world.heal();
    await cluster.check();
  },
};

const muteFollower: HostCase = {
  name: 'mute-follower',
  long: true,
  what: 'a follower hears all and is heard by nobody: no change of leader, its modules go to others, it returns without unrest',
  async body(world) {
    const { cluster } = world;
    const { leader, others } = await world.court();
    const { term } = await leader.status();
    await inTheMiddle(world, leader, () => world.lan.mute([world.home(others[0]!)]));
    await never('a change of leader', async () => (await leader.status()).term !== term, QUIET_MS);
    await world.heal();
    assert.equal((await leader.status()).term, term, 'nobody was deposed');
    await cluster.check();
  },
};

const partialCut: HostCase = {
  name: 'partial-cut',
  long: true,
  what: 'two followers do not see each other, then also leader and one of them: all others see all, and nobody else leads',
  async body(world) {
    const { cluster } = world;
    const { leader, others } = await world.court();
    const { term } = await leader.status();
    const [a, b, c] = others;
    const changed = async (): Promise<boolean> => (await c!.status()).term !== term;
    await inTheMiddle(world, a!, () => world.cut([a!], [b!]));
    await never('a change of leader', changed, QUIET_MS);
    await inTheMiddle(world, b!, () => world.cut([leader], [a!]));
    await never('a change of leader', changed, QUIET_MS);
    await world.heal();
    assert.equal((await leader.status()).term, term);
    await cluster.check();
  },
};

export const networkCases: readonly HostCase[] = [discovery, split, isolatedLeader, deafLeader, muteFollower, partialCut];
