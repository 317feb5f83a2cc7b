/** Goal: a connection that is gone for one side only is not believed in by the other side once the peer has come back. */
import assert from 'node:assert/strict';
import { connect, createServer, type Socket } from 'node:net';
import test, { type TestContext } from 'node:test';
import { realClock } from '../../../src/io/clock.ts';
import { DIAL_TIMEOUT_MS, PING_INTERVAL_MS } from '../../../src/io/libp2p/limits.ts';
import { makeTransport, silence, stopAll, until } from './support.ts';

interface Router {
  readonly port: number;
  /** Forgets its connections: the client is told so by a reset, the server is told nothing. */
  forget(): void;
  /** Drops what comes on its connections, without a word to either side. New ones pass. */
  drop(): void;
}

/** Passes bytes to the port. */
async function router(t: TestContext, to: number): Promise<Router> {
  const pairs: { readonly client: Socket; readonly server: Socket }[] = [];
  const dropped = new Set<Socket>();
  const gate = createServer((client) => {
    const server = connect(to, '127.0.0.1');
    for (const socket of [client, server]) socket.on('error', () => undefined);
    client.on('data', (bytes) => dropped.has(client) || server.write(bytes));
    server.on('data', (bytes) => client.destroyed || dropped.has(client) || client.write(bytes));
    pairs.push({ client, server });
  });
  await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    gate.close();
    for (const { client, server } of pairs) for (const socket of [client, server]) socket.destroy();
  });
  const { port } = gate.address() as { readonly port: number };
  return { port, forget: () => pairs.forEach(({ client }) => client.resetAndDestroy()), drop: () => pairs.forEach(({ client }) => dropped.add(client)) };
}

test('a peer that lost its connection and comes back is answered on the new one, although the old one was never closed here', async (t) => {
  const clock = realClock();
  let laterMs = 0;
  const stays = await makeTransport({ clock: { ...clock, now: () => clock.now() + laterMs } });
  const returns = await makeTransport();
  t.after(() => stopAll([stays, returns]));
  const story: string[] = [];
  const heard: string[] = [];
  stays.start({ ...silence, peerUp: () => story.push('up'), peerDown: () => story.push('down') });
  returns.start({ ...silence, message: (_from, _channel, bytes) => heard.push(String(bytes[0])), peerUp: () => story.push('back') });
  const way = await router(t, stays.port);
  returns.learn(stays.self, [`/ip4/127.0.0.1/tcp/${way.port}`]);
  await until(() => stays.isConnected(returns.self) && returns.isConnected(stays.self), 'connected');
  // What follows is no crossing of two first dials.
  laterMs = DIAL_TIMEOUT_MS + 1;
  const before = story.length;
  way.forget();
  await until(() => story.slice(before).includes('back') && story.slice(before).includes('up'), 'both sides know that it is back');
  assert.deepEqual(story.slice(before).filter((word) => word !== 'back'), ['down', 'up'], 'what was on its way is lost, and the node is told so');
  assert.ok(stays.send(returns.self, 'work', Uint8Array.of(42)));
  await until(() => heard.includes('42'), 'it is heard');
});

test('who dials again because a connection does not answer speaks on the new one', async (t) => {
  const asked = await makeTransport();
  const dials = await makeTransport();
  t.after(() => stopAll([asked, dials]));
  const heard: string[] = [];
  asked.start({ ...silence, message: (_from, _channel, bytes) => heard.push(String(bytes[0])) });
  dials.start(silence);
  const way = await router(t, asked.port);
  dials.learn(asked.self, [`/ip4/127.0.0.1/tcp/${way.port}`]);
  await until(() => asked.isConnected(dials.self) && dials.isConnected(asked.self), 'connected');
  way.drop();
  const outcome = await new Promise((resolve) => dials.redial(asked.self, asked.bootId, resolve));
  assert.equal(outcome, 'connected');
  assert.ok(dials.send(asked.self, 'work', Uint8Array.of(42)));
  const since = performance.now();
  await until(() => heard.includes('42'), 'it is heard');
  assert.ok(performance.now() - since < PING_INTERVAL_MS / 2, 'and not only when the old one is found to be silent');
});
