/**
 * mDNS on the local network. One responder answers for as long as the node runs; a second asker that only listens is
 * added while the node seeks a cluster, since libp2p's interval is fixed at construction.
 */
import type { PeerDiscovery, PeerInfo, Startable } from '@libp2p/interface';
import { mdns, type MulticastDNSComponents } from '@libp2p/mdns';
import type { NodeId } from '../../core/lib/ids.ts';
import { nodeId } from '../../core/lib/ids.ts';
import { MDNS_INTERVAL_MS, MDNS_SEEKING_MS } from './limits.ts';
import type { Notes } from './notes.ts';

const LABEL_LENGTH_MAX = 63;

/** DNS service name that only nodes of one cluster name look for. */
export function serviceTag(clusterName: string): string {
  const label = clusterName.toLowerCase().replaceAll(/[^a-z0-9-]+/g, '-').slice(0, LABEL_LENGTH_MAX - '_skein-'.length);
  return `_skein-${label}._udp.local`;
}

export interface DiscoveryInit {
  readonly clusterName: string;
  readonly notes: Notes;
  readonly found: (peer: NodeId, addresses: readonly string[]) => void;
}

type Service = PeerDiscovery & Startable;

export class Discovery {
  readonly #init: DiscoveryInit;
  readonly #components: MulticastDNSComponents;
  #responder: Service | undefined;
  #seeker: Service | undefined;
  #seeking = false;
  #running = false;

  constructor(init: DiscoveryInit, components: MulticastDNSComponents) {
    this.#init = init;
    this.#components = { ...components, logger: { forComponent: () => this.#logger() } };
  }

  start(): void {
    this.#running = true;
    this.#responder = this.#service(true, MDNS_INTERVAL_MS);
    if (this.#seeking) this.#seeker = this.#service(false, MDNS_SEEKING_MS);
  }

  setSeeking(on: boolean): void {
    if (this.#seeking === on) return;
    this.#seeking = on;
    if (!this.#running) return;
    const seeker = this.#seeker;
    this.#seeker = on ? this.#service(false, MDNS_SEEKING_MS) : undefined;
    if (seeker !== undefined) void stopped(seeker);
  }

  async stop(): Promise<void> {
    this.#running = false;
    const services = [this.#responder, this.#seeker];
    this.#responder = undefined;
    this.#seeker = undefined;
    await Promise.all(services.filter((service) => service !== undefined).map(stopped));
  }

  #service(broadcast: boolean, interval: number): Service {
    const service = mdns({ serviceTag: serviceTag(this.#init.clusterName), broadcast, interval })(this.#components) as Service;
    service.addEventListener('peer', (event: CustomEvent<PeerInfo>) => {
      if (!this.#running) return;
      this.#init.found(nodeId(event.detail.id.toString()), event.detail.multiaddrs.map(String));
    });
    Promise.resolve(service.start()).catch((error: Error) => this.#failed(error));
    return service;
  }

  #failed(error: unknown): void {
    this.#init.notes.warn('mdns-failed', 'mdns', `looking for nodes on the local network does not work (${error instanceof Error ? error.message : String(error)}); use --bootstrap`, {});
  }

  /** Only errors matter: without multicast a user must know that --bootstrap is needed. */
  #logger(): ReturnType<MulticastDNSComponents['logger']['forComponent']> {
    const nothing = (): void => {};
    const log = Object.assign((): void => {}, {
      enabled: false,
      trace: nothing,
      error: (_format: unknown, ...args: unknown[]) => {
        if (this.#running) this.#failed(args[0]);
      },
      newScope: () => log,
    });
    return log;
  }
}

async function stopped(service: Service): Promise<void> {
  await service.stop();
}
