/** What is mended about libp2p from outside still fits the installed versions, and does what it is for. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { MultiaddrConnection, Stream } from '@libp2p/interface';
import { LengthPrefixedDecoder, multiaddrConnectionPair } from '@libp2p/utils';
import { yamux } from '@libp2p/yamux';
import { libp2pLogger } from '../../../src/io/libp2p/logger.ts';
import { STREAM_WINDOW_BYTES } from '../../../src/io/libp2p/limits.ts';
import { cheapShortBuffers, sparingWindowUpdates } from '../../../src/io/libp2p/tuning.ts';
import type { Note } from '../../../src/ports/observer.ts';
import { makeTransport, silence, stopAll, until } from './support.ts';

const FRAMES = 200;
const FRAME_BYTES = 1000;

/** Writes of the receiving side while FRAMES frames come in. */
async function answersTo(prepare: (stream: Stream) => void): Promise<number> {
  const [near, far] = multiaddrConnectionPair();
  const muxer = yamux({ enableKeepAlive: false })();
  const [sender, receiver] = [muxer.createStreamMuxer(near), muxer.createStreamMuxer(far)];
  let answers = 0;
  let bytes = 0;
  receiver.addEventListener('stream', (event: CustomEvent<Stream>) => {
    prepare(event.detail);
    const send = far.send.bind(far);
    far.send = (data) => (answers++, send(data));
    event.detail.addEventListener('message', (message) => (bytes += message.data.byteLength));
  });
  const stream = await sender.createStream();
  for (let i = 0; i < FRAMES; i++) {
    stream.send(new Uint8Array(FRAME_BYTES));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => bytes === FRAMES * FRAME_BYTES, 'all frames arrived');
  for (const connection of [near, far] as MultiaddrConnection[]) connection.abort(new Error('done'));
  return answers;
}

test('a receiver does not answer every frame with a window update any more', async () => {
  assert.ok((await answersTo(() => undefined)) >= FRAMES, 'yamux does so by itself: if this fails the mend can go');
  assert.ok((await answersTo(sparingWindowUpdates)) < FRAMES / 20);
});

test('with sparing updates a stream carries many windows', async () => {
  const [near, far] = multiaddrConnectionPair();
  const muxer = yamux({ enableKeepAlive: false })();
  const [sender, receiver] = [muxer.createStreamMuxer(near), muxer.createStreamMuxer(far)];
  let bytes = 0;
  receiver.addEventListener('stream', (event: CustomEvent<Stream>) => {
    sparingWindowUpdates(event.detail);
    event.detail.addEventListener('message', (message) => (bytes += message.data.byteLength));
  });
  const stream = await sender.createStream();
  const total = 5 * STREAM_WINDOW_BYTES;
  for (let sent = 0; sent < total; sent += 64 * 1024) stream.send(new Uint8Array(64 * 1024));
  await until(() => bytes === total, 'all arrived');
  for (const connection of [near, far] as MultiaddrConnection[]) connection.abort(new Error('done'));
});

test('under noise, a buffer that is too short for a length is waited for without an error, and whole frames are decoded as before', () => {
  let short = 0;
  const lengthDecoder = (data: { readonly byteLength: number; subarray(from: number, to: number): Uint8Array }): number => {
    if (data.byteLength < 2) short += 1;
    return data.subarray(0, 2).reduce((sum, byte) => sum * 256 + byte, 0);
  };
  const decoder = new LengthPrefixedDecoder({ lengthDecoder, encodingLength: () => 2 });
  const factory = cheapShortBuffers({ protocol: '/x', createStreamMuxer: (connection) => connection as never });
  factory.createStreamMuxer({ decoder } as never);
  const frames = [1, 2, 300, 5].map((length) => new Uint8Array(length).fill(length));
  const stream = frames.flatMap((frame) => [frame.length >> 8, frame.length & 0xff, ...frame]);
  for (const pieceBytes of [1, 2, 3, 7, 1000]) {
    const got: number[][] = [];
    for (let at = 0; at < stream.length; at += pieceBytes) {
      for (const frame of decoder.decode(Uint8Array.from(stream.slice(at, at + pieceBytes)))) got.push([...frame.subarray()]);
    }
    assert.deepEqual(got, frames.map((frame) => [...frame]));
  }
  assert.equal(short, 0);
  factory.createStreamMuxer({} as never);
});

test('a raft message overtakes megabytes of bulk', async (t) => {
  const [a, b] = [await makeTransport(), await makeTransport()];
  t.after(() => stopAll([a, b]));
  let bulk = 0;
  let bulkBeforeRaft = -1;
  a.start(silence);
  b.start({
    ...silence,
    message: (_from, channel) => {
      if (channel === 'bulk') bulk++;
      else bulkBeforeRaft = bulk;
    },
  });
  a.learn(b.self, b.addresses());
  await until(() => a.isConnected(b.self), 'connected');
  const chunk = new Uint8Array(256 * 1024);
  let sent = 0;
  while (a.send(b.self, 'bulk', chunk)) sent++;
  await until(() => bulk > 0, 'bulk flows');
  assert.ok(a.queued(b.self, 'bulk') > 0);
  const before = bulk;
  a.send(b.self, 'raft', new Uint8Array(10));
  await until(() => bulk === sent, 'all arrived');
  assert.ok(bulkBeforeRaft >= 0 && bulkBeforeRaft < sent / 2, `${bulkBeforeRaft} of ${sent} bulk messages came first (${before} when it was sent)`);
});

test("libp2p's log becomes debug notes, and nothing when off", () => {
  const notes: Note[] = [];
  const log = libp2pLogger({ notify: (note) => notes.push(note) }).forComponent('libp2p:x');
  log('dialling %a at %d with %o', { toString: () => '/ip4/1.2.3.4' }, 7, { a: 1 });
  log.newScope('y').error('failed - %e', new TypeError('no'));
  log.trace('not this');
  assert.deepEqual(notes.map((note) => [note.level, note.event]), [['debug', 'libp2p'], ['debug', 'libp2p']]);
  assert.match(notes[0]!.message, /libp2p:x dialling \/ip4\/1\.2\.3\.4 at 7 with .*a.*1/);
  assert.match(notes[1]!.message, /libp2p:x:y failed - TypeError: no/);
  const silent = libp2pLogger(undefined).forComponent('z');
  assert.equal(silent.enabled, false);
  silent.newScope('w').error('nothing');
});
