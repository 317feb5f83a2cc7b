/** What happens to the machines themselves: restarts under load, full disks, disks that are wiped or copied. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { withClients } from '../../e2e/support/clients.ts';
import { layers } from '../../e2e/support/pipelines.ts';
import type { TestNode } from '../../e2e/support/test-node.ts';
import { until } from '../../e2e/support/until.ts';
import type { HostCase, World } from '../support/world.ts';

async function ended(node: TestNode): Promise<number | null> {
  const { code } = await until(`${node.name} ends`, () => node.ended);
  return code;
}

/** A run from one node to its end. */
async function works({ cluster }: World, contact: TestNode): Promise<void> {
  const run = await cluster.final(await cluster.submit(contact, layers(cluster.ledger, 4, 4, 0.1)), contact);
  assert.equal(run.phase, 'succeeded', JSON.stringify(run.moduleList));
}

const rollingRestart: HostCase = {
  name: 'rolling-restart',
  what: 'all five are restarted one after the other (SIGTERM, back, next) while clients ask and a run goes on: no request is lost',
  long: true,
  async body(world) {
    const { cluster } = world;
    const { cellId } = await cluster.node('n0').status();
    await withClients(cluster, async () => {
      const runId = await cluster.submit(cluster.node('n4'), layers(cluster.ledger, 6, 20, 0.3));
      for (const { name } of cluster.alive) {
        const node = cluster.node(name);
        node.kill('SIGTERM');
        assert.equal(await ended(node), 0, `${name} goes in good order`);
        await cluster.launch(name);
        await cluster.ready();
      }
      const run = await cluster.final(runId);
      assert.equal(run.moduleList.reduce((sum, module) => sum + module.losses, 0), 0, 'handed back is not lost');
    });
    assert.equal((await cluster.ready()).cellId, cellId, 'the same cell');
    await cluster.check();
  },
};

const DISK_BYTES = 24 * 1024 * 1024;

/** Leaves not a byte. */
function fill(folder: string): string {
  const file = join(folder, 'ballast');
  for (let size = DISK_BYTES; size >= 1; size = Math.floor(size / 2)) {
    try {
      for (;;) writeFileSync(file, Buffer.alloc(size), { flag: 'a' });
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
    }
  }
  return file;
}

const diskFull: HostCase = {
  name: 'disk-full',
  long: true,
  what: 'the disk of a node is full: it ends and says why, also when started again; the others go on; with room again it is back',
  size: 0,
  hosts: 3,
  async body(world) {
    const { cluster, lan } = world;
    const folder = lan.smallDisk(DISK_BYTES);
    mkdirSync(dirname(cluster.dataDir('n2')), { recursive: true });
    symlinkSync(folder, cluster.dataDir('n2'));
    await cluster.start(3);
    const victim = cluster.node('n2');
    const ballast = fill(folder);
    const contact = cluster.node('n0');
    await works(world, contact);
    assert.notEqual(await ended(victim), 0);
    sayWhy(victim);
    await cluster.check();
    const again = await cluster.launch('n2');
    assert.notEqual(await ended(again), 0, 'it does not run on a full disk');
    sayWhy(again);
    rmSync(ballast);
    await cluster.launch('n2');
    await cluster.ready();
    await works(world, cluster.node('n2'));
    await cluster.check();
  },
};

/** In its log or on stderr: what failed, as the system calls it, and what to do. */
function sayWhy(node: TestNode): void {
  const said = [...node.lines.map((line) => `${line.level} ${line.msg ?? ''}`), node.errors].join('\n');
  assert.match(said, /ENOSPC|no space/i, said);
}

const wiped: HostCase = {
  name: 'wiped',
  long: true,
  what: 'a voter loses its log and keeps its key, another loses all: both return as new members, nothing is lost',
  async body(world) {
    const { cluster } = world;
    await works(world, cluster.node('n0'));
    const { others } = await world.court();
    for (const [victim, what] of [[others[0]!, 'log'], [others[1]!, '']] as const) {
      const { nodeId } = (await victim.status()).node;
      await cluster.kill(victim);
      rmSync(join(victim.dataDir, what), { recursive: true });
      const again = await cluster.launch(victim.name);
      await until('it belongs to the cell', async () => (await again.status()).node.phase === 'member');
      await cluster.ready();
      const now = (await again.status()).node.nodeId;
      assert.equal(now === nodeId, what === 'log', 'the key makes the node');
      await works(world, again);
    }
    await cluster.check();
  },
};

/** What a person copies, or a virtual machine that is cloned. */
function copy(from: string, to: string, names: readonly string[]): void {
  for (const name of names) cpSync(join(from, name), join(to, name), { recursive: true });
}

const copiedLog: HostCase = {
  name: 'copied-log',
  long: true,
  what: 'the data directory of a voter is copied to another host, without its key: the copy is refused by name and joins as a new member',
  hosts: 4,
  size: 3,
  async body(world) {
    const { cluster } = world;
    await works(world, cluster.node('n0'));
    copy(cluster.dataDir('n1'), cluster.dataDir('n3'), ['log']);
    const copied = await cluster.launch('n3');
    const told = await until('it says so', () => copied.event('log-damaged'));
    assert.equal(told.level, 'error');
    assert.match(String(told.msg), /copy of the (?:disk|log) of node/);
    await until('it joins as a new member', async () => copied.event('storage-renewed') !== undefined && (await copied.status()).node.phase === 'member');
    await works(world, copied);
    await cluster.ready(cluster.alive, 3);
    await cluster.check();
  },
};

const copiedKey: HostCase = {
  name: 'copied-key',
  what: 'the whole data directory of a voter is copied to another host and started beside it: the others go on, nothing is lost, it is said',
  hosts: 4,
  size: 3,
  long: true,
  async body(world) {
    const { cluster } = world;
    await works(world, cluster.node('n0'));
    const { leader, others } = await world.court();
    const [original, other] = others;
    await cluster.kill(original!);
    copy(original!.dataDir, cluster.dataDir('n3'), ['log', 'node.key']);
    await cluster.launch(original!.name);
    await cluster.ready();
    const twin = await cluster.launch('n3');
    for (let round = 0; round < 4; round += 1) await works(world, round % 2 === 0 ? leader : other!);
    const told = await until('it is said', () => leader.event('node-twice') ?? other!.event('node-twice'));
    for (const node of [original!, twin]) assert.ok(String(told.msg).includes(world.home(node).address), String(told.msg));
    await cluster.kill(twin);
    await cluster.ready();
    await works(world, original!);
    await cluster.check();
  },
};

export const machineCases: readonly HostCase[] = [rollingRestart, diskFull, wiped, copiedLog, copiedKey];
