/**
 * Pieces on their way in. A few bytes may become a whole piece, and a frame of zeros hundreds of them: of those that are
 * compressed about one piece is taken a turn, so that heartbeats pass between; what comes behind waits, in its order.
 */
import type { NodeId } from '../../core/lib/ids.ts';
import { BLOB_PIECE_BYTES } from '../../protocol/limits.ts';
import type { Piece } from '../../protocol/piece-codec.ts';
import type { NodeContext } from '../context.ts';
import { PIECE_COST_BYTES, PIECES_WAITING_BYTES_MAX } from './limits.ts';

interface Waiting {
  readonly from: NodeId;
  readonly piece: Piece;
}

export class PieceQueue {
  readonly #context: NodeContext;
  readonly #take: (from: NodeId, piece: Piece) => void;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Of compressed pieces that were taken in this turn, when they are not. */
  #taken = 0;
  #planned = false;

  constructor(context: NodeContext, take: (from: NodeId, piece: Piece) => void) {
    this.#context = context;
    this.#take = take;
  }

  /** @returns false when too much waits: it is dropped. */
  add(from: NodeId, piece: Piece): boolean {
    if (this.#waiting.length === 0 && this.#fits(piece)) {
      this.#now({ from, piece });
      return true;
    }
    const cost = piece.bytes.byteLength + PIECE_COST_BYTES;
    if (this.#waitingBytes + cost > PIECES_WAITING_BYTES_MAX) return false;
    this.#waitingBytes += cost;
    // Its bytes are those of a frame, whose memory is used again.
    this.#waiting.push({ from, piece: { ...piece, bytes: piece.bytes.slice() } });
    return true;
  }

  #fits({ rawBytes }: Piece): boolean {
    return rawBytes === null || this.#taken === 0 || this.#taken + rawBytes <= BLOB_PIECE_BYTES;
  }

  #now({ from, piece }: Waiting): void {
    if (piece.rawBytes !== null) {
      this.#taken += piece.rawBytes;
      if (!this.#planned) this.#context.after(0, this.#turn);
      this.#planned = true;
    }
    this.#take(from, piece);
  }

  readonly #turn = (): void => {
    this.#planned = false;
    this.#taken = 0;
    let next = 0;
    for (; next < this.#waiting.length && this.#fits(this.#waiting[next]!.piece); next += 1) {
      this.#waitingBytes -= this.#waiting[next]!.piece.bytes.byteLength + PIECE_COST_BYTES;
      this.#now(this.#waiting[next]!);
    }
    this.#waiting = this.#waiting.slice(next);
  };
}
