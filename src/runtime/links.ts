/**
 * Tells the Raft core whether its peers can be reached (rule 8): a closed connection is `down`, and one redial decides
 * whether the peer's process is `gone` (refused, or another process answers) or only out of reach.
 */
import type { MemberId, NodeId } from '../core/lib/ids.ts';
import { nodeOfMember } from '../core/lib/ids.ts';
import type { NodeContext } from './context.ts';
import type { Replica } from './replica.ts';

export class Links {
  readonly #context: NodeContext;
  readonly #replica: () => Replica | undefined;
  /** bootId that each peer had last, to recognise that it restarted. */
  readonly #boots = new Map<NodeId, string>();
  readonly #redialing = new Set<NodeId>();

  constructor(context: NodeContext, replica: () => Replica | undefined) {
    this.#context = context;
    this.#replica = replica;
  }

  up(peer: NodeId, bootId: string): void {
    const before = this.#boots.get(peer);
    this.#boots.set(peer, bootId);
    for (const member of this.#membersOf(peer)) {
      // A process that restarted has lost its office even if the connection was never seen closed.
      if (before !== undefined && before !== bootId) this.#replica()?.link(member, 'gone');
      this.#replica()?.link(member, 'up');
    }
  }

  down(peer: NodeId): void {
    const members = this.#membersOf(peer);
    for (const member of members) this.#replica()?.link(member, 'down');
    if (members.length > 0) this.#dial(peer);
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
      for (const member of this.#membersOf(peer)) this.#replica()?.link(member, state);
      // The answer may be older than the connection: one that was made meanwhile has the last word.
      const connected = outcome === 'rebooted' || this.#context.ports.transport.isConnected(peer);
      if (connected && state !== 'up') for (const member of this.#membersOf(peer)) this.#replica()?.link(member, 'up');
    });
  }

  #membersOf(peer: NodeId): MemberId[] {
    const config = this.#replica()?.config;
    if (config === undefined) return [];
    const members = new Set([...config.voters, ...config.outgoing, ...config.standbys]);
    return [...members].filter((member) => nodeOfMember(member) === peer);
  }
}
