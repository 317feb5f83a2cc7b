/**
 * A snapshot as a file: the state at one log index, in sections that only the reducer understands.
 *
 * file    = magic u32, header length u32, header, crc u32, sections
 * header  = index, term, count of sections (varints), then the config as CBOR up to the end
 * section = length u32, data, crc u32
 *
 * Each crc goes on from the one before, so sections cannot change places, and a cut file is noticed by its count.
 */
import { assert } from '../../core/lib/assert.ts';
import type { SnapshotMeta } from '../../core/raft/types.ts';
import { ByteReader, readU32, varintLength, writeU32, writeVarint } from '../../protocol/bytes.ts';
import { decodeConfig, encodeConfig } from '../../protocol/entry-codec.ts';
import { SNAPSHOT_BYTES_MAX } from '../../protocol/limits.ts';
import { invalid } from '../../protocol/reader.ts';
import { crc32c } from './crc.ts';

/** Bytes that are put together and written at a time: about 1 ms of work. */
export const SNAPSHOT_SLICE_BYTES = 512 * 1024;

/** "SKS1". */
const MAGIC = 0x31534b53;

export interface Snapshot {
  readonly meta: SnapshotMeta;
  readonly sections: readonly Uint8Array[];
}

/** Cuts the file into slices. Each is a view of one buffer and valid until the next is asked for. */
export function* snapshotSlices(snapshot: Snapshot, sliceBytes = SNAPSHOT_SLICE_BYTES): Generator<Uint8Array> {
  // Most snapshots are small: making room for a whole slice would cost more than all the rest.
  const buffer = new Uint8Array(Math.min(sliceBytes, fileBytes(snapshot)));
  let used = 0;
  let total = 0;
  let crc = 0;
  for (const part of parts(snapshot)) {
    let piece = part;
    if (piece === 'crc') {
      piece = new Uint8Array(4);
      writeU32(piece, 0, crc);
    }
    for (let from = 0; from < piece.length; ) {
      const count = Math.min(piece.length - from, buffer.length - used);
      buffer.set(piece.subarray(from, from + count), used);
      if (part !== 'crc') crc = crc32c(piece, from, from + count, crc);
      from += count;
      used += count;
      total += count;
      if (used < sliceBytes) continue;
      yield buffer;
      used = 0;
    }
  }
  assert(total <= SNAPSHOT_BYTES_MAX, `snapshot of ${total} bytes is over the limit`);
  if (used > 0) yield buffer.subarray(0, used);
}

function fileBytes({ meta, sections }: Snapshot): number {
  const header = varintLength(meta.index) + varintLength(meta.term) + varintLength(sections.length) + encodeConfig(meta.config).length;
  return 8 + header + 4 + sections.reduce((sum, section) => sum + 8 + section.length, 0);
}

/** The file piece by piece; `crc` stands for the crc of all pieces so far. */
function* parts({ meta, sections }: Snapshot): Generator<Uint8Array | 'crc'> {
  const config = encodeConfig(meta.config);
  const length = varintLength(meta.index) + varintLength(meta.term) + varintLength(sections.length) + config.length;
  const header = new Uint8Array(8 + length);
  writeU32(header, 0, MAGIC);
  writeU32(header, 4, length);
  let at = 8;
  for (const value of [meta.index, meta.term, sections.length]) at = writeVarint(header, at, value);
  header.set(config, at);
  yield header;
  yield 'crc';
  for (const section of sections) {
    const prefix = new Uint8Array(4);
    writeU32(prefix, 0, section.length);
    yield prefix;
    yield section;
    yield 'crc';
  }
}

/** Sections are views into `bytes`. @throws SkeinError FRAME_INVALID when anything is damaged, missing or left over. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  if (bytes.length > SNAPSHOT_BYTES_MAX) throw invalid('snapshot is over the size limit');
  const reader = new ByteReader(bytes);
  if (reader.u32() !== MAGIC) throw invalid('not a snapshot file');
  const header = reader.take(reader.u32());
  let crc = checkCrc(reader, 0, 0);
  const fields = new ByteReader(header);
  const index = fields.varint();
  const term = fields.varint();
  const count = fields.varint();
  if (index === 0 || term === 0) throw invalid('snapshot without index or term');
  const config = decodeConfig(fields.take(fields.remaining));
  if (count * 8 > reader.remaining) throw invalid('more sections than bytes');
  const sections: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const start = reader.position;
    sections.push(reader.take(reader.u32()));
    crc = checkCrc(reader, start, crc);
  }
  reader.expectEnd();
  return { meta: { index, term, config }, sections };
}

/** Compares the crc at the reader's place with that of the bytes since `start`. @returns the seed of the next one. */
function checkCrc(reader: ByteReader, start: number, seed: number): number {
  const crc = crc32c(reader.bytes, start, reader.position, seed);
  if (reader.remaining < 4) throw invalid('snapshot ends too early');
  if (readU32(reader.bytes, reader.position) !== crc) throw invalid('a part of the snapshot is damaged');
  reader.position += 4;
  return crc;
}
