/** Who gets in, and what people are told when somebody does not. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { generateKeyPair } from '@libp2p/crypto/keys';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import type { Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { encode } from 'cborg';
import { createLibp2p, type Libp2p } from 'libp2p';
import { encodeFrame } from '../../../src/io/libp2p/frame.ts';
import { encodeHello } from '../../../src/io/libp2p/hello.ts';
import { WIRE_VERSION } from '../../../src/io/libp2p/limits.ts';
import { privateNetwork } from '../../../src/io/libp2p/protector.ts';
import type { Note } from '../../../src/ports/observer.ts';
import { makeTransport, pskOf, silence, stopAll, testPsk, until } from './support.ts';

test('another cluster key: no connection, and one line that names the fix', async (t) => {
  const notes: Note[] = [];
  const a = await makeTransport({}, notes);
  const b = await makeTransport({ psk: pskOf(2) });
  t.after(() => stopAll([a, b]));
  const ups: string[] = [];
  a.start({ ...silence, peerUp: (peer) => ups.push(peer) });
  b.start({ ...silence, peerUp: (peer) => ups.push(peer) });
  a.learn(b.self, b.addresses());
  const told = (): Note[] => notes.filter((note) => note.event === 'key-mismatch');
  await until(() => told().length > 0, 'the mismatch is told');
  // Several attempts later it was still said only once.
  const dials = (): number => notes.filter((note) => note.event === 'dial-failed').length;
  const before = dials();
  await until(() => dials() >= before + 2, 'it tries again');
  assert.equal(told().length, 1);
  assert.match(told()[0]!.message, new RegExp(`127\\.0\\.0\\.1/tcp/${b.port} .*cluster key differs.*SKEIN_KEY`));
  assert.equal(told()[0]!.level, 'warn');
  assert.deepEqual(ups, []);
});

test('another cluster name: refused, both sides say why, and no storm of dials follows', async (t) => {
  const notes: Note[][] = [[], []];
  const a = await makeTransport({ clusterName: 'one' }, notes[0]);
  const b = await makeTransport({ clusterName: 'two' }, notes[1]);
  t.after(() => stopAll([a, b]));
  const ups: string[] = [];
  for (const transport of [a, b]) transport.start({ ...silence, peerUp: (peer) => ups.push(peer) });
  a.learn(b.self, b.addresses());
  const told = (side: number): boolean => notes[side]!.some((note) => note.event === 'cluster-name-mismatch');
  await until(() => told(0) && told(1), 'both sides say why');
  assert.deepEqual(ups, []);
  assert.deepEqual([a.peers(), b.peers()], [[], []]);
});

test('two processes with one node key: whoever sees both says so, and where they are', async (t) => {
  const notes: Note[] = [];
  const privateKey = await generateKeyPair('Ed25519');
  const sees = await makeTransport({}, notes);
  const twins = await Promise.all([1, 2].map(() => makeTransport({ privateKey })));
  t.after(() => stopAll([sees, ...twins]));
  const boots = new Set<string>();
  sees.start({ ...silence, peerUp: (_peer, bootId) => boots.add(bootId) });
  for (const twin of twins) {
    twin.start(silence);
    twin.learn(sees.self, sees.addresses());
  }
  const told = (): Note[] => notes.filter((note) => note.event === 'node-twice');
  await until(() => told().length > 0, 'it is told');
  assert.equal(boots.size, 2);
  assert.equal(told()[0]!.level, 'warn');
  assert.match(told()[0]!.message, new RegExp(`two processes are node ${twins[0]!.self}.*node\\.key`));
});

/** A libp2p node with the right key that is no Skein node. */
async function stranger(): Promise<Libp2p> {
  return await createLibp2p({
    addresses: { listen: [] },
    transports: [tcp()],
    connectionProtector: privateNetwork(testPsk),
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
  });
}

/** Opens a channel to the transport as a stranger and writes these bytes. */
async function write(node: Libp2p, address: string, channel: string, chunks: readonly Uint8Array[]): Promise<Stream> {
  const stream = await node.dialProtocol(multiaddr(address), `/skein/${channel}/${WIRE_VERSION}`, { maxOutboundStreams: 100 });
  for (const chunk of chunks) if (stream.status === 'open') stream.send(chunk);
  return stream;
}

test('garbage from a peer with the right key ends its streams, and the node lives', async (t) => {
  const notes: Note[] = [];
  const a = await makeTransport({}, notes);
  const b = await makeTransport();
  const hostile = await stranger();
  t.after(() => Promise.all([stopAll([a, b]), hostile.stop()]));
  let heard = 0;
  a.start({ ...silence, message: () => heard++ });
  b.start(silence);
  await hostile.start();
  for (const channel of ['raft', 'work', 'bulk']) await hostile.handle(`/skein/${channel}/${WIRE_VERSION}`, () => undefined);
  const target = a.addresses()[0]!;
  const greeting = encodeFrame([encodeHello({ wireVersion: WIRE_VERSION, nodeId: hostile.peerId.toString(), bootId: 'b', clusterName: 'test', version: '0' })]);
  const attacks: readonly (readonly Uint8Array[])[] = [
    [new Uint8Array(64).fill(0xff)],
    [new Uint8Array(4)],
    [encodeFrame([encode({ not: 'a hello' })])],
    [encodeFrame([greeting, greeting])],
    [greeting, new Uint8Array(64).fill(0xfe)],
    [greeting, Uint8Array.of(0, 0, 0, 5, 0, 0, 0, 9, 1)],
    [greeting, Uint8Array.of(0, 0, 0, 12), new Uint8Array(200_000).fill(0x41)],
  ];
  for (const channel of ['raft', 'work', 'bulk']) {
    for (const attack of attacks) {
      const stream = await write(hostile, target, channel, attack);
      await until(() => stream.status !== 'open' || stream.remoteWriteStatus === 'closed', `the stream on ${channel} is dropped`);
    }
  }
  assert.ok(notes.some((note) => note.event === 'frame-dropped' && note.data?.['code'] === 'FRAME_TOO_LARGE'));
  assert.ok(notes.some((note) => note.event === 'frame-dropped' && note.data?.['code'] === 'FRAME_INVALID'));
  assert.equal(heard, 0);
  b.learn(a.self, a.addresses());
  await until(() => b.isConnected(a.self), 'an honest peer still gets in');
  b.send(a.self, 'work', new Uint8Array(3));
  await until(() => heard === 1, 'and is heard');
});

test('a peer with the right key that speaks a newer version is refused with both versions', async (t) => {
  const notes: Note[] = [];
  const a = await makeTransport({}, notes);
  const newer = await stranger();
  t.after(() => Promise.all([stopAll([a]), newer.stop()]));
  const ups: string[] = [];
  a.start({ ...silence, peerUp: (peer) => ups.push(peer) });
  await newer.start();
  await write(newer, a.addresses()[0]!, 'raft', [encodeFrame([encodeHello({ wireVersion: 7, nodeId: newer.peerId.toString(), bootId: 'b', clusterName: 'test', version: '9.9.9' })])]);
  await until(() => newer.getConnections().length === 0, 'the connection is closed');
  const told = notes.filter((note) => note.event === 'version-mismatch');
  assert.equal(told.length, 1);
  assert.match(told[0]!.message, /does not speak|version 7 \(Skein 9\.9\.9\)/);
  assert.deepEqual(ups, []);
});

test('a peer that claims another id is shut out', async (t) => {
  const notes: Note[] = [];
  const a = await makeTransport({}, notes);
  const liar = await stranger();
  t.after(() => Promise.all([stopAll([a]), liar.stop()]));
  a.start(silence);
  await liar.start();
  for (const channel of ['raft', 'work', 'bulk']) await liar.handle(`/skein/${channel}/${WIRE_VERSION}`, () => undefined);
  await write(liar, a.addresses()[0]!, 'work', [encodeFrame([encodeHello({ wireVersion: WIRE_VERSION, nodeId: a.self, bootId: 'b', clusterName: 'test', version: '0' })])]);
  await until(() => notes.some((note) => note.event === 'hello-invalid'), 'it is told');
  await until(() => liar.getConnections().length === 0, 'the connection is closed');
  assert.deepEqual(a.peers(), []);
});
