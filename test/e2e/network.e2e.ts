/** Nodes that nobody told where the others are: plain starts, no option at all, mDNS. */
import assert from 'node:assert/strict';
import { spawnSync, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { layers } from './support/pipelines.ts';
import { MARK } from './support/processes.ts';
import { scenario } from './support/scenario.ts';
import { plainEnvironment, spawnTied, TestNode } from './support/test-node.ts';
import { until } from './support/until.ts';

/** A network of their own for these nodes, where multicast reaches nobody else. Empty prefix: there can be none here. */
interface OwnNetwork {
  readonly prefix: readonly string[];
  readonly holder: ChildProcess | undefined;
}

const SET_UP = 'ip link add skein0 type veth peer name skein1 && ip link set lo up && ip addr add 10.99.0.1/24 dev skein0 && ip link set skein0 up && ip link set skein1 up && ip route add default dev skein0 && echo ready && exec sleep 600';

async function ownNetwork(mark: string): Promise<OwnNetwork> {
  const none: OwnNetwork = { prefix: [], holder: undefined };
  if (spawnSync('unshare', ['-rn', 'true']).status !== 0 || spawnSync('nsenter', ['--version']).status !== 0) return none;
  const holder = spawnTied('unshare', ['-rn', 'sh', '-c', SET_UP], { ...plainEnvironment(), [MARK]: mark });
  let said = '';
  let ended = false;
  holder.stdout!.on('data', (text: Buffer) => (said += text.toString()));
  holder.once('exit', () => (ended = true));
  await until('the network', () => ended || said.includes('ready'));
  return ended ? none : { prefix: ['nsenter', '-t', String(holder.pid), '-U', '-n', '--preserve-credentials'], holder };
}

/** Why a multicast packet to this machine does not come back, or undefined when it does. */
function multicastProblem(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    const done = (reason: string | undefined): void => {
      clearTimeout(timer);
      socket.close();
      resolve(reason);
    };
    const timer = setTimeout(() => done('a packet to 224.0.0.251 does not come back'), 1000);
    socket.on('error', (error) => done(error.message));
    socket.on('message', () => done(undefined));
    socket.bind(0, () => {
      try {
        socket.addMembership('224.0.0.251');
        socket.setMulticastLoopback(true);
        socket.send('skein', socket.address().port, '224.0.0.251');
      } catch (error) {
        done((error as Error).message);
      }
    });
  });
}

scenario('two nodes started without any option find each other by mDNS', {}, async (cluster, _step, t) => {
  const { prefix, holder } = await ownNetwork(`${cluster.mark}/network`);
  const problem = holder === undefined ? await multicastProblem() : undefined;
  if (problem !== undefined) {
    t.skip(`multicast is not possible here: ${problem}`);
    return;
  }
  // Two users' homes, one key, as if it had been carried over by hand.
  const { env } = cluster;
  const nodes = ['a', 'b'].map((name) => {
    const data = join(cluster.root, name);
    mkdirSync(data);
    return new TestNode({ name, dataDir: join(data, 'skein', '0'), mark: `${cluster.mark}/${name}`, args: [], env: { ...env, XDG_DATA_HOME: data }, prefix });
  });
  try {
    await cluster.ready(nodes);
    const runId = await cluster.submit(nodes[0]!, layers(cluster.ledger, 2, 2, 0.05));
    await cluster.final(runId, nodes[1]);
    await cluster.check(nodes);
    const ports = await Promise.all(nodes.map(async (node) => new URL((await node.status()).httpUrl).port));
    assert.equal(new Set(ports).size, 2, 'a busy default port moves to the next free one');
  } catch (error) {
    process.stderr.write(nodes.map((node) => node.story()).join('\n'));
    throw error;
  } finally {
    for (const node of nodes) node.kill('SIGKILL');
    await Promise.all(nodes.map((node) => node.exited));
    holder?.kill('SIGKILL');
  }
});
