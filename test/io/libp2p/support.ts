/** Real transports on loopback for tests. */
import { createServer, type Server } from 'node:net';
import { generateKeyPair } from '@libp2p/crypto/keys';
import type { PrivateKey } from '@libp2p/interface';
import { realClock } from '../../../src/io/clock.ts';
import { formatKey, loadClusterKey } from '../../../src/io/key/cluster-key.ts';
import { createLibp2pTransport, type Libp2pTransport, type Libp2pTransportInit } from '../../../src/io/libp2p/transport.ts';
import type { Note } from '../../../src/ports/observer.ts';
import type { ConformanceNode, ConformanceWorld } from '../../conformance/transport.ts';

const UNTIL_MS_MAX = 15_000;
const SETTLE_MS = 60;

export const testPsk = pskOf(1);

export function pskOf(seed: number): Uint8Array {
  return loadClusterKey({ key: formatKey(new Uint8Array(32).fill(seed)) }).psk;
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + UNTIL_MS_MAX;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

let boots = 0;

export async function makeTransport(given: Partial<Libp2pTransportInit> = {}, notes: Note[] = []): Promise<Libp2pTransport> {
  return await createLibp2pTransport({
    privateKey: given.privateKey ?? (await generateKeyPair('Ed25519')),
    psk: testPsk,
    clusterName: 'test',
    bootId: `boot-${++boots}`,
    version: '0.0.0',
    listen: { hosts: ['127.0.0.1'], port: 0, fixed: true },
    bootstrap: [],
    mdns: false,
    observer: { notify: (note) => notes.push(note) },
    clock: realClock(),
    ...given,
  });
}

/** Events that nobody looks at. */
export const silence = { message() {}, peerUp() {}, peerDown() {}, gossip() {} };

/** Stops transports when the test ends. */
export async function stopAll(transports: readonly Libp2pTransport[]): Promise<void> {
  for (const transport of transports) transport.stop();
  await Promise.all(transports.map((transport) => transport.stopped()));
}

interface Identity {
  readonly privateKey: PrivateKey;
  readonly port: number;
}

/** Several real transports in this process; a crash is a stop, lost contact a port that accepts and says nothing. */
export async function libp2pWorld(): Promise<ConformanceWorld> {
  const identities = new Map<string, Identity>();
  const transports: Libp2pTransport[] = [];
  const mute: Server[] = [];
  const boot = async (name: string): Promise<ConformanceNode> => {
    const known = identities.get(name);
    const privateKey = known?.privateKey ?? (await generateKeyPair('Ed25519'));
    const transport = await makeTransport({ privateKey, listen: { hosts: ['127.0.0.1'], port: known?.port ?? 0, fixed: true } });
    identities.set(name, { privateKey, port: transport.port });
    transports.push(transport);
    const crash = (): Promise<void> => stopAll([transport]);
    return {
      transport,
      crash,
      loseContact: async () => {
        await crash();
        const server = createServer((socket) => socket.on('error', () => undefined));
        mute.push(server);
        await new Promise<void>((resolve) => server.listen(transport.port, '127.0.0.1', resolve));
      },
    };
  };
  return {
    boot,
    until,
    settle: () => new Promise((resolve) => setTimeout(resolve, SETTLE_MS)),
    close: async () => {
      for (const server of mute) server.close();
      await stopAll(transports);
    },
  };
}
