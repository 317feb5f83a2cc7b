/** Hosts whose network itself changes: another address, a cable out, interfaces that look alike on every machine. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { timingProfiles } from '../../../src/options/timing.ts';
import { layers } from '../../e2e/support/pipelines.ts';
import { until } from '../../e2e/support/until.ts';
import type { HostCase } from '../support/world.ts';

/** So that the cell is stalled without doubt. */
const MORE_MS = 3000;
/** The longest wait between two dials, and then some. */
const RETURN_MS = 20_000;

const moved: HostCase = {
  name: 'moved',
  what: "the leader gets another address while its node runs: the old one is nobody's, and it is found at the new one",
  hosts: 3,
  long: true,
  async body(world) {
    const { cluster } = world;
    const { leader, others } = await world.court();
    world.lan.move(world.home(leader));
    const runId = await cluster.submit(others[0]!, layers(cluster.ledger, 4, 4, 0.1));
    await cluster.final(runId, others[0]);
    await cluster.ready();
    await cluster.check();
  },
};

const unplugged: HostCase = {
  name: 'unplugged',
  what: 'the cable of the leader is out for longer than a lost quorum takes to be called stalled, and back in: the others go on, it returns',
  hosts: 3,
  long: true,
  async body(world) {
    const { cluster } = world;
    const { leader, others } = await world.court();
    const { cellId } = await leader.status();
    world.lan.unplug(world.home(leader));
    await world.successor(leader, others);
    const runId = await cluster.submit(others[0]!, layers(cluster.ledger, 4, 4, 0.1));
    await cluster.final(runId, others[0]);
    await until('it says that it has no quorum', async () => !(await leader.status()).quorum);
    await pause(timingProfiles.default.stalledMs + MORE_MS);
    world.lan.heal();
    const status = await until('all are of one mind again', () => cluster.ready(), RETURN_MS);
    assert.equal(status.cellId, cellId);
    await cluster.check();
  },
};

const alike: HostCase = {
  name: 'alike-interfaces',
  what: 'every host has an interface with one and the same address, as container engines make them: the cell forms over the other one',
  hosts: 3,
  size: 0,
  long: true,
  async body(world) {
    const { cluster, lan } = world;
    for (const host of lan.hosts) lan.addInterface(host, 'docker0', '172.17.0.1/16');
    await cluster.start(3);
    const runId = await cluster.submit(cluster.node('n0'), layers(cluster.ledger, 4, 4, 0.1));
    await cluster.final(runId, cluster.node('n2'));
    const { leader } = await world.court();
    await cluster.kill(leader);
    await cluster.launch(leader.name);
    await cluster.ready();
    await cluster.check();
  },
};

export const placeCases: readonly HostCase[] = [moved, unplugged, alike];
