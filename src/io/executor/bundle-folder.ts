/** The bundles of one supervisor, each a file that its pooled processes import. */
import { constants, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { copyFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

export class BundleFolder {
  readonly #folder: string;
  /** Large ones that are being copied; settled without an error, whatever becomes of them. */
  readonly #arriving = new Map<string, Promise<void>>();
  #copies = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Throws file-system errors: then the bundle is not here, rather than a part of it. */
  write(hash: string, source: string): void {
    const file = this.fileOf(hash);
    writeFileSync(`${file}.tmp`, source);
    renameSync(`${file}.tmp`, file);
  }

  /** The same of a file elsewhere, which is never written to: cloned where the disk can. Rejects with file-system errors. */
  async copy(hash: string, source: string): Promise<void> {
    const copying = this.#copy(hash, source);
    const settled = copying.catch(() => undefined).then(() => void (this.#arriving.get(hash) === settled && this.#arriving.delete(hash)));
    this.#arriving.set(hash, settled);
    await copying;
  }

  async #copy(hash: string, source: string): Promise<void> {
    const temporary = `${this.fileOf(hash)}.${++this.#copies}.tmp`;
    try {
      await copyFile(source, temporary, constants.COPYFILE_FICLONE);
      await rename(temporary, this.fileOf(hash));
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  arriving(hash: string): Promise<void> | undefined {
    return this.#arriving.get(hash);
  }

  has(hash: string): boolean {
    return statSync(this.fileOf(hash), { throwIfNoEntry: false })?.isFile() === true;
  }

  drop(hash: string): void {
    const remove = (): void => rmSync(this.fileOf(hash), { force: true });
    const arriving = this.#arriving.get(hash);
    // Sent again meanwhile: then it stays.
    if (arriving !== undefined) void arriving.then(() => this.#arriving.has(hash) || remove());
    else remove();
  }

  fileOf(hash: string): string {
    return join(this.#folder, `${hash.replaceAll(/[^A-Za-z0-9_-]/g, '_')}.mjs`);
  }
}
