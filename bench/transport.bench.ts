/**
 * The libp2p transport between two processes on loopback: round trip of a small message, by itself and beside bulk, small
 * messages pipelined, bulk. Prints a line of JSON, then the same for people.
 *
 *     node bench/transport.bench.ts [--seconds 2]
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { generateKeyPair } from '@libp2p/crypto/keys';
import type { NodeId } from '../src/core/lib/ids.ts';
import { realClock } from '../src/io/clock.ts';
import { formatKey, loadClusterKey } from '../src/io/key/cluster-key.ts';
import { createLibp2pTransport, type Libp2pTransport } from '../src/io/libp2p/transport.ts';
import type { Channel, TransportEvents } from '../src/ports/transport.ts';

export interface TransportFigures {
  readonly roundTripP50Ms: number;
  readonly roundTripP99Ms: number;
  /** While as much bulk goes to the same peer as it takes: what a heartbeat meets beside a file. */
  readonly besideBulkP50Ms: number;
  readonly besideBulkP99Ms: number;
  /** 100-byte messages that made the way there and back, 1000 under way. */
  readonly echoesPerSecond: number;
  /** 100-byte messages one way, a batch per event-loop turn. */
  readonly messagesPerSecond: number;
  readonly bulkMegabytesPerSecond: number;
}

const SMALL_BYTES = 100;
const UNDER_WAY = 1000;
const BULK_BYTES = 256 * 1024;
const BULK_QUEUED_MAX = 8 * 1024 * 1024;
const ACK_BYTES = 1;
/** As who sends files looks at its queue. */
const REFILL_MS = 5;

async function open(events: Partial<TransportEvents>): Promise<Libp2pTransport> {
  const transport = await createLibp2pTransport({
    privateKey: await generateKeyPair('Ed25519'),
    psk: loadClusterKey({ key: formatKey(new Uint8Array(32)) }).psk,
    clusterName: 'bench',
    bootId: String(process.pid),
    version: '0',
    listen: { hosts: ['127.0.0.1'], port: 0, fixed: true },
    bootstrap: [],
    mdns: false,
    observer: { notify: () => undefined },
    clock: realClock(),
  });
  transport.start({ message() {}, peerUp() {}, peerDown() {}, gossip() {}, ...events });
  return transport;
}

/** The other process: echoes `raft`; counts `work` and `bulk` and acks a mark (first byte 1). */
async function serve(): Promise<void> {
  const transport = await open({
    message(from, channel, bytes) {
      if (channel === 'raft') transport.send(from, 'raft', bytes);
      else if (bytes[0] === 1) transport.send(from, channel, new Uint8Array(ACK_BYTES));
    },
  });
  process.send!({ id: transport.self, addresses: transport.addresses() });
  process.once('disconnect', () => transport.stop());
}

/** @param seconds of each of the five measurements. */
export function measureTransport(seconds: number): Promise<TransportFigures> {
  return between(async (run) => {
    const trips = await roundTrips(run, seconds);
    const beside = await besideBulk(run, seconds);
    return {
      roundTripP50Ms: quantile(trips, 0.5),
      roundTripP99Ms: quantile(trips, 0.99),
      besideBulkP50Ms: quantile(beside, 0.5),
      besideBulkP99Ms: quantile(beside, 0.99),
      echoesPerSecond: await echoes(run, seconds),
      messagesPerSecond: await oneWay(run, 'work', SMALL_BYTES, seconds),
      bulkMegabytesPerSecond: await bulk(run, seconds),
    };
  });
}

/** @returns megabytes a second. */
export function measureBulk(seconds: number): Promise<number> {
  return between((run) => bulk(run, seconds));
}

async function bulk(run: Run, seconds: number): Promise<number> {
  return ((await oneWay(run, 'bulk', BULK_BYTES, seconds)) * BULK_BYTES) / 1e6;
}

async function between<T>(measure: (run: Run) => Promise<T>): Promise<T> {
  const child = fork(new URL(import.meta.url), ['--serve']);
  const [other] = (await once(child, 'message')) as [{ id: NodeId; addresses: string[] }];
  let received: (channel: Channel) => void = () => undefined;
  const up = Promise.withResolvers<void>();
  const transport = await open({ peerUp: () => up.resolve(), message: (_from, channel) => received(channel) });
  transport.learn(other.id, other.addresses);
  await up.promise;
  try {
    return await measure({ transport, to: other.id, onMessage: (listener) => (received = listener) });
  } finally {
    transport.stop();
    await transport.stopped();
    child.disconnect();
    await once(child, 'exit');
  }
}

interface Run {
  readonly transport: Libp2pTransport;
  readonly to: NodeId;
  readonly onMessage: (listener: (channel: Channel) => void) => void;
}

function roundTrips(run: Run, seconds: number): Promise<number[]> {
  const message = new Uint8Array(SMALL_BYTES);
  const trips: number[] = [];
  return new Promise((resolve) => {
    const end = performance.now() + seconds * 1000;
    let sentAt = performance.now();
    run.onMessage(() => {
      const now = performance.now();
      trips.push(now - sentAt);
      if (now > end) return resolve(trips);
      sentAt = performance.now();
      run.transport.send(run.to, 'raft', message);
    });
    run.transport.send(run.to, 'raft', message);
  });
}

async function besideBulk(run: Run, seconds: number): Promise<number[]> {
  const piece = new Uint8Array(BULK_BYTES);
  const refill = (): void => {
    while (run.transport.queued(run.to, 'bulk') < BULK_QUEUED_MAX && run.transport.send(run.to, 'bulk', piece));
  };
  refill();
  const timer = setInterval(refill, REFILL_MS);
  const trips = await roundTrips(run, seconds);
  clearInterval(timer);
  // What is on its way still is not to stand before what is measured next.
  await oneWay(run, 'bulk', BULK_BYTES, 0);
  return trips;
}

function echoes(run: Run, seconds: number): Promise<number> {
  const message = new Uint8Array(SMALL_BYTES);
  let count = 0;
  return new Promise((resolve) => {
    const start = performance.now();
    run.onMessage(() => {
      count++;
      const elapsedMs = performance.now() - start;
      if (elapsedMs > seconds * 1000) resolve((count * 1000) / elapsedMs);
      else run.transport.send(run.to, 'raft', message);
    });
    for (let i = 0; i < UNDER_WAY; i++) run.transport.send(run.to, 'raft', message);
  });
}

/** Sends as fast as the queue takes it, then a mark; counts until the mark is acknowledged. */
function oneWay(run: Run, channel: Channel, size: number, seconds: number): Promise<number> {
  const message = new Uint8Array(size);
  const mark = new Uint8Array(size).fill(1);
  let count = 0;
  return new Promise((resolve) => {
    const start = performance.now();
    run.onMessage((from) => {
      if (from === channel) resolve((count * 1000) / (performance.now() - start));
    });
    const turn = (): void => {
      const late = performance.now() - start > seconds * 1000;
      for (let i = 0; i < UNDER_WAY && run.transport.queued(run.to, channel) < BULK_QUEUED_MAX; i++) {
        if (run.transport.send(run.to, channel, message)) count++;
      }
      if (!late || !run.transport.send(run.to, channel, mark)) setImmediate(turn);
    };
    turn();
  });
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? 0;
}

export function describeTransport(figures: TransportFigures): string {
  return [
    `round trip, 100 bytes   p50 ${figures.roundTripP50Ms.toFixed(3)} ms, p99 ${figures.roundTripP99Ms.toFixed(3)} ms`,
    `beside bulk             p50 ${figures.besideBulkP50Ms.toFixed(3)} ms, p99 ${figures.besideBulkP99Ms.toFixed(3)} ms`,
    `echoes, 1000 under way  ${Math.round(figures.echoesPerSecond).toLocaleString('en')} a second`,
    `one way, 100 bytes      ${Math.round(figures.messagesPerSecond).toLocaleString('en')} a second`,
    `bulk, 256 KiB messages  ${figures.bulkMegabytesPerSecond.toFixed(0)} MB/s`,
  ].join('\n');
}

if (import.meta.main) {
  if (process.argv.includes('--serve')) await serve();
  else {
    const { values } = parseArgs({ options: { seconds: { type: 'string', default: '2' } } });
    const figures = await measureTransport(Number(values.seconds));
    process.stdout.write(`${JSON.stringify({ bench: 'transport', ...figures })}\n${describeTransport(figures)}\n`);
  }
}
