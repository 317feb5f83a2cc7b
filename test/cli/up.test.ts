/** Starting a node: what it says, how signals end it. The node itself is a fake. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { SkeinError } from '../../src/errors.ts';
import type { NodeExit, RunningNode, StopMode } from '../../src/io/running-node.ts';
import type { NodeOptions } from '../../src/options.ts';
import { FakeNode } from '../support/fake-node.ts';
import { TestBed, parseLines } from './harness.ts';
import { sharedBlobs } from '../support/node-blobs.ts';

const secret = 'c2VjcmV0LWtleS1vZi10aGUtY2x1c3Rlcg';

function fakeStart(isNewKey: boolean) {
  const exit = Promise.withResolvers<NodeExit>();
  const stops: StopMode[] = [];
  const given: NodeOptions[] = [];
  const api = new FakeNode();
  const text = 'node dist/node.js --bootstrap /ip4/192.168.1.5/tcp/9000';
  const node: RunningNode = {
    api,
    blobs: sharedBlobs(),
    nodeId: api.cluster.node.nodeId,
    name: 'box-NodeAA',
    clusterName: 'skein',
    addresses: ['/ip4/127.0.0.1/tcp/9000', '/ip4/192.168.1.5/tcp/9000'],
    joinLines: [isNewKey ? { text, textWithKey: `SKEIN_KEY=${secret} ${text}` } : { text }],
    httpUrl: 'http://127.0.0.1:8080',
    socketPath: '/data/0/node.sock',
    dataDir: '/data/0',
    stop: (mode) => {
      stops.push(mode);
      if (mode === 'now') exit.resolve({ code: 0 });
      return exit.promise.then(() => undefined);
    },
    exited: exit.promise,
  };
  const startNode = async (options: NodeOptions): Promise<RunningNode> => {
    given.push(options);
    return node;
  };
  return { startNode, stops, given, exit };
}

test('on a terminal: name and peer id, cluster, API, addresses, the join line with the new key', async (t) => {
  const bed = new TestBed(t);
  const { startNode, exit } = fakeStart(true);
  const running = bed.start([], { startNode, tty: true, env: { NO_COLOR: '1' } });
  await running.saw(/join/);
  exit.resolve({ code: 0 });
  const { code, stdout } = await running.done;
  assert.equal(code, 0);
  assert.match(stdout, /^skein \d+\.\d+\.\d+\n/);
  assert.equal(
    stdout.slice(stdout.indexOf('\n') + 1).replace(/\d\d:\d\d:00\.000 INFO/, '12:01:00.000 INFO'),
    [
      '  node     box-NodeAA (NodeAAAA)',
      '  cluster  skein',
      '  API      http://127.0.0.1:8080/api/v1',
      '  p2p      /ip4/127.0.0.1/tcp/9000',
      '           /ip4/192.168.1.5/tcp/9000',
      '  data     /data/0',
      `  join     SKEIN_KEY=${secret} node dist/node.js --bootstrap /ip4/192.168.1.5/tcp/9000`,
      '           A new cluster key was made: whoever has it is a member. Later: skein key show',
      '',
      '12:01:00.000 INFO  box-NodeAA has stopped',
      '',
    ].join('\n'),
  );
});

test('a key that was there before is not shown', async (t) => {
  const bed = new TestBed(t);
  const { startNode, exit } = fakeStart(false);
  const running = bed.start(['up', '--log-format', 'pretty'], { startNode, env: { SKEIN_KEY: secret } });
  await running.saw(/join/);
  exit.resolve({ code: 0 });
  const { stdout } = await running.done;
  assert.equal(stdout.includes(secret), false);
  assert.match(stdout, /skein key show/);
});

test('not on a terminal: JSON lines, never with a key', async (t) => {
  const bed = new TestBed(t);
  const { startNode, exit, given } = fakeStart(true);
  const running = bed.start(['--name', 'box', '--bootstrap', 'other:9001', '--bootstrap', '10.0.0.1', '--no-mdns', '--label', 'gpu', '--label', 'disk=ssd', '--http-host', '0.0.0.0'], { startNode, env: { SKEIN_SLTOS: '3' } });
  await running.saw(/node-started/);
  exit.resolve({ code: 0 });
  const { stdout } = await running.done;
  assert.match(stdout, /"noted":\{"option-suspect":2,"node-started":1\}/);
  const lines = parseLines(stdout) as unknown as Record<string, unknown>[];
  const started = lines.find((line) => line['event'] === 'node-started');
  assert.deepEqual(started?.['join'], ['node dist/node.js --bootstrap /ip4/192.168.1.5/tcp/9000']);
  assert.equal(stdout.includes(secret), false);
  const warnings = lines.filter((line) => line['level'] === 'warn').map((line) => String(line['msg']));
  assert.match(warnings[0] ?? '', /SKEIN_SLTOS is not known; did you mean SKEIN_SLOTS\?/);
  assert.match(warnings[1] ?? '', /HTTP listens on 0\.0\.0\.0 without a token/);
  const [options] = given;
  assert.deepEqual([options?.name, options?.bootstrap, options?.mdns, options?.vote, options?.labels], ['box', ['/dns/other/tcp/9001', '/ip4/10.0.0.1/tcp/9000'], false, true, { gpu: '', disk: 'ssd' }]);
});

test('the first signal drains, the second leaves at once', async (t) => {
  const bed = new TestBed(t);
  const { startNode, stops } = fakeStart(false);
  const running = bed.start([], { startNode });
  await running.saw(/node-started/);
  running.signal('SIGTERM');
  await running.saw(/SIGTERM: finishing or handing back/);
  assert.deepEqual(stops, ['drain']);
  running.signal('SIGINT');
  const { code } = await running.done;
  assert.deepEqual(stops, ['drain', 'now']);
  assert.equal(code, 0);
});

test('a signal during the start is obeyed once the node is up', async (t) => {
  const bed = new TestBed(t);
  const { startNode, stops, exit } = fakeStart(false);
  const gate = Promise.withResolvers<void>();
  const running = bed.start([], { startNode: (options) => gate.promise.then(() => startNode(options)) });
  await new Promise(setImmediate);
  running.signal('SIGINT');
  gate.resolve();
  await running.saw(/node-started/);
  assert.deepEqual(stops, ['drain']);
  exit.resolve({ code: 0 });
  await running.done;
});

test('a node that ends by itself, or cannot start, says why and by its exit code', async (t) => {
  const bed = new TestBed(t);
  const { startNode, exit } = fakeStart(false);
  const running = bed.start([], { startNode });
  await running.saw(/node-started/);
  exit.resolve({ code: 1, error: new SkeinError('DISK_FAILED', 'no space left') });
  const ended = await running.done;
  assert.equal(ended.code, 70);
  assert.match(ended.stderr, /error DISK_FAILED: no space left\nhint: /);
  const locked = await bed.run([], { startNode: () => Promise.reject(new SkeinError('DATA_DIR_LOCKED', 'in use')) });
  assert.equal(locked.code, 6);
});
