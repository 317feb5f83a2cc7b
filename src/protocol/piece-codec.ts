/**
 * A piece of a blob, as a message: a head of fixed form, then its bytes. All other messages are CBOR; this one is nearly all
 * bytes, and CBOR would copy them once more on either side.
 */
import { BLOB_PIECE_BYTES, MESSAGE_BYTES_MAX } from './limits.ts';
import { invalid } from './reader.ts';

export interface Piece {
  readonly type: 'piece';
  readonly id: number;
  readonly offset: number;
  /** Bytes of all pieces of this answer. */
  readonly total: number;
  /** A view into the message: whoever keeps them copies them. */
  readonly bytes: Uint8Array;
}

/** No message in CBOR begins with it: there it is the end of a list without a length. */
const MARK = 0xff;
/** Mark, id, offset, total. */
const HEAD_BYTES = 1 + 8 + 4 + 4;

export function isPiece(message: Uint8Array): boolean {
  return message[0] === MARK;
}

export function encodePiece({ id, offset, total, bytes }: Piece): Uint8Array {
  const message = new Uint8Array(HEAD_BYTES + bytes.byteLength);
  const view = new DataView(message.buffer);
  message[0] = MARK;
  view.setFloat64(1, id);
  view.setUint32(9, offset);
  view.setUint32(13, total);
  message.set(bytes, HEAD_BYTES);
  return message;
}

/** @throws SkeinError FRAME_INVALID */
export function decodePiece(message: Uint8Array): Piece {
  if (message.byteLength < HEAD_BYTES) throw invalid('a piece without its head');
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const id = view.getFloat64(1);
  const offset = view.getUint32(9);
  const total = view.getUint32(13);
  const bytes = message.subarray(HEAD_BYTES);
  if (!Number.isSafeInteger(id) || id < 0 || Object.is(id, -0)) throw invalid('the number of an answer is none');
  if (total > MESSAGE_BYTES_MAX) throw invalid(`${total} is over ${MESSAGE_BYTES_MAX}`);
  if (bytes.byteLength > BLOB_PIECE_BYTES) throw invalid(`a piece of ${bytes.byteLength} bytes is over ${BLOB_PIECE_BYTES}`);
  return { type: 'piece', id, offset, total, bytes };
}
