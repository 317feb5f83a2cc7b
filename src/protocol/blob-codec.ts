/** What nodes say to each other about blobs, on a channel of its own so that heartbeats never wait behind it. */
import { HOLDERS_MAX } from '../core/cell/limits.ts';
import type { Cid, Fence, NodeId } from '../core/lib/ids.ts';
import { readCid } from './cid.ts';
import { BLOB_BYTES_MAX, BLOB_CHUNK_BYTES, BLOB_PIECE_BYTES } from './limits.ts';
import { decodePiece, encodePiece, isPiece, type Piece } from './piece-codec.ts';
import { decodeWire, encodeWire, invalid, type Reader } from './reader.ts';

export type BlobMessage =
  /** Who has it? Whoever asks wants it, and tells those that answered what it has itself from then on. */
  | { readonly type: 'find'; readonly cid: Cid }
  /** `chunks`: a bit for each chunk that is here, lowest bit first; null = all of them. */
  | { readonly type: 'have'; readonly cid: Cid; readonly size: number; readonly chunks: Uint8Array | null }
  | { readonly type: 'haveNot'; readonly cid: Cid }
  /** One more chunk is here: to those that asked before. */
  | { readonly type: 'gained'; readonly cid: Cid; readonly chunk: number }
  /** This one is on its way here from somebody who has all: to those that asked before, so that they ask for others. */
  | { readonly type: 'taking'; readonly cid: Cid; readonly chunk: number }
  /** `chunk` -1 = the manifest. Answered by pieces in order, or by `refuse`. `zstd`: they may be compressed. */
  | { readonly type: 'want'; readonly id: number; readonly cid: Cid; readonly chunk: number; readonly zstd: boolean }
  | Piece
  /** `gone`: not here (any more). `busy`: later. */
  | { readonly type: 'refuse'; readonly id: number; readonly reason: RefuseReason }
  | { readonly type: 'stop'; readonly id: number }
  /** A chunk that came from there does not fit its digest: the holder should look at its copy. */
  | { readonly type: 'doubt'; readonly cid: Cid; readonly chunk: number }
  /** What has this execution printed from `offset` on? `wait`: if it is nothing, a few seconds for more. Answered by one `logPiece`. */
  | { readonly type: 'readLog'; readonly id: number; readonly fence: Fence; readonly offset: number; readonly wait: boolean }
  /** `over`: it is not executed here (any more). A later offset than asked: what lay between is not kept. */
  | { readonly type: 'logPiece'; readonly id: number; readonly over: boolean; readonly offset: number; readonly bytes: Uint8Array }
  /** Keep a copy; asked again until it is answered. `tree`: and of the files that it lists. `holders`: a hint. `check`: do not trust the own disk. `urgent`: somebody waits for it. */
  | { readonly type: 'keep'; readonly cid: Cid; readonly tree: boolean; readonly check: boolean; readonly urgent: boolean; readonly holders: readonly NodeId[] }
  /** `tree`, `check`: as it was asked. `bytesHere`: how far it has come. */
  | { readonly type: 'kept'; readonly cid: Cid; readonly tree: boolean; readonly check: boolean; readonly state: KeptState; readonly bytesHere: number };

/** All that travel as CBOR. */
type Listed = Exclude<BlobMessage, Piece>;

export type RefuseReason = 'gone' | 'busy';

/** `whole`: here and synced, with all that it lists. `coming`: being fetched. `full`: no room. `missing`: nobody was found who has it. */
export type KeptState = 'whole' | 'coming' | 'full' | 'missing';

const types = ['find', 'have', 'haveNot', 'gained', 'want', 'refuse', 'stop', 'doubt', 'keep', 'taking', 'readLog', 'logPiece', 'kept'] as const;
const codes = Object.fromEntries(types.map((type, index) => [type, index])) as Record<Listed['type'], number>;
const keptStates: readonly KeptState[] = ['whole', 'coming', 'full', 'missing'];
const reasons: readonly RefuseReason[] = ['gone', 'busy'];

export function encodeBlob(message: BlobMessage): Uint8Array {
  if (message.type === 'piece') return encodePiece(message);
  return encodeWire([codes[message.type], ...fieldsOf(message)]);
}

function fieldsOf(message: Listed): unknown[] {
  switch (message.type) {
    case 'find':
    case 'haveNot':
      return [message.cid];
    case 'have':
      return [message.cid, message.size, message.chunks];
    case 'gained':
    case 'taking':
    case 'doubt':
      return [message.cid, message.chunk];
    case 'want':
      return [message.id, message.cid, message.chunk + 1, message.zstd];
    case 'refuse':
      return [message.id, reasons.indexOf(message.reason)];
    case 'stop':
      return [message.id];
    case 'keep':
      return [message.cid, message.tree, message.check, message.urgent, message.holders];
    case 'readLog':
      return [message.id, message.fence, message.offset, message.wait];
    case 'logPiece':
      return [message.id, message.over, message.offset, message.bytes];
    case 'kept':
      return [message.cid, message.tree, message.check, keptStates.indexOf(message.state), message.bytesHere];
  }
}

/** @throws SkeinError FRAME_INVALID */
export function decodeBlob(bytes: Uint8Array): BlobMessage {
  if (isPiece(bytes)) return decodePiece(bytes);
  const reader = decodeWire(bytes);
  const message = read(reader);
  reader.end();
  return message;
}

function read(reader: Reader): Listed {
  const type = reader.oneOf(types);
  switch (type) {
    case 'find':
    case 'haveNot':
      return { type, cid: cid(reader) };
    case 'have':
      return { type, cid: cid(reader), size: atMost(reader, BLOB_BYTES_MAX), chunks: reader.bytesOrNull(BLOB_BYTES_MAX / BLOB_CHUNK_BYTES / 8) };
    case 'gained':
    case 'taking':
    case 'doubt':
      return { type, cid: cid(reader), chunk: reader.int() };
    case 'want':
      return { type, id: reader.int(), cid: cid(reader), chunk: reader.int() - 1, zstd: reader.boolean() };
    case 'refuse':
      return { type, id: reader.int(), reason: reader.oneOf(reasons) };
    case 'stop':
      return { type, id: reader.int() };
    case 'keep':
      return { type, cid: cid(reader), tree: reader.boolean(), check: reader.boolean(), urgent: reader.boolean(), holders: reader.strings(HOLDERS_MAX) as NodeId[] };
    case 'readLog':
      return { type, id: reader.int(), fence: reader.int(), offset: reader.int(), wait: reader.boolean() };
    case 'logPiece':
      return { type, id: reader.int(), over: reader.boolean(), offset: reader.int(), bytes: reader.bytes(BLOB_PIECE_BYTES) };
    case 'kept':
      return { type, cid: cid(reader), tree: reader.boolean(), check: reader.boolean(), state: reader.oneOf(keptStates), bytesHere: reader.int() };
  }
}

function cid(reader: Reader): Cid {
  const text = reader.string();
  const read = readCid(text);
  if (read === undefined) throw invalid(`${JSON.stringify(text)} is not the name of a blob`);
  return read.cid;
}

function atMost(reader: Reader, max: number): number {
  const value = reader.int();
  if (value > max) throw invalid(`${value} is over ${max}`);
  return value;
}
