/**
 * The addresses given with `--bootstrap`: resolved again at every attempt, dialled for ever. Who lives there is only
 * known after the first handshake, so an entry counts as reached while the peers found at its addresses are connected.
 */
import { lookup } from 'node:dns/promises';
import type { NodeId } from '../../core/lib/ids.ts';
import type { Clock, Timer } from '../../ports/clock.ts';
import { bareAddress, hostPort, peerOf } from './addresses.ts';
import { backoffMs } from './backoff.ts';
import { REDIAL_BACKOFF_MS_MAX, RESOLVED_MAX } from './limits.ts';
import type { Notes } from './notes.ts';
import type { DialFailure } from './outcome.ts';

export interface BootstrapInit {
  /** Multiaddrs. */
  readonly entries: readonly string[];
  readonly clock: Clock;
  readonly notes: Notes;
  /** A connected peer that is known to live at this address. */
  readonly connectedAt: (address: string) => NodeId | undefined;
  /** @param peer '' = whoever answers. @returns the peer that is connected now, or what failed. */
  readonly dial: (address: string, peer: string) => Promise<{ readonly peer: NodeId } | { readonly failure: DialFailure }>;
  readonly isConnected: (peer: NodeId) => boolean;
}

interface Entry {
  readonly text: string;
  failures: number;
  timer: Timer | undefined;
  /** Peer found at an address of this entry; 'self' when it was this node. */
  readonly found: Map<string, NodeId | 'self'>;
}

export class Bootstrap {
  readonly #init: BootstrapInit;
  readonly #entries: Entry[];
  #stopped = false;

  constructor(init: BootstrapInit) {
    this.#init = init;
    this.#entries = init.entries.map((text) => ({ text, failures: 0, timer: undefined, found: new Map() }));
  }

  start(): void {
    for (const entry of this.#entries) this.#schedule(entry, 0);
  }

  /** A peer was lost: entries that led to it try again soon. */
  gone(peer: NodeId): void {
    for (const entry of this.#entries) {
      if (entry.timer !== undefined && [...entry.found.values()].includes(peer)) this.#schedule(entry, backoffMs(0, Math.random()));
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const entry of this.#entries) entry.timer?.cancel();
  }

  #schedule(entry: Entry, delayMs: number): void {
    if (this.#stopped) return;
    entry.timer?.cancel();
    entry.timer = this.#init.clock.setTimer(delayMs, () => void this.#attempt(entry));
  }

  async #attempt(entry: Entry): Promise<void> {
    entry.timer = undefined;
    const addresses = await this.#resolve(entry);
    const reached = await Promise.all(addresses.map((address) => this.#reach(entry, address)));
    if (this.#stopped) return;
    const all = addresses.length > 0 && reached.every(Boolean);
    entry.failures = all ? 0 : entry.failures + 1;
    this.#schedule(entry, all ? REDIAL_BACKOFF_MS_MAX : backoffMs(entry.failures, Math.random()));
  }

  async #reach(entry: Entry, address: string): Promise<boolean> {
    const known = entry.found.get(address) ?? this.#init.connectedAt(address);
    if (known === 'self' || (known !== undefined && this.#init.isConnected(known))) return true;
    const result = await this.#init.dial(address, peerOf(entry.text));
    if ('peer' in result) entry.found.set(address, result.peer);
    else if (result.failure === 'self') entry.found.set(address, 'self');
    else return false;
    return true;
  }

  async #resolve(entry: Entry): Promise<string[]> {
    const place = hostPort(entry.text);
    if (place === undefined) return [];
    const own = bareAddress(entry.text)!;
    if (!own.startsWith('/dns/')) return [own];
    try {
      const answers = await lookup(place.host, { all: true });
      const addresses = answers.slice(0, RESOLVED_MAX).map((answer) => `/ip${answer.family === 6 ? 6 : 4}/${answer.address}/tcp/${place.port}`);
      for (const address of entry.found.keys()) if (!addresses.includes(address)) entry.found.delete(address);
      return addresses;
    } catch (error) {
      this.#init.notes.warn('bootstrap-unresolved', entry.text, `the name ${place.host} of a bootstrap address cannot be resolved (${(error as Error).message}); trying again for ever`, { address: entry.text });
      return [];
    }
  }
}
