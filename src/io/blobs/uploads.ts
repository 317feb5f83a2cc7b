/** Files that go to a node over its API, and those that are only looked at. */
import { open, stat } from 'node:fs/promises';
import type { BlobFile } from '../../core/cell/types.ts';
import type { Cid } from '../../core/lib/ids.ts';
import type { BlobPlace, NamedBlob } from '../../pipeline/param-files.ts';
import { cidOf } from '../../protocol/cid.ts';
import { BLOB_CHUNK_BYTES } from '../../protocol/limits.ts';
import { encodeTree } from '../../protocol/tree-codec.ts';
import { inParallel } from '../in-parallel.ts';
import { sha256 } from './folder-store.ts';
import { nameOfBytes, nameOfFile } from './import-file.ts';
import { SourceFile } from './source-file.ts';
import { encodePack, PACK_BYTES_MAX, PACK_FILES_MAX, packedBytes, PACKED_BYTES_MAX } from './pack.ts';

/** What the API of a node offers. */
export interface BlobDoor {
  /** Whether the node has this blob whole. */
  has(cid: Cid): Promise<boolean>;
  upload(bytes: Uint8Array): Promise<NamedBlob>;
  uploadFile(file: SourceFile): Promise<NamedBlob>;
  /** Many small ones (pack.ts), in order. */
  uploadPack(pack: Uint8Array): Promise<readonly NamedBlob[]>;
  /** Waits until the node has it. */
  fetch(cid: string): Promise<NamedBlob>;
  files(cid: string): Promise<readonly BlobFile[]>;
}

export class Uploads implements BlobPlace {
  readonly #door: BlobDoor;

  constructor(door: BlobDoor) {
    this.#door = door;
  }

  async putFiles(files: readonly string[]): Promise<readonly NamedBlob[]> {
    const named: NamedBlob[] = [];
    const small: number[] = [];
    await inParallel([...files.entries()], async ([at, file]) => {
      // One alone is no pack.
      if (files.length > 1 && (await stat(file)).size <= PACKED_BYTES_MAX) small.push(at);
      else named[at] = await this.#put(file);
    });
    for (let first = 0; first < small.length; ) {
      const { bytes, positions } = await packFrom(files, small, first);
      first += positions.length;
      const stored = await this.#door.uploadPack(bytes);
      for (const [i, position] of positions.entries()) named[position] = stored[i]!;
    }
    return named;
  }

  /** A large file is read before it is sent: mostly the node has it already, from an earlier try or an earlier run. */
  async #put(file: string): Promise<NamedBlob> {
    const source = await SourceFile.open(file);
    try {
      if (source.size >= BLOB_CHUNK_BYTES) {
        const named = await nameOfFile(file);
        if (await this.#door.has(named.cid)) return named;
      }
      return await this.#door.uploadFile(source);
    } finally {
      await source.close();
    }
  }

  putTree(files: readonly BlobFile[]): Promise<NamedBlob> {
    return this.#door.upload(encodeTree(files));
  }

  /** Mostly the node has it already, from an earlier run. */
  async putBytes(bytes: Uint8Array): Promise<NamedBlob> {
    const named = await nameOfBytes(bytes);
    return (await this.#door.has(named.cid)) ? named : await this.#door.upload(bytes);
  }

  fetch(cid: string): Promise<NamedBlob> {
    return this.#door.fetch(cid);
  }

  files(cid: string): Promise<readonly BlobFile[]> {
    return this.#door.files(cid);
  }
}

/** The next pack: as many of these files as fit. */
async function packFrom(files: readonly string[], small: readonly number[], first: number): Promise<{ readonly bytes: Uint8Array; readonly positions: readonly number[] }> {
  const read: Uint8Array[] = [];
  let total = 0;
  for (const position of small.slice(first, first + PACK_FILES_MAX)) {
    const bytes = await readSmall(files[position]!);
    total += packedBytes(bytes.byteLength);
    if (total > PACK_BYTES_MAX) break;
    read.push(bytes);
  }
  return { bytes: encodePack(read), positions: small.slice(first, first + read.length) };
}

/** No more than a pack takes, should the file have grown: then it is not the one that was found, which is noticed. */
async function readSmall(file: string): Promise<Uint8Array> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const buffer = new Uint8Array(Math.min(size, PACKED_BYTES_MAX));
    let filled = 0;
    while (filled < buffer.byteLength) {
      const { bytesRead } = await handle.read(buffer, filled, buffer.byteLength - filled, filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  } finally {
    await handle.close();
  }
}

/** For a run that is planned or drawn, never submitted: files have their sizes, and the name of an empty one. */
export class NoUploads implements BlobPlace {
  async putFiles(files: readonly string[]): Promise<readonly NamedBlob[]> {
    const cid = cidOf('raw', await sha256(new Uint8Array()));
    const named: NamedBlob[] = [];
    await inParallel([...files.entries()], async ([at, file]) => {
      const handle = await open(file, 'r');
      const { size } = await handle.stat().finally(() => handle.close());
      named[at] = { cid, size };
    });
    return named;
  }

  async putTree(files: readonly BlobFile[]): Promise<NamedBlob> {
    const bytes = encodeTree(files);
    return { cid: cidOf('raw', await sha256(bytes)), size: bytes.byteLength };
  }

  putBytes(bytes: Uint8Array): Promise<NamedBlob> {
    return nameOfBytes(bytes);
  }

  fetch(cid: string): Promise<NamedBlob> {
    return Promise.resolve({ cid: cid as Cid, size: 0 });
  }

  files(): Promise<readonly BlobFile[]> {
    return Promise.resolve([]);
  }
}
