/**
 * A piece of a blob, as a message: a head of fixed form, then its bytes, as they are or compressed with zstd. All other
 * messages are CBOR; this one is nearly all bytes, and CBOR would copy them once more on either side.
 */
import { BLOB_PIECE_BYTES, MESSAGE_BYTES_MAX } from './limits.ts';
import { invalid } from './reader.ts';

export interface Piece {
  readonly type: 'piece';
  readonly id: number;
  /** Of its first byte in the answer, as it is when nothing is compressed; so is `total`. */
  readonly offset: number;
  /** Bytes of all pieces of this answer. */
  readonly total: number;
  /** A view into the message: whoever keeps them copies them. */
  readonly bytes: Uint8Array;
  /** They are compressed, and so many when they are not; null = they are as they are. */
  readonly rawBytes: number | null;
}

/** Neither begins a message in CBOR: one is the end of a list without a length there, the other means nothing. */
const MARK = 0xff;
const MARK_COMPRESSED = 0xfe;
/** Mark, id, offset, total. */
const HEAD_BYTES = 1 + 8 + 4 + 4;
/** And how many bytes come out. */
const COMPRESSED_HEAD_BYTES = HEAD_BYTES + 4;

export function isPiece(message: Uint8Array): boolean {
  return message[0] === MARK || message[0] === MARK_COMPRESSED;
}

export function encodePiece({ id, offset, total, bytes, rawBytes }: Piece): Uint8Array {
  const headBytes = rawBytes === null ? HEAD_BYTES : COMPRESSED_HEAD_BYTES;
  const message = new Uint8Array(headBytes + bytes.byteLength);
  const view = new DataView(message.buffer);
  message[0] = rawBytes === null ? MARK : MARK_COMPRESSED;
  view.setFloat64(1, id);
  view.setUint32(9, offset);
  view.setUint32(13, total);
  if (rawBytes !== null) view.setUint32(HEAD_BYTES, rawBytes);
  message.set(bytes, headBytes);
  return message;
}

/** @throws SkeinError FRAME_INVALID */
export function decodePiece(message: Uint8Array): Piece {
  const isCompressed = message[0] === MARK_COMPRESSED;
  const headBytes = isCompressed ? COMPRESSED_HEAD_BYTES : HEAD_BYTES;
  if (message.byteLength < headBytes) throw invalid('a piece without its head');
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const id = view.getFloat64(1);
  const offset = view.getUint32(9);
  const total = view.getUint32(13);
  const bytes = message.subarray(headBytes);
  const rawBytes = isCompressed ? view.getUint32(HEAD_BYTES) : null;
  if (!Number.isSafeInteger(id) || id < 0 || Object.is(id, -0)) throw invalid('the number of an answer is none');
  if (total > MESSAGE_BYTES_MAX) throw invalid(`${total} is over ${MESSAGE_BYTES_MAX}`);
  if (bytes.byteLength > BLOB_PIECE_BYTES) throw invalid(`a piece of ${bytes.byteLength} bytes is over ${BLOB_PIECE_BYTES}`);
  if (rawBytes !== null && rawBytes > BLOB_PIECE_BYTES) throw invalid(`a piece of ${rawBytes} bytes, compressed, is over ${BLOB_PIECE_BYTES}`);
  // Who compresses sends what became less: so nothing costs more to read than its bytes would.
  if (rawBytes !== null && bytes.byteLength >= rawBytes) throw invalid(`a piece of ${rawBytes} bytes was compressed to ${bytes.byteLength}`);
  return { type: 'piece', id, offset, total, bytes, rawBytes };
}
