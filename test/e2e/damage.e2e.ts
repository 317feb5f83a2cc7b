/** A bit that flips in the middle of a log: the disk is lost, the node is not, and nobody votes on what it cannot read. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readOfflineLog } from '../../src/io/offline-log.ts';
import { timingProfiles } from '../../src/options/timing.ts';
import { layers } from './support/pipelines.ts';
import { scenario } from './support/scenario.ts';
import { never, until } from './support/until.ts';

/** Flips one bit of the second frame: a whole one comes before it and many after it. */
function damage(dataDir: string): void {
  const folder = join(dataDir, 'log');
  const [segment] = readdirSync(folder).filter((name) => name.startsWith('log-')).sort();
  const file = join(folder, segment!);
  const bytes = readFileSync(file);
  const second = 32 + bytes.readUInt32LE(4);
  const place = second + 32 + 1;
  assert.ok(bytes.length > place + 1000, 'there is a log to damage');
  bytes[place]! ^= 0x10;
  writeFileSync(file, bytes);
  assert.notEqual(readOfflineLog(dataDir).damaged, '');
}

scenario('a log damaged in the middle', { size: 3 }, async (cluster, step) => {
  const first = await cluster.submit(cluster.node('n0'), layers(cluster.ledger, 6, 4, 0.05));
  await cluster.final(first);
  const leader = await cluster.leader();
  const victim = cluster.others(leader)[0]!;
  const { nodeId } = (await victim.status()).node;
  await cluster.kill(victim);
  damage(victim.dataDir);

  await step('alone, its node says so, does not vote and founds nothing', async () => {
    // Elsewhere, where the others do not look for it.
    const alone = await cluster.launch(victim.name, { bootstrap: [], args: ['--p2p-port', '0'] });
    const told = await until('it says so', () => alone.event('log-damaged'));
    assert.equal(told.level, 'error');
    assert.match(String(told.msg), /cannot be used .*byte \d+: .* damaged.*does not vote/);
    assert.equal((await until('its status', () => alone.status())).node.phase, 'damaged');
    const { seekMs, seekStepMs, electionMs } = timingProfiles.test;
    await never('it founds or leads a cell', () => alone.event('cell-founded') !== undefined || alone.event('leader-elected') !== undefined, 2 * (seekMs + seekStepMs) + 2 * electionMs);
    assert.equal((await alone.status()).node.phase, 'damaged');
    assert.notEqual(readOfflineLog(victim.dataDir).damaged, '', 'the files are kept for whoever wants to look');
    await cluster.kill(alone);
  });

  await step('in sight of its cell it joins again as a new member and votes', async () => {
    const runId = await cluster.submit(leader, layers(cluster.ledger, 6, 4, 0.1));
    const again = await cluster.launch(victim.name);
    await until('it drops the damaged log', () => again.event('storage-renewed'));
    assert.ok(again.event('log-damaged'));
    const status = await cluster.ready();
    assert.ok(status.voters.some((voter) => voter.nodeId === nodeId), 'the same node');
    await cluster.final(runId, again);
    await cluster.check();
    assert.equal(readOfflineLog(again.dataDir).damaged, '');
  });
});
