/** Who does not belong to the cluster: nodes with another key, and whoever sends bytes to its ports. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { NodeListJson } from '../../src/io/http/views.ts';
import type { Cluster } from './support/cluster.ts';
import { layers } from './support/pipelines.ts';
import { scenario } from './support/scenario.ts';
import { until } from './support/until.ts';

/** What would show that a stranger was let in, or that he unsettled the cluster. */
async function standing(cluster: Cluster): Promise<unknown> {
  const { cellId, term, leaderId, voters } = await cluster.node('n0').status();
  const { nodes } = await cluster.node('n0').get<NodeListJson>('/api/v1/nodes');
  return { cellId, term, leaderId, voters, names: nodes.map((node) => node.name).toSorted() };
}

scenario('strangers', { size: 2, profile: 'default' }, async (cluster, step) => {
  await step('a node with the wrong key is refused, is told why in one line, and the cluster does not care', async () => {
    const before = await standing(cluster);
    const members = cluster.alive;
    const runId = await cluster.submit(cluster.node('n0'), layers(cluster.ledger, 4, 4, 0.1));
    const wrong = randomBytes(32).toString('base64url');
    const stranger = await cluster.launch('n9', { env: { SKEIN_KEY: wrong } });
    const told = await until('it is told', () => stranger.event('key-mismatch'));
    assert.match(String(told.msg), /cluster key differs.*(?:SKEIN_KEY|--key-file)/);
    assert.ok(!String(told.msg).includes('\n'));
    assert.equal(told.level, 'warn');
    await cluster.final(runId, cluster.node('n0'));
    assert.deepEqual(await standing(cluster), before);
    assert.ok(!JSON.stringify(stranger.lines).includes(wrong), 'the key is not in its log');
    await cluster.kill(stranger);
    await cluster.check(members);
  });

  await step('hostile bytes at the p2p port and at HTTP: every node lives and works on', async () => {
    const before = await standing(cluster);
    const runId = await cluster.submit(cluster.node('n1'), layers(cluster.ledger, 4, 4, 0.1));
    const { httpUrl } = await cluster.node('n0').status();
    const ports = [await cluster.port('n0'), await cluster.port('n1'), Number(new URL(httpUrl).port)];
    for (const port of ports) await Promise.all(hostile().map((bytes) => throwAt(port, bytes)));
    for (const [method, path, body] of badRequests()) {
      const { status, body: answer } = await cluster.node('n0').ask(method, path, body);
      assert.ok(status >= 400 && status < 500, `${method} ${path.slice(0, 40)}: ${status}`);
      assert.ok(JSON.stringify(answer).includes('detail'), `${method} ${path.slice(0, 40)} says why`);
    }
    await cluster.final(runId);
    await cluster.check();
    assert.deepEqual(await standing(cluster), before);
  });
});

function hostile(): Buffer[] {
  return [
    Buffer.alloc(0),
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.from('/multistream/1.0.0\n/noise\n'),
    Buffer.from('GET /api/v1/runs HTTP/1.1\r\nhost: x\r\ncontent-length: 999999999999\r\n\r\n'),
    Buffer.from('POST /api/v1/runs HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\nffffffffff\r\n'),
    Buffer.alloc(64 * 1024, 0xff),
    Buffer.alloc(64 * 1024),
    ...Array.from({ length: 8 }, (_, power) => randomBytes(8 * 4 ** power)),
  ];
}

function badRequests(): [string, string, unknown?][] {
  return [
    ['POST', '/api/v1/runs', 'no json'],
    ['POST', '/api/v1/runs', '{"spec":{"name":1e999}}'],
    ['POST', '/api/v1/runs', { pipeline: 'modules: {a: {run: x, nees: [b]}}' }],
    ['POST', '/api/v1/runs', { spec: { name: 'x', modules: [{ name: 'a', needs: [0] }] } }],
    ['POST', '/api/v1/runs', { pipeline: '&a [*a, *a]' }],
    ['POST', '/api/v1/runs/..%2f..%2fetc:cancel', {}],
    ['GET', `/api/v1/runs/${'%00'.repeat(50)}`],
    ['GET', '/api/v1/runs?limit=-1'],
    ['POST', '/api/v1/nodes/nobody:drain'],
    ['DELETE', '/api/v1/runs'],
  ];
}

/** Sends and hangs up; whatever comes back is as good as anything. */
function throwAt(port: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
    socket.on('connect', () => socket.end(bytes, () => socket.destroy()));
    socket.resume();
  });
}
