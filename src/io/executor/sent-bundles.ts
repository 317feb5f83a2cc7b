/** Which bundles the supervisor has: each is sent once, and those that no module asked for lately are dropped when there are too many. */
import type { FilesRef } from '../../core/cell/types.ts';
import type { FileShelf } from './files.ts';
import { BUNDLES_BYTES_MAX, BUNDLES_MAX } from './limits.ts';
import type { BundleHead } from './messages.ts';

export interface SentBundlesInit {
  readonly send: (kind: 'bundle' | 'drop', head: BundleHead, body?: string) => void;
  readonly shelf: () => FileShelf;
  /** Bundles of modules that have not ended: their processes may still have to be started. */
  readonly inUse: () => ReadonlySet<string>;
}

export class SentBundles {
  readonly #init: SentBundlesInit;
  /** Bytes of each by name, least recently asked for first. */
  readonly #bytes = new Map<string, number>();
  #total = 0;

  constructor(init: SentBundlesInit) {
    this.#init = init;
  }

  /** @param bundle what the run carries under this name. @param sourceName for messages. */
  ensure(name: string, bundle: string | FilesRef | undefined, sourceName: string): void {
    const before = this.#bytes.get(name);
    if (before !== undefined) {
      this.#bytes.delete(name);
      this.#bytes.set(name, before);
      return;
    }
    if (bundle === undefined) throw new Error(`the run carries no bundle ${name.slice(0, 12)} for ${sourceName}`);
    const bytes = typeof bundle === 'string' ? Buffer.byteLength(bundle) : bundle.size;
    this.#makeRoom(bytes);
    if (typeof bundle === 'string') this.#init.send('bundle', { hash: name }, JSON.stringify(bundle));
    else this.#init.send('bundle', { hash: name, file: this.#init.shelf().pathOf(bundle.cid) });
    this.#bytes.set(name, bytes);
    this.#total += bytes;
  }

  /** It is not there, or may not be: it is sent again when it is asked for. */
  forget(name: string): void {
    this.#total -= this.#bytes.get(name) ?? 0;
    this.#bytes.delete(name);
  }

  /** A new supervisor has none. */
  clear(): void {
    this.#bytes.clear();
    this.#total = 0;
  }

  #makeRoom(bytes: number): void {
    const fits = (): boolean => this.#bytes.size < BUNDLES_MAX && this.#total + bytes <= BUNDLES_BYTES_MAX;
    if (fits()) return;
    const used = this.#init.inUse();
    for (const name of this.#bytes.keys()) {
      if (fits()) return;
      if (used.has(name)) continue;
      this.forget(name);
      this.#init.send('drop', { hash: name });
    }
  }
}
