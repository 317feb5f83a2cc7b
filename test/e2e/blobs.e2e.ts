/** Files between real nodes: in at one, out at another, through kills of the holder and of the receiver, and rot on a disk. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BlobProgressJson } from '../../src/io/http/views.ts';
import { Cli, runCli } from './support/cli.ts';
import type { Cluster } from './support/cluster.ts';
import { scenario } from './support/scenario.ts';
import type { TestNode } from './support/test-node.ts';
import { until } from './support/until.ts';

const MIB = 1024 * 1024;

async function put(cluster: Cluster, node: TestNode, bytes: Uint8Array): Promise<string> {
  const file = join(cluster.root, 'put');
  writeFileSync(file, bytes);
  const cli = await runCli(cluster, ['blob', 'put', file, '--data-dir', node.dataDir]);
  assert.equal(cli.code, 0, cli.stderr);
  return cli.stdout.trim();
}

function get(cluster: Cluster, node: TestNode, cid: string, out: string): Cli {
  return new Cli(cluster, ['blob', 'get', cid, '--data-dir', node.dataDir, '--out', join(cluster.root, out)]);
}

async function assertGot(cluster: Cluster, cli: Cli, out: string, bytes: Uint8Array): Promise<void> {
  const { code } = await cli.exited;
  assert.equal(code, 0, cli.stderr);
  const digest = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
  assert.equal(digest(readFileSync(join(cluster.root, out))), digest(bytes));
}

async function progress(node: TestNode, cid: string): Promise<BlobProgressJson> {
  const { status, body } = await node.ask('GET', `/api/v1/blobs/${cid}`);
  return status === 200 ? (body as BlobProgressJson) : { cid, size: 0, bytesHere: 0, whole: false };
}

scenario('blobs', { size: 3 }, async (cluster, step) => {
  const [first, second, third] = cluster.alive as [TestNode, TestNode, TestNode];
  const bytes = randomBytes(24 * MIB + 321);
  let cid = '';

  await step('what is put at one node is got at another', async () => {
    const small = Buffer.from('hello');
    const name = await put(cluster, first, small);
    assert.equal(name, 'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq');
    await assertGot(cluster, get(cluster, second, name, 'small'), 'small', small);
    const list = await runCli(cluster, ['blob', 'ls', '--data-dir', second.dataDir]);
    assert.match(list.stdout, /bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq\s+5 B/);
  });

  await step('the receiver is killed in the middle: what it has stays, and the rest comes later', async () => {
    cid = await put(cluster, first, bytes);
    const cli = get(cluster, second, cid, 'never');
    await until('some of it has come', async () => (await progress(second, cid)).bytesHere > 0);
    await cluster.kill(second);
    cli.kill('SIGKILL');
    assert.equal(existsSync(join(cluster.root, 'never')), false, 'no half file under the name that was asked for');
    const again = await cluster.launch(second.name);
    await cluster.ready();
    await assertGot(cluster, get(cluster, again, cid, 'second'), 'second', bytes);
  });

  await step('a holder is killed in the middle: the other one goes on', async () => {
    const cli = get(cluster, third, cid, 'third');
    await until('some of it has come', async () => (await progress(third, cid)).bytesHere > 0);
    await cluster.kill(first);
    await assertGot(cluster, cli, 'third', bytes);
  });

  await step('a copy that rotted is found and removed; the name brings a whole one again', async () => {
    const file = join(third.dataDir, 'blobs', 'whole', cid);
    const rotten = readFileSync(file);
    rotten[10 * MIB]! ^= 1;
    writeFileSync(file, rotten);
    const cli = await runCli(cluster, ['blob', 'verify', cid, '--data-dir', third.dataDir]);
    assert.equal(cli.code, 1);
    assert.match(cli.stderr, /was damaged and is removed/);
    await assertGot(cluster, get(cluster, third, cid, 'again'), 'again', bytes);
  });

  await step('names that are none, and blobs that nobody has', async () => {
    const wrong = await runCli(cluster, ['blob', 'get', '../../etc/passwd', '--data-dir', third.dataDir, '--out', join(cluster.root, 'x')]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /BLOB_INVALID/);
    const missing = await runCli(cluster, ['blob', 'get', 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy', '--data-dir', third.dataDir, '--out', join(cluster.root, 'x')]);
    assert.equal(missing.code, 2);
    assert.match(missing.stderr, /BLOB_NOT_FOUND/);
    assert.equal(existsSync(join(cluster.root, 'x')), false);
  });
});
