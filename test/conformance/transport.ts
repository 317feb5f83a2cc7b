/**
 * What every implementation of the Transport port must do, simulated or real. The suite never sleeps: it asks its world
 * to let time pass until something holds.
 */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { NodeId } from '../../src/core/lib/ids.ts';
import type { Channel, RedialOutcome, Transport } from '../../src/ports/transport.ts';
import { MESSAGE_BYTES_MAX } from '../../src/protocol/limits.ts';

export interface ConformanceNode {
  readonly transport: Transport;
  /** The process ends without a word; its machine answers that nobody listens. */
  crash(): Promise<void>;
  /** Its machine answers nothing any more. */
  loseContact(): Promise<void>;
}

export interface ConformanceWorld {
  /** Boots the node of this name, not started yet. Again after `crash`: same id, same address, another boot id. */
  boot(name: string): Promise<ConformanceNode>;
  /** Lets time pass until the condition holds; rejects, naming `what`, when it never does. */
  until(condition: () => boolean, what: string): Promise<void>;
  /** Lets so much time pass that whatever is under way has arrived. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

interface Message {
  readonly from: NodeId;
  readonly channel: Channel;
  readonly bytes: Uint8Array;
}

/** A started node that writes down what it hears, and notices callbacks from inside a call. */
class Witness {
  readonly node: ConformanceNode;
  readonly messages: Message[] = [];
  readonly links: string[] = [];
  readonly beacons: { readonly from: NodeId; readonly bytes: Uint8Array }[] = [];
  nested = 0;
  #depth = 0;

  constructor(node: ConformanceNode) {
    this.node = node;
    const heard = (): void => {
      if (this.#depth > 0) this.nested++;
    };
    this.call((transport) =>
      transport.start({
        message: (from, channel, bytes) => (heard(), this.messages.push({ from, channel, bytes })),
        peerUp: (peer, bootId) => (heard(), this.links.push(`up ${peer} ${bootId}`)),
        peerDown: (peer) => (heard(), this.links.push(`down ${peer}`)),
        gossip: (from, bytes) => (heard(), this.beacons.push({ from, bytes })),
      }),
    );
  }

  get id(): NodeId {
    return this.node.transport.self;
  }

  get bootId(): string {
    return this.node.transport.bootId;
  }

  call<T>(work: (transport: Transport) => T): T {
    this.#depth++;
    try {
      return work(this.node.transport);
    } finally {
      this.#depth--;
    }
  }

  learn(other: Witness): void {
    this.call((transport) => transport.learn(other.id, other.node.transport.addresses()));
  }

  send(to: Witness, channel: Channel, bytes: Uint8Array): boolean {
    return this.call((transport) => transport.send(to.id, channel, bytes));
  }

  isUp(other: Witness): boolean {
    return this.call((transport) => transport.isConnected(other.id));
  }

  redial(peer: NodeId, lastBootId: string): { outcome: RedialOutcome | undefined } {
    const answer: { outcome: RedialOutcome | undefined } = { outcome: undefined };
    this.call((transport) =>
      transport.redial(peer, lastBootId, (outcome) => {
        if (this.#depth > 0) this.nested++;
        answer.outcome = outcome;
      }),
    );
    return answer;
  }
}

const channels: readonly Channel[] = ['raft', 'work', 'bulk'];

export function transportConformance(name: string, factory: () => Promise<ConformanceWorld>): void {
  const check = (title: string, body: (world: ConformanceWorld, start: (name: string) => Promise<Witness>) => Promise<void>): void => {
    test(`${name}: ${title}`, async (t: TestContext) => {
      const world = await factory();
      const witnesses: Witness[] = [];
      t.after(() => world.close());
      await body(world, async (nodeName) => {
        const witness = new Witness(await world.boot(nodeName));
        witnesses.push(witness);
        return witness;
      });
      for (const witness of witnesses) assert.equal(witness.nested, 0, 'a callback came from inside a call');
    });
  };
  const pair = async (world: ConformanceWorld, start: (name: string) => Promise<Witness>): Promise<[Witness, Witness]> => {
    const [a, b] = [await start('a'), await start('b')];
    a.learn(b);
    await world.until(() => a.isUp(b) && b.isUp(a), 'both are up');
    return [a, b];
  };
  linkTests(check, pair);
  messageTests(check, pair);
  redialTests(check, pair);
  gossipTests(check);
}

type Check = (title: string, body: (world: ConformanceWorld, start: (name: string) => Promise<Witness>) => Promise<void>) => void;
type Pair = (world: ConformanceWorld, start: (name: string) => Promise<Witness>) => Promise<[Witness, Witness]>;

function linkTests(check: Check, pair: Pair): void {
  check('a learned peer comes up once on both sides, with its boot id', async (world, start) => {
    const [a, b] = await pair(world, start);
    await world.settle();
    assert.deepEqual(a.links, [`up ${b.id} ${b.bootId}`]);
    assert.deepEqual(b.links, [`up ${a.id} ${a.bootId}`]);
    assert.deepEqual(a.node.transport.peers(), [b.id]);
    assert.ok(a.node.transport.addressesOf(b.id).length > 0);
  });

  check('two that dial each other at once come up once each and keep order', async (world, start) => {
    const [a, b] = [await start('a'), await start('b')];
    a.learn(b);
    b.learn(a);
    await world.until(() => a.isUp(b) && b.isUp(a), 'both are up');
    for (let i = 0; i < 200; i++) {
      assert.ok(a.send(b, 'raft', numbered(i, 20)));
      assert.ok(b.send(a, 'raft', numbered(i, 20)));
    }
    await world.until(() => a.messages.length >= 200 && b.messages.length >= 200, 'all arrived');
    await world.settle();
    assert.deepEqual(a.links, [`up ${b.id} ${b.bootId}`]);
    assert.deepEqual(b.links, [`up ${a.id} ${a.bootId}`]);
    for (const side of [a, b]) assertSequence(side.messages, 'raft', 200);
  });

  check('a crash brings the peer down, and sending to it fails', async (world, start) => {
    const [a, b] = await pair(world, start);
    await b.node.crash();
    await world.until(() => !a.isUp(b), 'the peer is down');
    await world.settle();
    assert.deepEqual(a.links.slice(1), [`down ${b.id}`]);
    assert.equal(a.send(b, 'work', numbered(0, 10)), false);
    assert.equal(a.call((transport) => transport.queued(b.id, 'work')), 0);
  });

  check('a restarted peer is found again without help and has its new boot id', async (world, start) => {
    const [a, b] = await pair(world, start);
    await b.node.crash();
    await world.until(() => !a.isUp(b), 'the peer is down');
    const again = await start('b');
    assert.equal(again.id, b.id);
    assert.notEqual(again.bootId, b.bootId);
    await world.until(() => a.isUp(again) && again.isUp(a), 'it is up again');
    assert.deepEqual(a.links, [`up ${b.id} ${b.bootId}`, `down ${b.id}`, `up ${b.id} ${again.bootId}`]);
    assert.ok(a.send(again, 'work', numbered(7, 10)));
    await world.until(() => again.messages.length === 1, 'a message arrives');
  });

  check('a forgotten peer is not dialled again', async (world, start) => {
    const [a, b] = await pair(world, start);
    await b.node.crash();
    await world.until(() => !a.isUp(b), 'the peer is down');
    a.call((transport) => transport.forget(b.id));
    await start('b');
    await world.settle();
    assert.equal(a.isUp(b), false);
    assert.deepEqual(a.call((transport) => transport.addressesOf(b.id)), []);
  });

  check('stop is idempotent, silences the node and tells the others by closing', async (world, start) => {
    const [a, b] = await pair(world, start);
    a.call((transport) => transport.stop());
    a.call((transport) => transport.stop());
    const heard = [a.links.length, a.messages.length];
    b.send(a, 'raft', numbered(0, 10));
    await world.until(() => !b.isUp(a), 'the other noticed');
    await world.settle();
    assert.deepEqual([a.links.length, a.messages.length], heard);
    assert.equal(a.send(b, 'raft', numbered(0, 10)), false);
    assert.deepEqual(a.call((transport) => transport.peers()), []);
  });
}

function messageTests(check: Check, pair: Pair): void {
  check('order is kept and nothing doubled, on every channel', async (world, start) => {
    const [a, b] = await pair(world, start);
    const count = 600;
    for (let i = 0; i < count; i++) {
      for (const channel of channels) assert.ok(a.send(b, channel, numbered(i, 4 + ((i * 7919) % 3000))));
      if (i % 97 === 0) await world.settle();
    }
    await world.until(() => b.messages.length >= 3 * count, 'all arrived');
    await world.settle();
    for (const channel of channels) assertSequence(b.messages, channel, count);
    assert.ok(b.messages.every((message) => message.from === a.id));
  });

  check('an empty message arrives as one', async (world, start) => {
    const [a, b] = await pair(world, start);
    for (const channel of channels) assert.ok(a.send(b, channel, new Uint8Array(0)));
    await world.until(() => b.messages.length === 3, 'all arrived');
    assert.ok(b.messages.every((message) => message.bytes.byteLength === 0));
  });

  check('nothing can be sent to a peer that was never connected', async (world, start) => {
    const [a] = await pair(world, start);
    const stranger = await start('c');
    assert.equal(a.send(stranger, 'raft', numbered(0, 10)), false);
    assert.equal(a.isUp(stranger), false);
    assert.equal(a.call((transport) => transport.queued(stranger.id, 'raft')), 0);
  });

  check('a message of maximal size arrives whole, a bigger one is refused', async (world, start) => {
    const [a, b] = await pair(world, start);
    for (const channel of channels) {
      assert.equal(a.send(b, channel, new Uint8Array(MESSAGE_BYTES_MAX + 1)), false, `${channel} takes too much`);
      assert.ok(a.send(b, channel, pattern(MESSAGE_BYTES_MAX)));
    }
    await world.until(() => b.messages.length === channels.length, 'all arrived');
    for (const message of b.messages) assert.ok(Buffer.from(pattern(MESSAGE_BYTES_MAX)).equals(message.bytes));
  });

  check('a full queue refuses, keeps what it took, and takes more once it ran empty', async (world, start) => {
    const [a, b] = await pair(world, start);
    const size = 256 * 1024;
    let taken = 0;
    while (a.send(b, 'bulk', numbered(taken, size))) {
      taken++;
      assert.ok(taken * size < 1024 * 1024 * 1024, 'the queue has no bound');
    }
    assert.ok(taken > 0);
    assert.ok(a.call((transport) => transport.queued(b.id, 'bulk')) > 0);
    await world.until(() => b.messages.length === taken, 'what was taken arrived');
    await world.until(() => a.call((transport) => transport.queued(b.id, 'bulk')) === 0, 'the queue ran empty');
    assertSequence(b.messages, 'bulk', taken);
    assert.ok(a.send(b, 'bulk', numbered(taken, size)));
    await world.until(() => b.messages.length === taken + 1, 'one more arrived');
  });
}

function redialTests(check: Check, pair: Pair): void {
  const outcomeOf = async (world: ConformanceWorld, witness: Witness, peer: NodeId, lastBootId: string): Promise<RedialOutcome | undefined> => {
    const answer = witness.redial(peer, lastBootId);
    await world.until(() => answer.outcome !== undefined, 'redial answers');
    return answer.outcome;
  };

  check('redial confirms a live peer', async (world, start) => {
    const [a, b] = await pair(world, start);
    assert.equal(await outcomeOf(world, a, b.id, b.bootId), 'connected');
    assert.equal(await outcomeOf(world, a, b.id, 'an earlier boot'), 'rebooted');
  });

  check('redial of a crashed peer is refused', async (world, start) => {
    const [a, b] = await pair(world, start);
    await b.node.crash();
    await world.until(() => !a.isUp(b), 'the peer is down');
    assert.equal(await outcomeOf(world, a, b.id, b.bootId), 'refused');
  });

  check('redial of a restarted peer finds that it rebooted', async (world, start) => {
    const [a, b] = await pair(world, start);
    await b.node.crash();
    await world.until(() => !a.isUp(b), 'the peer is down');
    await start('b');
    assert.equal(await outcomeOf(world, a, b.id, b.bootId), 'rebooted');
  });

  check('redial of a silent or unknown peer ends as unreachable', async (world, start) => {
    const [a, b] = await pair(world, start);
    await b.node.loseContact();
    assert.equal(await outcomeOf(world, a, b.id, b.bootId), 'unreachable');
    const stranger = await start('c');
    assert.equal(await outcomeOf(world, b.isUp(a) ? b : a, stranger.id, stranger.bootId), 'unreachable');
  });
}

function gossipTests(check: Check): void {
  check('gossip reaches everybody, also those without a direct connection', async (world, start) => {
    const [a, b, c] = [await start('a'), await start('b'), await start('c')];
    a.learn(b);
    c.learn(b);
    await world.until(() => a.isUp(b) && b.isUp(a) && b.isUp(c) && c.isUp(b), 'the line is up');
    const beacon = new TextEncoder().encode('a is well');
    const heardBy = (witness: Witness): boolean => witness.beacons.some((heard) => heard.from === a.id && Buffer.from(beacon).equals(heard.bytes));
    // Beacons are repeated for ever; any single one may be lost.
    for (let round = 0; round < 50 && !(heardBy(b) && heardBy(c)); round++) {
      a.call((transport) => transport.publish(beacon));
      await world.settle();
    }
    assert.ok(heardBy(b), 'the neighbour heard it');
    assert.ok(heardBy(c), 'the one behind it heard it');
    assert.equal(a.beacons.length, 0, 'nobody hears itself');
  });
}

/** `index` in front, then a pattern that depends on it. */
function numbered(index: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(length, 4)).fill(index);
  new DataView(bytes.buffer).setUint32(0, index);
  return bytes;
}

function assertSequence(messages: readonly Message[], channel: Channel, count: number): void {
  const ours = messages.filter((message) => message.channel === channel);
  assert.equal(ours.length, count, channel);
  for (const [index, { bytes }] of ours.entries()) {
    assert.equal(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0), index, channel);
    if (bytes.byteLength > 4) assert.equal(bytes[bytes.byteLength - 1], index & 0xff);
  }
}

function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31) ^ (i >>> 11);
  return bytes;
}
