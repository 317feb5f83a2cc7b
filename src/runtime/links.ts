/**
 * Tells the Raft core whether its peers can be reached (rule 8): a closed connection is `down`, and one redial decides
 * whether the peer's process is `gone` (refused, or another process answers) or only out of reach.
 */
import type { MemberId, NodeId } from '../core/lib/ids.ts';
import { nodeOfMember } from '../core/lib/ids.ts';
import type { LinkState } from '../core/raft/types.ts';
import type { NodeContext } from './context.ts';
import type { Replica } from './replica.ts';

export class Links {
  readonly #context: NodeContext;
  readonly #replica: () => Replica | undefined;
  /** bootId that each peer had last, to recognise that it restarted. */
  readonly #boots = new Map<NodeId, string>();
  readonly #redialing = new Set<NodeId>();
  /** Members whose last word to the core was not `up`. */
  readonly #missing = new Map<NodeId, readonly MemberId[]>();

  constructor(context: NodeContext, replica: () => Replica | undefined) {
    this.#context = context;
    this.#replica = replica;
  }

  up(peer: NodeId, bootId: string): void {
    const before = this.#boots.get(peer);
    this.#boots.set(peer, bootId);
    // A process that restarted has lost its office even if the connection was never seen closed.
    if (before !== undefined && before !== bootId) this.#tell(peer, 'gone');
    this.#tell(peer, 'up');
  }

  down(peer: NodeId): void {
    this.#tell(peer, 'down');
    if (this.#membersOf(peer).length > 0) this.#dial(peer);
  }

  redial(member: MemberId): void {
    this.#dial(nodeOfMember(member));
  }

  #dial(peer: NodeId): void {
    if (this.#redialing.has(peer) || this.#context.stopped) return;
    this.#redialing.add(peer);
    this.#context.ports.transport.redial(peer, this.#boots.get(peer) ?? '', (outcome) => {
      this.#redialing.delete(peer);
      if (this.#context.stopped) return;
      const state = outcome === 'connected' ? 'up' : outcome === 'unreachable' ? 'down' : 'gone';
      this.#tell(peer, state);
      // The answer may be older than the connection: one that was made meanwhile has the last word.
      const connected = outcome === 'rebooted' || this.#context.ports.transport.isConnected(peer);
      if (connected && state !== 'up') this.#tell(peer, 'up');
    });
  }

  /** Who was reported as unreachable is reported as back, also if it left the configuration meanwhile: it may return. */
  #tell(peer: NodeId, state: LinkState): void {
    const replica = this.#replica();
    const missing = this.#missing.get(peer) ?? [];
    const members = [...new Set([...missing, ...this.#membersOf(peer)])];
    for (const member of members) replica?.link(member, state);
    if (state === 'up') this.#missing.delete(peer);
    else if (members.length > 0) this.#missing.set(peer, members);
  }

  #membersOf(peer: NodeId): MemberId[] {
    const config = this.#replica()?.config;
    if (config === undefined) return [];
    const members = new Set([...config.voters, ...config.outgoing, ...config.standbys]);
    return [...members].filter((member) => nodeOfMember(member) === peer);
  }
}
