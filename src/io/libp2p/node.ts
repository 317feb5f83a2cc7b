/** The libp2p node as Skein wants it, listening on the first free port. */
import { createServer } from 'node:net';
import { identify, type Identify } from '@libp2p/identify';
import type { Libp2p, PrivateKey } from '@libp2p/interface';
import type { MulticastDNSComponents } from '@libp2p/mdns';
import { noise } from '@libp2p/noise';
import { ping, type Ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { GossipSub } from '@chainsafe/libp2p-gossipsub';
import { createLibp2p } from 'libp2p';
import { assert } from '../../core/lib/assert.ts';
import { SkeinError } from '../../errors.ts';
import type { Observer } from '../../ports/observer.ts';
import { hostPort } from './addresses.ts';
import { gossipService } from './gossip.ts';
import { CONNECTIONS_MAX, DIALS_PARALLEL_MAX, DIAL_TIMEOUT_MS, INBOUND_CONNECTIONS_PER_SECOND_MAX, INBOUND_PENDING_MAX, PING_INTERVAL_MS, PING_TIMEOUT_MS, PING_TIMEOUT_MS_MAX, PORT_TRIES_MAX, STREAM_WINDOW_BYTES } from './limits.ts';
import { libp2pLogger } from './logger.ts';
import { noiseCipher } from './noise-cipher.ts';
import { privateNetwork } from './protector.ts';
import { cheapShortBuffers } from './tuning.ts';

export type SkeinLibp2p = Libp2p<{ identify: Identify; ping: Ping; gossip: GossipSub; parts: Parts }>;
/** What is needed of libp2p's inside: the rest for mDNS, the transport manager for the port. */
export interface Parts extends MulticastDNSComponents {
  readonly transportManager: { getAddrs(): Multiaddr[] };
}

export interface ListenOptions {
  /** IP addresses to bind. @default ['0.0.0.0'] */
  readonly hosts?: readonly string[];
  /** 0 = any free port. */
  readonly port: number;
  /** true: a busy port is an error; false: the next free one is taken. */
  readonly fixed: boolean;
}

export interface NodeInit {
  readonly privateKey: PrivateKey;
  readonly psk: Uint8Array;
  readonly clusterName: string;
  readonly version: string;
  readonly listen: ListenOptions;
  readonly announce: readonly string[];
  /** Set to see libp2p's own log. */
  readonly debug: Observer | undefined;
}

/** @throws SkeinError OPTION_INVALID when no port could be bound. */
export async function startLibp2p(init: NodeInit): Promise<{ readonly node: SkeinLibp2p; readonly port: number }> {
  const { port: wanted, fixed, hosts = ['0.0.0.0'] } = init.listen;
  const last = fixed || wanted === 0 ? wanted : Math.min(wanted + PORT_TRIES_MAX, 65_535);
  for (let port = wanted; port <= last; port++) {
    if (port !== 0 && !(await isFree(hosts, port))) continue;
    const node = await createNode(init, hosts, port);
    try {
      await node.start();
      return { node, port: boundPort(node) };
    } catch (error) {
      if (!/EADDRINUSE/.test(String(error))) throw cannotListen(hosts, port, error);
      // Somebody was faster between the test and the bind.
    }
  }
  throw cannotListen(hosts, wanted, new Error(fixed ? 'the port is in use' : `this and the next ${PORT_TRIES_MAX} ports are in use`));
}

function boundPort(node: SkeinLibp2p): number {
  const [port] = node.services.parts.transportManager.getAddrs().map((address) => hostPort(address.toString())?.port);
  assert(port !== undefined, 'a node that listens has a port');
  return port;
}

async function createNode(init: NodeInit, hosts: readonly string[], port: number): Promise<SkeinLibp2p> {
  const muxer = yamux({ streamOptions: { maxStreamWindowSize: STREAM_WINDOW_BYTES } });
  return await createLibp2p({
    start: false,
    privateKey: init.privateKey,
    logger: libp2pLogger(init.debug),
    nodeInfo: { name: 'skein', version: init.version },
    addresses: { listen: hosts.map((host) => `/${host.includes(':') ? 'ip6' : 'ip4'}/${host}/tcp/${port}`), announce: [...init.announce] },
    transports: [tcp({ outboundSocketInactivityTimeout: 4 * PING_INTERVAL_MS, inboundSocketInactivityTimeout: 4 * PING_INTERVAL_MS })],
    connectionProtector: privateNetwork(init.psk),
    connectionEncrypters: [noise({ crypto: noiseCipher })],
    streamMuxers: [() => cheapShortBuffers(muxer())],
    connectionGater: { denyDialMultiaddr: () => false },
    connectionManager: {
      maxConnections: CONNECTIONS_MAX,
      inboundConnectionThreshold: INBOUND_CONNECTIONS_PER_SECOND_MAX,
      maxIncomingPendingConnections: INBOUND_PENDING_MAX,
      maxParallelDials: DIALS_PARALLEL_MAX,
      dialTimeout: DIAL_TIMEOUT_MS,
      addressDialTimeout: DIAL_TIMEOUT_MS,
      inboundUpgradeTimeout: DIAL_TIMEOUT_MS,
    },
    connectionMonitor: { pingInterval: PING_INTERVAL_MS, pingTimeout: { minTimeout: PING_TIMEOUT_MS, maxTimeout: PING_TIMEOUT_MS_MAX } },
    services: {
      identify: identify(),
      ping: ping(),
      gossip: gossipService(init.clusterName),
      parts: (components: Parts): Parts => ({ addressManager: components.addressManager, logger: components.logger, transportManager: components.transportManager }),
    },
  });
}

function isFree(hosts: readonly string[], port: number): Promise<boolean> {
  const tries = hosts.map(
    (host) =>
      new Promise<boolean>((resolve) => {
        const server = createServer();
        server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'EADDRINUSE'));
        server.listen({ host, port }, () => server.close(() => resolve(true)));
      }),
  );
  return Promise.all(tries).then((free) => free.every(Boolean));
}

function cannotListen(hosts: readonly string[], port: number, cause: unknown): SkeinError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SkeinError('OPTION_INVALID', `cannot listen on ${hosts.join(', ')} port ${port}: ${reason}; choose another with --p2p-port`, { option: 'p2p-port', port }, { cause });
}
