/** Ports, bootstrap addresses, mDNS: how nodes find each other. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import test, { type TestContext } from 'node:test';
import { isSkeinError } from '../../../src/errors.ts';
import type { Libp2pTransport } from '../../../src/io/libp2p/transport.ts';
import type { Note } from '../../../src/ports/observer.ts';
import { makeTransport, silence, stopAll, until } from './support.ts';

async function occupy(t: TestContext): Promise<number> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

test('a busy default port moves to the next free one, a chosen one is an error that names it', async (t) => {
  const port = await occupy(t);
  const moved = await makeTransport({ listen: { hosts: ['127.0.0.1'], port, fixed: false } });
  t.after(() => stopAll([moved]));
  assert.ok(moved.port > port && moved.port <= port + 100);
  assert.ok(moved.addresses()[0]!.startsWith(`/ip4/127.0.0.1/tcp/${moved.port}/p2p/${moved.self}`));
  await assert.rejects(makeTransport({ listen: { hosts: ['127.0.0.1'], port, fixed: true } }), (error) => isSkeinError(error, 'OPTION_INVALID') && error.message.includes(String(port)));
});

test('bootstrap takes multiaddr, host:port and DNS name, and finds a node that starts later', async (t) => {
  const seed = await makeTransport();
  const port = seed.port;
  const forms = [`/ip4/127.0.0.1/tcp/${port}`, `/ip4/127.0.0.1/tcp/${port}/p2p/${seed.self}`, `127.0.0.1:${port}`, `localhost:${port}`];
  const joiners = await Promise.all(forms.map((form) => makeTransport({ bootstrap: [form] })));
  t.after(() => stopAll([seed, ...joiners]));
  for (const joiner of joiners) joiner.start(silence);
  seed.start(silence);
  await until(() => joiners.every((joiner) => joiner.isConnected(seed.self)), 'all found the seed');
  assert.equal(seed.peers().length, joiners.length);
});

test('an own address in the bootstrap list is harmless, a malformed one is an error', async (t) => {
  const port = await occupy(t);
  const notes: Note[] = [];
  const self = await makeTransport({ listen: { hosts: ['127.0.0.1'], port: port + 1, fixed: false }, bootstrap: [`127.0.0.1:${port + 1}`] }, notes);
  const other = await makeTransport({ bootstrap: [`127.0.0.1:${self.port}`] });
  t.after(() => stopAll([self, other]));
  self.start(silence);
  other.start(silence);
  await until(() => other.isConnected(self.self), 'others find it');
  assert.deepEqual(notes.filter((note) => note.level === 'warn'), []);
  await assert.rejects(makeTransport({ bootstrap: ['http://example.org:9000'] }), (error) => isSkeinError(error, 'OPTION_INVALID'));
});

test('a bootstrap node that comes back is found again', async (t) => {
  const first = await makeTransport();
  const joiner = await makeTransport({ bootstrap: [`127.0.0.1:${first.port}`] });
  const all: Libp2pTransport[] = [first, joiner];
  t.after(() => stopAll(all));
  first.start(silence);
  joiner.start(silence);
  await until(() => joiner.isConnected(first.self), 'found');
  await stopAll([first]);
  // Another identity at the same address, as after a wiped data directory.
  const second = await makeTransport({ listen: { hosts: ['127.0.0.1'], port: first.port, fixed: true } });
  all.push(second);
  second.start(silence);
  await until(() => joiner.isConnected(second.self), 'found again');
});

test('two nodes on one network find each other by mDNS, those of another cluster name do not', async (t) => {
  const reason = await multicastProblem();
  if (reason !== undefined) return t.skip(`multicast is not possible here: ${reason}`);
  const clusterName = `mdns-${process.pid}-${Date.now()}`;
  const open = { listen: { port: 0, fixed: true }, mdns: true };
  const [a, b, other] = [await makeTransport({ ...open, clusterName }), await makeTransport({ ...open, clusterName }), await makeTransport({ ...open, clusterName: `${clusterName}-other` })];
  t.after(() => stopAll([a, b, other]));
  for (const transport of [a, b, other]) {
    transport.setSeeking(true);
    transport.start(silence);
  }
  await until(() => a.isConnected(b.self) && b.isConnected(a.self), 'they found each other');
  assert.deepEqual(other.peers(), []);
  a.setSeeking(false);
  assert.ok(a.joinAddresses().length > 0);
});

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
