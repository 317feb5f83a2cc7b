/** One attempt to connect to one address, and what to tell people when it fails in a way that they can mend. */
import type { Connection, Libp2p } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { DIAL_TIMEOUT_MS } from './limits.ts';
import type { Notes } from './notes.ts';
import { dialFailure, type DialFailure } from './outcome.ts';

export type DialResult = { readonly connection: Connection } | { readonly failure: DialFailure };

export interface DialOptions {
  readonly timeoutMs?: number;
  /** Open a new connection even if one is there. */
  readonly force?: boolean;
}

export class Connector {
  readonly #node: Pick<Libp2p, 'dial'>;
  readonly #notes: Notes;
  /** Addresses whose last handshake began and came to no end. */
  readonly #stuck = new Set<string>();

  constructor(node: Pick<Libp2p, 'dial'>, notes: Notes) {
    this.#node = node;
    this.#notes = notes;
  }

  /** @param address without peer id. @param peer '' = whoever answers there. */
  async dial(address: string, peer: string, options: DialOptions = {}): Promise<DialResult> {
    let encrypting = false;
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), options.timeoutMs ?? DIAL_TIMEOUT_MS);
    try {
      const connection = await this.#node.dial(multiaddr(peer === '' ? address : `${address}/p2p/${peer}`), {
        signal: abort.signal,
        force: options.force ?? false,
        onProgress: (event) => {
          if (event.type === 'upgrader:encrypt-outbound-connection') encrypting = true;
        },
      });
      this.#stuck.delete(address);
      return { connection };
    } catch (error) {
      const failure = dialFailure(error, encrypting);
      this.#notes.tell('debug', 'dial-failed', `dialling ${address} failed: ${(error as Error).message}`, { address, peer, failure });
      this.#explain(address, failure);
      return { failure };
    } finally {
      clearTimeout(timer);
    }
  }

  /** One after the other, until one works. @returns the failure that says most: a refusal before silence. */
  async dialAny(addresses: readonly string[], peer: string, options: DialOptions = {}): Promise<DialResult> {
    let worst: DialFailure = 'unreachable';
    for (const address of addresses) {
      const result = await this.dial(address, peer, options);
      if ('connection' in result || result.failure === 'stopped') return result;
      if (worst === 'unreachable' || result.failure === 'refused') worst = result.failure;
    }
    return { failure: worst };
  }

  #explain(address: string, failure: DialFailure): void {
    const stuckBefore = this.#stuck.has(address);
    if (failure === 'stuck') this.#stuck.add(address);
    else this.#stuck.delete(address);
    // Garbage under another key reads as a long message two times in five: then nothing comes until the time is up.
    if (failure === 'key' || (failure === 'stuck' && stuckBefore)) {
      this.#notes.warn(
        'key-mismatch',
        address,
        `${address} was reached but the handshake failed: most likely its cluster key differs; start both nodes with the same SKEIN_KEY or --key-file`,
        { address, code: 'KEY_MISMATCH' },
      );
    }
  }
}
