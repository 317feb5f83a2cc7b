/** Beacons over gossipsub: a hint to everybody, never a promise. */
import { gossipsub, type GossipSub, type GossipSubComponents, type Message } from '@chainsafe/libp2p-gossipsub';
import type { NodeId } from '../../core/lib/ids.ts';
import { nodeId } from '../../core/lib/ids.ts';
import { BEACON_BYTES_MAX } from '../../protocol/limits.ts';
import type { Notes } from './notes.ts';
import { GOSSIP_FLOOD_PEERS_MAX, WIRE_VERSION } from './limits.ts';

/** Beacons forwarded in one RPC, and gossipsub's own bookkeeping about them. */
const RPC_BEACONS_MAX = 64;

export function beaconTopic(clusterName: string): string {
  return `/skein/${clusterName}/beacon/${WIRE_VERSION}`;
}

export function gossipService(clusterName: string): (components: GossipSubComponents) => GossipSub {
  return gossipsub({
    allowedTopics: [beaconTopic(clusterName)],
    allowPublishToZeroTopicPeers: true,
    // Decided for each beacon by `publish`.
    floodPublish: false,
    globalSignaturePolicy: 'StrictSign',
    doPX: false,
    emitSelf: false,
    maxInboundDataLength: BEACON_BYTES_MAX * RPC_BEACONS_MAX,
    maxOutboundBufferSize: BEACON_BYTES_MAX * RPC_BEACONS_MAX,
    // A hundred nodes on one machine share an address and are not an attack: whoever has the cluster key is trusted.
    scoreParams: { IPColocationFactorWeight: 0 },
  });
}

/** The third argument is there but not in the published interface. */
interface PublishWithOptions {
  publish(topic: string, data: Uint8Array, options: { readonly floodPublish: boolean }): Promise<unknown>;
}

export class Gossip {
  readonly #service: GossipSub;
  readonly #topic: string;
  readonly #notes: Notes;
  #listener: ((event: CustomEvent<Message>) => void) | undefined;

  constructor(service: GossipSub, clusterName: string, notes: Notes) {
    this.#service = service;
    this.#topic = beaconTopic(clusterName);
    this.#notes = notes;
  }

  start(received: (from: NodeId, bytes: Uint8Array) => void): void {
    this.#listener = (event) => {
      const message = event.detail;
      if (message.topic !== this.#topic || message.type !== 'signed') return;
      if (message.data.byteLength > BEACON_BYTES_MAX) {
        this.#notes.warn('beacon-too-large', message.from.toString(), `a beacon of ${message.data.byteLength} bytes from ${message.from.toString()} is over ${BEACON_BYTES_MAX}`);
        return;
      }
      received(nodeId(message.from.toString()), message.data);
    };
    this.#service.addEventListener('message', this.#listener);
    this.#service.subscribe(this.#topic);
  }

  publish(bytes: Uint8Array): void {
    if (this.#listener === undefined) return;
    if (bytes.byteLength > BEACON_BYTES_MAX) {
      this.#notes.warn('beacon-too-large', 'own', `a beacon of ${bytes.byteLength} bytes is over ${BEACON_BYTES_MAX} and was not sent`);
      return;
    }
    // A new node must be known to a small cluster at once, before meshes have formed; in a large one, flooding would make
    // each of N nodes send N beacons a round.
    const floodPublish = this.#service.getSubscribers(this.#topic).length <= GOSSIP_FLOOD_PEERS_MAX;
    (this.#service as PublishWithOptions).publish(this.#topic, bytes, { floodPublish }).catch((error: Error) => this.#notes.tell('debug', 'publish-failed', error.message));
  }

  stop(): void {
    if (this.#listener !== undefined) this.#service.removeEventListener('message', this.#listener);
    this.#listener = undefined;
  }
}
