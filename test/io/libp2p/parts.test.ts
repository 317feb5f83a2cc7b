/** The small deciding parts of the transport: hello, queue, addresses, outcomes, backoff. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { encode } from 'cborg';
import * as fc from 'fast-check';
import { isSkeinError } from '../../../src/errors.ts';
import { bareAddress, dialOrder, hostPort, joinAddresses, mergedAddresses } from '../../../src/io/libp2p/addresses.ts';
import { backoffMs } from '../../../src/io/libp2p/backoff.ts';
import { serviceTag } from '../../../src/io/libp2p/discovery.ts';
import { FrameParser, splitPayload } from '../../../src/io/libp2p/frame.ts';
import { decodeHello, encodeHello, refusal, type Hello } from '../../../src/io/libp2p/hello.ts';
import { ADDRESSES_PER_PEER_MAX, FRAME_BATCH_BYTES, HELLO_BYTES_MAX, LENGTH_BYTES, QUEUE_MESSAGES_MAX, REDIAL_BACKOFF_MS, REDIAL_BACKOFF_MS_MAX, WIRE_VERSION } from '../../../src/io/libp2p/limits.ts';
import { Notes } from '../../../src/io/libp2p/notes.ts';
import { dialFailure } from '../../../src/io/libp2p/outcome.ts';
import { SendQueue } from '../../../src/io/libp2p/send-queue.ts';
import type { Note } from '../../../src/ports/observer.ts';

const hello: Hello = { wireVersion: WIRE_VERSION, nodeId: '12D3KooWa', bootId: 'boot', clusterName: 'skein', version: '1.2.3' };

test('a hello comes back as it was, and fields of later versions are ignored', () => {
  assert.deepEqual(decodeHello(encodeHello(hello)), hello);
  assert.deepEqual(decodeHello(encode([WIRE_VERSION, 'n', 'b', 'c', 'v', { more: true }])).bootId, 'b');
});

test('no bytes make the hello decoder do anything but answer FRAME_INVALID or FRAME_TOO_LARGE', () => {
  const junk = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.uint8Array({ minLength: HELLO_BYTES_MAX + 1, maxLength: HELLO_BYTES_MAX + 50 }),
    fc.anything({ maxDepth: 2, withBigInt: false }).map((value) => encodable(value)),
  );
  fc.assert(
    fc.property(junk, (bytes) => {
      try {
        decodeHello(bytes);
      } catch (error) {
        assert.ok(isSkeinError(error, 'FRAME_INVALID') || isSkeinError(error, 'FRAME_TOO_LARGE'), String(error));
      }
    }),
  );
});

function encodable(value: unknown): Uint8Array {
  try {
    return encode([value, value, value, value, value]);
  } catch {
    return new Uint8Array(0);
  }
}

test('both sides come to the same refusal, each naming both versions or both clusters', () => {
  const newer = { ...hello, wireVersion: WIRE_VERSION + 1, version: '9.9.9' };
  assert.equal(refusal(hello, hello), undefined);
  assert.equal(refusal(hello, newer)?.event, 'version-mismatch');
  assert.match(refusal(hello, newer)?.message ?? '', /9\.9\.9.*1\.2\.3/);
  const other = { ...hello, clusterName: 'lab' };
  for (const [own, theirs] of [[hello, other], [other, hello]] as const) assert.equal(refusal(own, theirs)?.event, 'cluster-name-mismatch');
});

test('a queue keeps order and counts, makes frames of bounded size, and refuses beyond its bounds', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(90_000), { maxLength: 60 }), fc.integer({ min: 1, max: 7 }), (sizes, every) => {
      const queue = new SendQueue(4 * FRAME_BATCH_BYTES);
      const taken: number[] = [];
      const received: number[] = [];
      const take = (): void => {
        const frame = queue.takeFrame();
        if (frame === undefined) return;
        const messages = new FrameParser().push(frame).flatMap(splitPayload);
        assert.ok(messages.length === 1 || frame.byteLength <= FRAME_BATCH_BYTES + LENGTH_BYTES);
        received.push(...messages.map((message) => message.byteLength));
      };
      for (const [i, size] of sizes.entries()) {
        const before = queue.bytes;
        if (queue.push(new Uint8Array(size))) taken.push(size);
        else assert.ok(before + size > 4 * FRAME_BATCH_BYTES);
        if (i % every === 0) take();
      }
      while (!queue.isEmpty) take();
      assert.deepEqual(received, taken);
      assert.equal(queue.bytes, 0);
    }),
    { numRuns: 40 },
  );
  const queue = new SendQueue(10);
  for (let i = 0; i < QUEUE_MESSAGES_MAX; i++) assert.ok(queue.push(new Uint8Array(0)));
  assert.equal(queue.push(new Uint8Array(0)), false);
});

test('host and port of an address', () => {
  assert.deepEqual(hostPort('/ip4/10.0.0.1/tcp/9000/p2p/12D3KooWRdo3GLWPd6YBdr9CRAfr9vjF9wvqgiKDMnfx9b6H9k9q'), { host: '10.0.0.1', port: 9000 });
  assert.equal(hostPort('/ip4/10.0.0.1/udp/9000'), undefined);
  assert.equal(hostPort('rubbish'), undefined);
  assert.equal(bareAddress('/dns4/node1/tcp/9000'), '/dns/node1/tcp/9000');
});

test('addresses of a peer are merged newest first, without doubles, bounded', () => {
  assert.deepEqual(mergedAddresses(['/ip4/10.0.0.1/tcp/1'], ['/ip4/10.0.0.2/tcp/1', '/ip4/10.0.0.1/tcp/1', 'nonsense']), ['/ip4/10.0.0.2/tcp/1', '/ip4/10.0.0.1/tcp/1']);
  const many = Array.from({ length: 100 }, (_, i) => `/ip4/10.0.0.${i + 1}/tcp/1`);
  assert.equal(mergedAddresses([], many).length, ADDRESSES_PER_PEER_MAX);
});

test('loopback addresses of a peer on another machine are not dialled, those of a neighbour are', () => {
  const own = ['/ip4/127.0.0.1/tcp/9000', '/ip4/192.168.1.5/tcp/9000'];
  const away = ['/ip4/127.0.0.1/tcp/9000', '/ip4/192.168.1.6/tcp/9000'];
  assert.deepEqual(dialOrder(away, own), ['/ip4/192.168.1.6/tcp/9000']);
  const neighbour = ['/ip4/192.168.1.5/tcp/9001', '/ip4/127.0.0.1/tcp/9001'];
  assert.deepEqual(dialOrder(neighbour, own), ['/ip4/127.0.0.1/tcp/9001', '/ip4/192.168.1.5/tcp/9001']);
  assert.deepEqual(dialOrder(['/ip4/127.0.0.1/tcp/9001'], own), ['/ip4/127.0.0.1/tcp/9001']);
  const twoHomes = ['/ip4/10.0.0.6/tcp/1', '/ip4/192.168.1.6/tcp/1'];
  assert.equal(dialOrder(twoHomes, own, '192.168.1.6')[0], '/ip4/192.168.1.6/tcp/1');
});

test('the line to join shows an IPv4 address of the network first', () => {
  const addresses = ['/ip4/127.0.0.1/tcp/9000', '/ip6/fd00::2/tcp/9000', '/ip4/169.254.1.1/tcp/9000', '/ip4/192.168.1.5/tcp/9000'];
  assert.deepEqual(joinAddresses(addresses), ['192.168.1.5:9000', '[fd00::2]:9000', '169.254.1.1:9000', '127.0.0.1:9000']);
});

test('the outcome of a dial is read from the error', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
  const named = (name: string, message: string): Error => Object.assign(new Error(message), { name });
  assert.equal(dialFailure(new AggregateError([new Error('x'), refused]), false), 'refused');
  assert.equal(dialFailure(named('InvalidPeerIdError', 'Can not dial self'), true), 'self');
  assert.equal(dialFailure(named('EncryptionFailedError', 'Payload identity key a does not match expected remote identity key b'), true), 'other-peer');
  assert.equal(dialFailure(named('EncryptionFailedError', 'stream reset'), true), 'key');
  assert.equal(dialFailure(named('EncryptionFailedError', 'The operation was aborted'), true), 'stuck');
  assert.equal(dialFailure(named('TimeoutError', 'timed out'), false), 'unreachable');
  assert.equal(dialFailure('a string', false), 'unreachable');
});

test('backoff grows from its base to its end and never leaves them', () => {
  assert.equal(backoffMs(0, 1), REDIAL_BACKOFF_MS);
  assert.equal(backoffMs(100, 1), REDIAL_BACKOFF_MS_MAX);
  fc.assert(
    fc.property(fc.nat(10_000), fc.double({ min: 0, max: 1, noNaN: true }), (failures, random) => {
      const wait = backoffMs(failures, random);
      assert.ok(wait >= REDIAL_BACKOFF_MS / 2 && wait <= REDIAL_BACKOFF_MS_MAX);
    }),
  );
});

test('a peer that is back is tried again within half of the time that it was away, whatever the dice', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 20, maxLength: 20 }), (dice) => {
      let awayMs = 0;
      for (const [failures, random] of dice.entries()) {
        const wait = backoffMs(failures, random);
        assert.ok(wait <= awayMs / 2 + REDIAL_BACKOFF_MS + 1, `${wait} ms after ${awayMs} ms`);
        awayMs += wait;
      }
    }),
  );
});

test('a cluster name makes a valid DNS label', () => {
  assert.equal(serviceTag('skein'), '_skein-skein._udp.local');
  assert.match(serviceTag('Büro 3. Stock/'.repeat(20)), /^_skein-[a-z0-9-]{1,56}\._udp\.local$/);
});

test('the same warning about the same peer is given once in a while, about another at once', () => {
  const given: Note[] = [];
  let now = 0;
  const notes = new Notes({ notify: (note) => given.push(note) }, { now: () => now, wall: () => 0, setTimer: () => ({ cancel() {} }), defer() {}, settle() {} });
  notes.warn('key-mismatch', 'a', 'one');
  notes.warn('key-mismatch', 'a', 'two');
  notes.warn('key-mismatch', 'b', 'three');
  now = 61_000;
  notes.warn('key-mismatch', 'a', 'four');
  assert.deepEqual(given.map((note) => note.message), ['one', 'three', 'four']);
});
