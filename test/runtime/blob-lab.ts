/** Nodes in virtual time that have blobs and want them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { Cid } from '../../src/core/lib/ids.ts';
import { encodeManifest } from '../../src/protocol/blob-manifest.ts';
import type { BlobMessage } from '../../src/protocol/blob-codec.ts';
import { cidOf } from '../../src/protocol/cid.ts';
import { BLOB_CHUNK_BYTES } from '../../src/protocol/limits.ts';
import type { SimNode } from '../../sim/sim-node.ts';
import { Stage, type Scenery } from '../../sim/stage.ts';

export const MIB = 1024 * 1024;

export const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest();

export interface File {
  readonly cid: Cid;
  readonly bytes: Uint8Array;
  readonly manifest: Uint8Array | undefined;
}

/** Bytes that are different in each chunk. */
export function file(size: number): File {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i += 97) bytes[i] = (i * 31 + (i >>> 16)) & 255;
  return fileOf(bytes);
}

export function fileOf(bytes: Uint8Array): File {
  const size = bytes.byteLength;
  if (size <= BLOB_CHUNK_BYTES) return { cid: cidOf('raw', sha256(bytes)), bytes, manifest: undefined };
  const digests = Buffer.concat(Array.from({ length: Math.ceil(size / BLOB_CHUNK_BYTES) }, (_, i) => sha256(bytes.subarray(i * BLOB_CHUNK_BYTES, (i + 1) * BLOB_CHUNK_BYTES))));
  const manifest = encodeManifest(size, digests);
  return { cid: cidOf('manifest', sha256(manifest)), bytes, manifest };
}

export class Lab extends Stage {
  constructor(seed: string, nodes: number, more: Partial<Scenery> = {}) {
    super({ seed, mutants: new Set() }, { nodes, ...more });
    this.form();
  }

  put(node: SimNode, { cid, bytes, manifest }: File): void {
    node.blobs.put(cid, bytes, manifest);
    node.incarnation?.process.run(() => node.runtime?.blobs.added(cid, bytes.byteLength));
  }

  /** @returns what came of it, once something has. */
  fetch(node: SimNode, cid: Cid): { ended: boolean; error: Error | undefined } {
    const fetch = { ended: false, error: undefined as Error | undefined };
    node.incarnation?.process.run(() =>
      node.runtime?.blobs.fetch(cid, (error) => {
        fetch.ended = true;
        fetch.error = error;
      }),
    );
    return fetch;
  }

  assertWhole(node: SimNode, { cid, bytes, manifest }: File): void {
    const stored = node.blobs.whole.get(cid);
    assert.ok(stored !== undefined, `${node.name} has it`);
    assert.ok(Buffer.from(bytes).equals(stored.bytes), 'byte for byte');
    assert.deepEqual([...(stored.manifest ?? [])], [...(manifest ?? [])]);
    assert.equal(node.blobs.parts.size, 0);
  }

  /** As if `from` had said it. */
  say(from: SimNode, to: SimNode, message: BlobMessage): void {
    from.incarnation?.process.run(() => from.runtime?.context.sendBlob(to.id, message));
  }

  arrived(node: SimNode, cid: Cid): number {
    return node.runtime?.blobs.progress(cid)?.bytesHere ?? 0;
  }

  sent(node: SimNode): number {
    return node.runtime?.blobs.sentBytes ?? 0;
  }
}
