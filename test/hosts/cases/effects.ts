/** Effectful modules when their node is cut off, stopped or killed: never two executions of one module at once (S20). */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { timingProfiles } from '../../../src/options/timing.ts';
import type { Cluster } from '../../e2e/support/cluster.ts';
import { lossesOf } from '../../e2e/support/held-run.ts';
import { overlaps, readLedger, type Execution } from '../../e2e/support/ledger.ts';
import { ticking } from '../../e2e/support/pipelines.ts';
import type { TestNode } from '../../e2e/support/test-node.ts';
import { until } from '../../e2e/support/until.ts';
import type { HostCase, World } from '../support/world.ts';

const { sessionTtlMs: ttlMs, keepaliveMs } = timingProfiles.default;
/** An execution that is not stopped in time meets the next one. */
const LONGER_THAN_LEASE_S = ttlMs / 1000 + 2;
const BLIP_MS = 2000;

/**
 * A run of effectful modules, one for each node, has begun, and `victim` executes one. The others have slots left, so that
 * what it loses is begun again as soon as it may be.
 */
async function begun({ cluster }: World, victim: TestNode, contact: TestNode, seconds = LONGER_THAN_LEASE_S): Promise<string> {
  const names = cluster.alive.map((_, index) => `touch${index}`);
  const modules = Object.fromEntries(names.map((name) => [name, { run: ticking(seconds), effectful: true }]));
  const runId = await cluster.submit(contact, { ledger: cluster.ledger, name: 'effectful', modules });
  await until(`${victim.name} executes one`, () => executions(cluster, runId).some((one) => one.node === victim.name));
  return runId;
}

function executions(cluster: Cluster, runId: string): Execution[] {
  return readLedger(cluster.ledger).filter((one) => one.runId === runId);
}

/** The run has ended: what ran on the lost node never came to its end, ran again elsewhere, and only after its last sign of life. */
async function takenOver({ cluster }: World, runId: string, lost: TestNode, contact: TestNode): Promise<void> {
  const run = await cluster.final(runId, contact);
  assert.ok(lossesOf(run) > 0, 'its modules went to others');
  const all = executions(cluster, runId);
  assert.deepEqual(overlaps(all), []);
  for (const one of all.filter(({ node }) => node === lost.name)) {
    const again = all.find((other) => other.module === one.module && other.fence > one.fence);
    assert.ok(again?.ended, `${one.module} was executed again`);
    assert.equal(one.ended, false, `${one.module} on ${lost.name} was stopped before its end`);
  }
}

const resetWorker: HostCase = {
  name: 'reset-worker',
  what: 'scenario 27: all connections of a worker are reset while it lives: its effectful modules begin elsewhere only after it has stopped them',
  hosts: 3,
  async body(world) {
    const { cluster } = world;
    const { leader, others } = await world.court();
    const [worker, contact] = others;
    // Longer than the lease of the session, so that an execution that is not stopped meets the next one.
    const runId = await begun(world, worker!, contact!);
    world.lan.reset(world.home(worker!));
    const brokenAt = Date.now();
    await takenOver(world, runId, worker!, contact!);
    assert.ok(worker!.alive && leader.alive);
    const waitedMs = Math.min(...executions(cluster, runId).map((one) => Number(one.beganNs / 1_000_000n) - brokenAt).filter((ms) => ms > 0));
    assert.ok(waitedMs > ttlMs - 2 * keepaliveMs && waitedMs < 2 * ttlMs, `executed again after ${waitedMs} ms; the lease is ${ttlMs} ms`);
    await world.heal();
    await cluster.check();
  },
};

/** The connections of a worker break for two seconds. Nothing is given away, nothing is fenced. */
function blip(name: string, what: string, fault: (world: World, worker: TestNode) => void): HostCase {
  return {
    name,
    what: `${what} for two seconds: its effectful modules run on, nothing is executed twice`,
    hosts: 3,
    long: true,
    async body(world) {
      const { cluster } = world;
      const { others } = await world.court();
      const [worker, contact] = others;
      const runId = await begun(world, worker!, contact!);
      const brokenAt = Date.now();
      fault(world, worker!);
      await pause(BLIP_MS);
      await world.heal();
      const run = await cluster.final(runId, contact);
      const told = executions(cluster, runId).map((one) => `${one.module} on ${one.node} under fence ${one.fence} at ${one.beganNs / 1_000_000n}–${one.lastNs / 1_000_000n}${one.ended ? '' : ', not ended'}`);
      assert.equal(told.length, run.moduleList.length, `broken at ${brokenAt}\n${told.join('\n')}`);
      await cluster.check();
    },
  };
}

const resetBlip = blip('reset-blip', 'all connections of a worker are reset', (world, worker) => world.lan.reset(world.home(worker)));
const halfOpenBlip = blip('half-open-blip', 'all connections of a worker break for itself, unnoticed by the others,', (world, worker) => world.lan.forget(world.home(worker)));

const orphans: HostCase = {
  name: 'orphans',
  what: 'scenario 28: a node is killed with its effectful modules running: nothing of it is left after a second, nothing runs twice at once',
  hosts: 3,
  async body(world) {
    const { cluster } = world;
    const { others } = await world.court();
    const [worker, contact] = others;
    const runId = await begun(world, worker!, contact!);
    await cluster.kill(worker!);
    await takenOver(world, runId, worker!, contact!);
    await cluster.launch(worker!.name);
    await cluster.ready();
    await cluster.check();
  },
};

const stoppedLeader: HostCase = {
  name: 'stopped-leader',
  what: 'the leader stands still with effectful modules running: another one leads and executes them later; it goes on as a follower',
  hosts: 3,
  long: true,
  async body(world) {
    const { cluster } = world;
    const { leader, others } = await world.court();
    const runId = await begun(world, leader, others[0]!);
    leader.kill('SIGSTOP');
    const next = await world.successor(leader, others);
    await takenOver(world, runId, leader, next);
    leader.kill('SIGCONT');
    await cluster.ready();
    assert.notEqual((await cluster.leader()).name, leader.name, 'its return deposes nobody');
    await cluster.check();
  },
};

export const effectCases: readonly HostCase[] = [resetWorker, resetBlip, halfOpenBlip, orphans, stoppedLeader];
