/**
 * One frame of the write-ahead log: what one group commit wrote, with a link to the frame before it.
 *
 * header (32 bytes, little endian) = magic u32, payload length u32, sequence u64, link u32, payload crc u32, 0 u32, header crc u32
 * payload = flags u8, [segment start: index, term], [hard: term, votedFor], [mark: index, term], [truncateAfter], entries
 *
 * The header crc covers the header before it, so also the payload crc: it stands for the whole frame, and the `link` of
 * the next frame repeats it. Numbers in the payload are varints. Replay applies the parts in the order given.
 */
import { assert } from '../../core/lib/assert.ts';
import type { LogIndex, MemberId, Term } from '../../core/lib/ids.ts';
import type { Entry, HardState } from '../../core/raft/types.ts';
import { ByteReader, readU32, utf8, VARINT_BYTES_MAX, writeU32, writeVarint } from '../../protocol/bytes.ts';
import { entriesLength, readEntries, writeEntries } from '../../protocol/entry-codec.ts';
import { NAME_LENGTH_MAX } from '../../protocol/limits.ts';
import { invalid } from '../../protocol/reader.ts';
import { crc32c } from './crc.ts';

export const FRAME_HEADER_BYTES = 32;
/** A frame takes no more batches once it holds this many bytes of entries. */
export const FRAME_ENTRIES_BYTES = 4 * 1024 * 1024;
/** No frame is larger: FRAME_ENTRIES_BYTES, one largest entry with its config, and the small parts. */
export const FRAME_PAYLOAD_BYTES_MAX = 8 * 1024 * 1024;

/** "SKF1". Another layout gets another magic. */
const MAGIC = 0x31464b53;
const HAS_START = 1;
const HAS_HARD = 2;
const HAS_MARK = 4;
const HAS_TRUNCATE = 8;
const FLAGS = HAS_START | HAS_HARD | HAS_MARK | HAS_TRUNCATE;
const TWO_TO_32 = 0x1_0000_0000;

/** A place in the log. Term 0 = not known (or index 0). */
export interface LogPosition {
  readonly index: LogIndex;
  readonly term: Term;
}

export interface FramePayload {
  /** First frame of a segment only: where the log ended before this frame. */
  readonly start?: LogPosition;
  readonly hard?: HardState;
  /** The log is reset to this snapshot. */
  readonly mark?: LogPosition;
  readonly truncateAfter?: LogIndex;
  readonly entries: readonly Entry[];
}

export interface FrameHeader {
  readonly length: number;
  readonly sequence: number;
  readonly link: number;
  readonly payloadCrc: number;
  readonly crc: number;
}

export interface EncodedFrame {
  /** Header and payload. A view of the encoder's buffer, valid until its next `encode`. */
  readonly bytes: Uint8Array;
  readonly crc: number;
}

/** Encodes frames into one buffer that grows with the largest of them: one write per frame, no copies besides. */
export class FrameEncoder {
  #buffer = new Uint8Array(64 * 1024);

  encode(payload: FramePayload, sequence: number, link: number): EncodedFrame {
    const votedFor = payload.hard === undefined ? undefined : utf8(payload.hard.votedFor);
    assert(votedFor === undefined || votedFor.length <= NAME_LENGTH_MAX, 'member id is too long');
    const small = 2 + 8 * VARINT_BYTES_MAX + (votedFor?.length ?? 0);
    const buffer = this.#room(FRAME_HEADER_BYTES + small + entriesLength(payload.entries));
    const end = writePayload(payload, votedFor, buffer);
    const length = end - FRAME_HEADER_BYTES;
    assert(length <= FRAME_PAYLOAD_BYTES_MAX, `frame of ${length} bytes is over the limit`);
    writeU32(buffer, 0, MAGIC);
    writeU32(buffer, 4, length);
    writeU32(buffer, 8, sequence % TWO_TO_32);
    writeU32(buffer, 12, Math.floor(sequence / TWO_TO_32));
    writeU32(buffer, 16, link);
    writeU32(buffer, 20, crc32c(buffer, FRAME_HEADER_BYTES, end));
    writeU32(buffer, 24, 0);
    const crc = crc32c(buffer, 0, 28);
    writeU32(buffer, 28, crc);
    return { bytes: buffer.subarray(0, end), crc };
  }

  #room(bytes: number): Uint8Array {
    if (this.#buffer.length < bytes) this.#buffer = new Uint8Array(2 ** Math.ceil(Math.log2(bytes)));
    return this.#buffer;
  }
}

function writePayload(payload: FramePayload, votedFor: Uint8Array | undefined, buffer: Uint8Array): number {
  const { start, hard, mark, truncateAfter, entries } = payload;
  let flags = 0;
  let at = FRAME_HEADER_BYTES + 1;
  if (start !== undefined) {
    flags |= HAS_START;
    at = writePosition(start, buffer, at);
  }
  if (hard !== undefined && votedFor !== undefined) {
    flags |= HAS_HARD;
    at = writeVarint(buffer, at, hard.term);
    at = writeVarint(buffer, at, votedFor.length);
    buffer.set(votedFor, at);
    at += votedFor.length;
  }
  if (mark !== undefined) {
    flags |= HAS_MARK;
    at = writePosition(mark, buffer, at);
  }
  if (truncateAfter !== undefined) {
    flags |= HAS_TRUNCATE;
    at = writeVarint(buffer, at, truncateAfter);
  }
  buffer[FRAME_HEADER_BYTES] = flags;
  return writeEntries(entries, buffer, at);
}

function writePosition(position: LogPosition, buffer: Uint8Array, offset: number): number {
  return writeVarint(buffer, writeVarint(buffer, offset, position.index), position.term);
}

/** The header at `offset` if its crc is right and its length possible, else undefined. */
export function readHeader(bytes: Uint8Array, offset: number): FrameHeader | undefined {
  if (bytes.length - offset < FRAME_HEADER_BYTES || readU32(bytes, offset) !== MAGIC) return undefined;
  const crc = readU32(bytes, offset + 28);
  if (crc32c(bytes, offset, offset + 28) !== crc) return undefined;
  const length = readU32(bytes, offset + 4);
  if (length > FRAME_PAYLOAD_BYTES_MAX) return undefined;
  const sequence = readU32(bytes, offset + 8) + readU32(bytes, offset + 12) * TWO_TO_32;
  return { length, sequence, link: readU32(bytes, offset + 16), payloadCrc: readU32(bytes, offset + 20), crc };
}

/** Is the whole payload of this header there, with the right crc? */
export function payloadIsWhole(bytes: Uint8Array, offset: number, header: FrameHeader): boolean {
  const start = offset + FRAME_HEADER_BYTES;
  const end = start + header.length;
  return end <= bytes.length && crc32c(bytes, start, end) === header.payloadCrc;
}

/** Data of the entries are views into `bytes`. @throws SkeinError FRAME_INVALID */
export function decodePayload(bytes: Uint8Array, offset: number, header: FrameHeader): FramePayload {
  const start = offset + FRAME_HEADER_BYTES;
  const reader = new ByteReader(bytes, start, start + header.length);
  const flags = reader.u8();
  if ((flags & ~FLAGS) !== 0) throw invalid('unknown flags in a log frame');
  const payload: { -readonly [K in keyof FramePayload]: FramePayload[K] } = { entries: [] };
  if ((flags & HAS_START) !== 0) payload.start = readPosition(reader);
  if ((flags & HAS_HARD) !== 0) payload.hard = readHard(reader);
  if ((flags & HAS_MARK) !== 0) payload.mark = readPosition(reader);
  if ((flags & HAS_TRUNCATE) !== 0) payload.truncateAfter = reader.varint();
  payload.entries = readEntries(reader);
  reader.expectEnd();
  return payload;
}

function readHard(reader: ByteReader): HardState {
  return { term: reader.varint(), votedFor: reader.text(NAME_LENGTH_MAX) as MemberId | '' };
}

function readPosition(reader: ByteReader): LogPosition {
  return { index: reader.varint(), term: reader.varint() };
}

/** Offset of the first whole frame with a sequence over `after` that starts at `from` or later; -1 if there is none. */
export function findFrame(bytes: Uint8Array, from: number, after: number): number {
  for (let at = bytes.indexOf(MAGIC & 0xff, from); at !== -1; at = bytes.indexOf(MAGIC & 0xff, at + 1)) {
    const header = readHeader(bytes, at);
    if (header !== undefined && header.sequence > after && payloadIsWhole(bytes, at, header)) return at;
  }
  return -1;
}
