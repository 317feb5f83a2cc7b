import assert from 'node:assert/strict';
import test from 'node:test';
import { nodeId, type NodeId } from '../../src/core/lib/ids.ts';
import type { Channel } from '../../src/ports/transport.ts';
import { Kernel, Process } from '../../sim/kernel.ts';
import { Network } from '../../sim/network.ts';
import { WIRED, type NetworkOptions } from '../../sim/network-options.ts';
import { Prng } from '../../sim/prng.ts';
import type { SimTransport } from '../../sim/transport.ts';

const names = ['a', 'b', 'c', 'd'].map(nodeId) as [NodeId, NodeId, NodeId, NodeId];
const [a, b, c] = names;

interface Peer {
  readonly transport: SimTransport;
  readonly process: Process;
  /** Everything the port reported: `up b boot`, `down b`, `raft b text`, `gossip b text`. */
  readonly log: string[];
}

class Lab {
  readonly kernel = new Kernel();
  readonly network: Network;
  readonly peers = new Map<NodeId, Peer>();

  constructor(options: Partial<NetworkOptions> = {}, count = 3) {
    this.network = new Network(this.kernel, { ...WIRED, ...options }, new Prng('network-test'));
    for (const name of names.slice(0, count)) {
      this.network.addHost(name);
      this.boot(name, 'boot1');
    }
  }

  boot(name: NodeId, bootId: string): Peer {
    const process = new Process(this.kernel, name);
    const transport = this.network.boot(name, process, bootId);
    const log: string[] = [];
    const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
    transport.start({
      message: (from, channel, bytes) => log.push(`${channel} ${from} ${text(bytes)}`),
      peerUp: (peer, boot) => log.push(`up ${peer} ${boot}`),
      peerDown: (peer) => log.push(`down ${peer}`),
      gossip: (from, bytes) => log.push(`gossip ${from} ${text(bytes)}`),
    });
    this.peers.set(name, { transport, process, log });
    return this.peer(name);
  }

  peer(name: NodeId): Peer {
    return this.peers.get(name) as Peer;
  }

  down(name: NodeId, how: 'process' | 'power'): void {
    this.peer(name).process.kill();
    this.network.down(name, how);
  }

  send(from: NodeId, to: NodeId, text: string, channel: Channel = 'raft'): boolean {
    return this.peer(from).transport.send(to, channel, new TextEncoder().encode(text));
  }

  run(ms: number): void {
    this.kernel.run(this.kernel.now + ms);
  }

  /** What `name` reported since it was last asked. */
  take(name: NodeId): string[] {
    return this.peer(name).log.splice(0);
  }
}

function settled(options: Partial<NetworkOptions> = {}, count = 3): Lab {
  const lab = new Lab(options, count);
  lab.run(3000);
  for (const name of names.slice(0, count)) lab.take(name);
  return lab;
}

test('nodes of one segment find each other and report each peer once', () => {
  const lab = new Lab();
  lab.run(3000);
  assert.deepEqual(lab.take(a).sort(), ['up b boot1', 'up c boot1']);
  assert.deepEqual(lab.peer(b).transport.peers().sort(), [a, c]);
});

test('a channel keeps order and doubles nothing, whatever the delays', () => {
  const lab = settled({ delayJitterMs: 50, stallRate: 0.2 });
  const sent = Array.from({ length: 200 }, (_, i) => String(i));
  for (const text of sent) {
    assert.equal(lab.send(a, b, text), true);
    lab.run(1);
  }
  lab.run(20_000);
  assert.deepEqual(lab.take(b), sent.map((text) => `raft a ${text}`));
  assert.ok(lab.network.figures.stalls > 10);
});

test('nasty channels lose, double and overtake single messages; the others do not', () => {
  const lab = settled({ nastyChannels: ['raft'], lossRate: 0.2, duplicateRate: 0.2, reorderRate: 0.2 });
  for (let i = 0; i < 300; i += 1) {
    lab.send(a, b, String(i));
    lab.send(a, b, String(i), 'work');
    lab.run(1);
  }
  lab.run(20_000);
  const got = lab.take(b);
  const raft = got.filter((line) => line.startsWith('raft')).map((line) => Number(line.split(' ')[2]));
  const work = got.filter((line) => line.startsWith('work')).map((line) => Number(line.split(' ')[2]));
  assert.deepEqual(work, Array.from({ length: 300 }, (_, i) => i));
  assert.ok(new Set(raft).size < 290, 'some were lost');
  assert.ok(raft.length > new Set(raft).size, 'some were doubled');
  assert.ok(raft.some((value, at) => value < (raft[at - 1] ?? 0)), 'some were overtaken');
});

test('a cut stalls first, then both sides notice; a cut that heals before loses nothing', () => {
  const lab = settled();
  lab.network.cut(a, b);
  lab.network.cut(b, a);
  assert.equal(lab.send(a, b, 'kept'), true);
  lab.run(1500);
  assert.deepEqual(lab.take(b), []);
  lab.network.healAll();
  lab.run(10);
  assert.deepEqual(lab.take(b), ['raft a kept']);
  lab.network.cut(a, b);
  lab.network.cut(b, a);
  lab.send(a, b, 'lost');
  lab.run(7000);
  assert.deepEqual(lab.take(b), ['down a']);
  assert.deepEqual(lab.take(a), ['down b']);
  lab.network.healAll();
  lab.run(5000);
  assert.deepEqual(lab.take(b), ['up a boot1']);
});

test('a one-way cut lets the other direction through until the connection is given up', () => {
  const lab = settled();
  lab.network.cut(a, b);
  lab.send(a, b, 'stuck');
  lab.send(b, a, 'through');
  lab.run(1000);
  assert.deepEqual(lab.take(a), ['raft b through']);
  assert.deepEqual(lab.take(b), []);
  lab.run(6000);
  assert.deepEqual([lab.take(a), lab.take(b)], [['down b'], ['down a']]);
});

test('a dead process closes its sockets and refuses; a host without power is silent and unreachable', () => {
  const lab = settled();
  const outcomes: string[] = [];
  lab.down(b, 'process');
  lab.run(5);
  assert.deepEqual(lab.take(a), ['down b']);
  lab.peer(a).transport.redial(b, 'boot1', (outcome) => outcomes.push(outcome));
  assert.equal(outcomes.length, 0);
  lab.run(5);
  assert.deepEqual(outcomes, ['refused']);
  lab.down(c, 'power');
  lab.run(1000);
  assert.deepEqual(lab.take(a), []);
  lab.peer(a).transport.redial(c, 'boot1', (outcome) => outcomes.push(outcome));
  lab.run(6000);
  assert.deepEqual(outcomes, ['refused', 'unreachable']);
  assert.deepEqual(lab.take(a), ['down c']);
});

test('a restart shows a new boot id, and redial says so', () => {
  const lab = settled();
  lab.down(b, 'power');
  lab.run(100);
  lab.boot(b, 'boot2');
  const outcomes: string[] = [];
  lab.peer(a).transport.redial(b, 'boot1', (outcome) => outcomes.push(outcome));
  lab.peer(a).transport.redial(c, 'boot1', (outcome) => outcomes.push(outcome));
  lab.run(3000);
  assert.deepEqual(outcomes.sort(), ['connected', 'rebooted']);
  assert.deepEqual(lab.take(a), ['down b', 'up b boot2']);
});

test('a broken connection loses what was in flight and is dialled again', () => {
  const lab = settled();
  lab.network.options = { ...lab.network.options, resetRate: 1 };
  lab.send(a, b, 'lost');
  lab.run(0);
  lab.network.options = { ...lab.network.options, resetRate: 0 };
  lab.run(3000);
  assert.deepEqual(lab.take(b), ['down a', 'up a boot1']);
  assert.deepEqual(lab.take(a), ['down b', 'up b boot1']);
});

test('a paused process answers no dial and gets its messages when it resumes', () => {
  const lab = settled();
  lab.peer(b).process.pause();
  const outcomes: string[] = [];
  lab.send(a, b, 'held');
  lab.peer(a).transport.redial(b, 'boot1', (outcome) => outcomes.push(outcome));
  lab.run(2000);
  assert.deepEqual([outcomes.join(), lab.take(b).join()], ['unreachable', '']);
  lab.peer(b).process.resume();
  lab.run(1);
  assert.deepEqual(lab.take(b), ['raft a held']);
});

test('beacons reach nodes without a direct connection, and none through a cut', () => {
  const lab = settled({}, 4);
  lab.network.cut(a, c);
  lab.network.cut(c, a);
  lab.run(8000);
  lab.peer(a).transport.publish(new TextEncoder().encode('one'));
  lab.run(10);
  assert.deepEqual(lab.take(c), ['down a', 'gossip a one']);
});

test('a full channel refuses, and an unknown peer too', () => {
  const lab = settled();
  assert.equal(lab.send(a, nodeId('nobody'), 'x'), false);
  lab.network.cut(a, b);
  const megabyte = new Uint8Array(1024 * 1024);
  const { transport } = lab.peer(a);
  const taken = Array.from({ length: 12 }, () => transport.send(b, 'bulk', megabyte)).filter(Boolean).length;
  assert.equal(taken, 8);
  assert.equal(transport.queued(b, 'bulk'), 8 * 1024 * 1024);
  assert.equal(lab.send(a, b, 'other channels go on'), true);
});

for (const overflow of ['wait', 'drop'] as const) {
  test(`a narrow path carries few frames at once; in order and in the end all (${overflow})`, () => {
    const lab = settled({ delayMinMs: 10, delayJitterMs: 5, pathCapacity: 3, overflow });
    const sent = Array.from({ length: 40 }, (_, i) => String(i));
    for (const [i, text] of sent.entries()) {
      lab.send(a, b, text, i % 2 === 0 ? 'raft' : 'bulk');
      lab.run(0.5);
    }
    lab.send(c, b, 'another path');
    lab.run(20);
    const early = lab.take(b);
    assert.ok(early.includes('raft c another path'));
    assert.ok(early.length < 15, `${early.length} arrived at once`);
    lab.run(120_000);
    const all = [...early, ...lab.take(b)].filter((line) => line.includes(' a '));
    for (const channel of ['raft', 'bulk'] as const) {
      const expected = sent.filter((_, i) => (i % 2 === 0) === (channel === 'raft')).map((text) => `${channel} a ${text}`);
      assert.deepEqual(all.filter((line) => line.startsWith(channel)), expected);
    }
    assert.ok(lab.network.figures.overflows > 10);
  });
}

test('on a nasty channel a full path loses what exceeds it', () => {
  const lab = settled({ delayMinMs: 10, pathCapacity: 2, overflow: 'drop', nastyChannels: ['raft'] });
  for (let i = 0; i < 20; i += 1) {
    lab.send(a, b, String(i));
    lab.run(0.5);
  }
  lab.run(60_000);
  assert.ok(lab.take(b).length < 10);
  assert.equal(lab.peer(a).transport.queued(b, 'raft'), 0);
});

test('a path that was narrow and is wide again delivers what waited', () => {
  const lab = settled({ delayMinMs: 50, pathCapacity: 2 });
  for (let i = 0; i < 10; i += 1) {
    lab.send(a, b, String(i));
    lab.run(1);
  }
  lab.network.options = { ...lab.network.options, pathCapacity: Infinity };
  lab.run(1000);
  assert.equal(lab.take(b).length, 10);
});

test('a clogged path holds up every channel in its direction, at most 5 s', () => {
  const lab = settled({ clogRate: 1, clogMeanMs: 1e9 });
  lab.send(a, b, 'first');
  lab.run(1);
  lab.network.options = { ...lab.network.options, clogRate: 0 };
  lab.send(a, b, 'second', 'work');
  lab.send(b, a, 'against');
  lab.run(4900);
  assert.deepEqual([lab.take(a), lab.take(b)], [['raft b against'], []]);
  lab.run(200);
  assert.deepEqual(lab.take(b).sort(), ['raft a first', 'work a second']);
  assert.equal(lab.network.figures.clogs, 1);
});

test('a machine that sleeps hears nothing until it wakes, and is found gone meanwhile', () => {
  const lab = settled();
  lab.peer(b).process.pause();
  lab.network.sleep(b);
  lab.send(a, b, 'kept');
  lab.run(1500);
  lab.network.wake(b);
  lab.peer(b).process.resume();
  lab.run(10);
  assert.deepEqual([lab.take(a), lab.take(b)], [[], ['raft a kept']]);
  lab.peer(b).process.pause();
  lab.network.sleep(b);
  lab.send(a, b, 'lost');
  lab.run(7000);
  assert.deepEqual(lab.take(a), ['down b']);
  lab.network.wake(b);
  lab.peer(b).process.resume();
  lab.run(5000);
  assert.deepEqual(lab.take(a), ['up b boot1']);
  assert.ok(!lab.take(b).includes('raft a lost'));
});
