/** Keeps trying to reach the peers it knows, with backoff, until they are up; and again when they are lost. */
import type { NodeId } from '../../core/lib/ids.ts';
import type { Clock, Timer } from '../../ports/clock.ts';
import { mergedAddresses } from './addresses.ts';
import { backoffMs } from './backoff.ts';
import { DIAL_COURTESY_MS, KNOWN_PEERS_MAX, REFUSED_BACKOFF_MS, SEEN_FORGET_MS } from './limits.ts';
import type { DialFailure } from './outcome.ts';

export interface DialerInit {
  readonly self: NodeId;
  readonly clock: Clock;
  readonly isConnected: (peer: NodeId) => boolean;
  /** @returns undefined when a connection was opened. */
  readonly dial: (peer: NodeId, addresses: readonly string[]) => Promise<DialFailure | undefined>;
}

/** `learned`: by `learn`, until `forget`. `seen`: it connected to us or answered mDNS; dropped after long silence. */
interface Target {
  readonly peer: NodeId;
  kind: 'learned' | 'seen';
  addresses: string[];
  /** Where it was last connected: the best guess for where it comes back. */
  lastHost: string;
  failures: number;
  failingSinceMs: number;
  refused: boolean;
  dialling: boolean;
  timer: Timer | undefined;
}

export class Dialer {
  readonly #init: DialerInit;
  readonly #targets = new Map<NodeId, Target>();
  #stopped = false;

  constructor(init: DialerInit) {
    this.#init = init;
  }

  addressesOf(peer: NodeId): string[] {
    return this.#targets.get(peer)?.addresses ?? [];
  }

  lastHostOf(peer: NodeId): string {
    return this.#targets.get(peer)?.lastHost ?? '';
  }

  /** Who is known at this address (`/ip4/…/tcp/…`), among those that `test` accepts. */
  knownAt(address: string, test: (peer: NodeId) => boolean): NodeId | undefined {
    for (const target of this.#targets.values()) if (target.addresses.includes(address) && test(target.peer)) return target.peer;
    return undefined;
  }

  learn(peer: NodeId, addresses: readonly string[], kind: 'learned' | 'seen'): void {
    if (this.#stopped || peer === this.#init.self) return;
    const target = this.#targets.get(peer) ?? this.#add(peer, kind);
    if (target === undefined) return;
    if (kind === 'learned') target.kind = 'learned';
    const merged = mergedAddresses(target.addresses, addresses);
    const isNews = merged.some((address) => !target.addresses.includes(address));
    target.addresses = merged;
    if (!isNews) return;
    target.failures = 0;
    if (!target.refused) this.#schedule(target, this.#courtesyMs(peer));
  }

  forget(peer: NodeId): void {
    this.#targets.get(peer)?.timer?.cancel();
    this.#targets.delete(peer);
  }

  /** @param host where the present connection leads to. */
  up(peer: NodeId, host: string): void {
    const target = this.#targets.get(peer) ?? this.#add(peer, 'seen');
    if (target === undefined) return;
    target.timer?.cancel();
    target.timer = undefined;
    target.failures = 0;
    target.refused = false;
    target.lastHost = host;
  }

  /** The last connection closed. */
  gone(peer: NodeId, wasUp: boolean): void {
    const target = this.#targets.get(peer);
    if (target === undefined) return;
    if (wasUp) target.failures = 0;
    else if (!target.dialling) this.#failed(target);
    if (!target.refused) this.#schedule(target, backoffMs(target.failures, Math.random()) + this.#courtesyMs(peer));
  }

  /** Its hello does not fit: try again, but not soon. */
  refused(peer: NodeId): void {
    const target = this.#targets.get(peer);
    if (target === undefined) return;
    target.refused = true;
    this.#schedule(target, REFUSED_BACKOFF_MS * (0.5 + Math.random() / 2));
  }

  stop(): void {
    this.#stopped = true;
    for (const target of this.#targets.values()) target.timer?.cancel();
    this.#targets.clear();
  }

  #add(peer: NodeId, kind: 'learned' | 'seen'): Target | undefined {
    if (this.#targets.size >= KNOWN_PEERS_MAX && !this.#evictSeen()) return undefined;
    const target: Target = { peer, kind, addresses: [], lastHost: '', failures: 0, failingSinceMs: 0, refused: false, dialling: false, timer: undefined };
    this.#targets.set(peer, target);
    return target;
  }

  #evictSeen(): boolean {
    for (const target of this.#targets.values()) {
      if (target.kind === 'learned' || this.#init.isConnected(target.peer)) continue;
      this.forget(target.peer);
      return true;
    }
    return false;
  }

  #schedule(target: Target, delayMs: number): void {
    if (this.#stopped || target.dialling) return;
    target.timer?.cancel();
    target.timer = this.#init.clock.setTimer(delayMs, () => void this.#attempt(target));
  }

  async #attempt(target: Target): Promise<void> {
    target.timer = undefined;
    if (target.addresses.length === 0 || this.#init.isConnected(target.peer)) return;
    target.refused = false;
    target.dialling = true;
    const failure = await this.#init.dial(target.peer, target.addresses);
    target.dialling = false;
    if (this.#stopped || this.#targets.get(target.peer) !== target || this.#init.isConnected(target.peer)) return;
    // A dial that worked and is gone again (refused by us or by them) counts as failed too.
    if (failure === 'stopped') return;
    this.#failed(target);
    if (target.kind === 'seen' && this.#init.clock.now() - target.failingSinceMs > SEEN_FORGET_MS) return this.forget(target.peer);
    this.#schedule(target, target.refused ? REFUSED_BACKOFF_MS : backoffMs(target.failures, Math.random()));
  }

  #failed(target: Target): void {
    if (target.failures === 0) target.failingSinceMs = this.#init.clock.now();
    target.failures++;
  }

  #courtesyMs(peer: NodeId): number {
    return this.#init.self < peer ? 0 : DIAL_COURTESY_MS;
  }
}
