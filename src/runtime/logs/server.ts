/**
 * Answers those that follow what is executed here: one piece for each question, so that a slow reader holds nothing here
 * but its question. A question for what has not been printed yet waits a while.
 */
import type { Fence, NodeId } from '../../core/lib/ids.ts';
import type { Timer } from '../../ports/clock.ts';
import type { LogPiece } from '../../ports/executor.ts';
import type { BlobMessage } from '../../protocol/blob-codec.ts';
import type { NodeContext } from '../context.ts';
import { LOG_PIECE_BYTES, LOG_POLL_MS, LOG_READERS_MAX, LOG_WAIT_MS } from './limits.ts';

interface Question {
  readonly from: NodeId;
  readonly id: number;
  readonly fence: Fence;
  readonly offset: number;
  readonly until: number;
  timer: Timer | undefined;
}

export class LogServer {
  readonly #context: NodeContext;
  readonly #questions = new Set<Question>();

  constructor(context: NodeContext) {
    this.#context = context;
  }

  asked(from: NodeId, { id, fence, offset, wait }: Extract<BlobMessage, { type: 'readLog' }>): void {
    const question: Question = { from, id, fence, offset, until: wait ? this.#context.now() + LOG_WAIT_MS : -Infinity, timer: undefined };
    if (this.#questions.size >= LOG_READERS_MAX) return this.#answer(question, { offset, bytes: nothing });
    this.#questions.add(question);
    this.#look(question);
  }

  peerDown(peer: NodeId): void {
    for (const question of this.#questions) if (question.from === peer) this.#end(question);
  }

  #look(question: Question): void {
    const { fence, offset, until } = question;
    this.#context.ports.executor.readLog(fence, offset, LOG_PIECE_BYTES, (piece) => {
      if (!this.#questions.has(question) || this.#context.stopped) return;
      if (piece !== undefined && piece.bytes.byteLength === 0 && this.#context.now() < until) question.timer = this.#context.after(LOG_POLL_MS, () => this.#look(question));
      else this.#answer(question, piece);
    });
  }

  #answer(question: Question, piece: LogPiece | undefined): void {
    this.#end(question);
    const { from, id, offset } = question;
    this.#context.sendBlob(from, { type: 'logPiece', id, over: piece === undefined, offset: piece?.offset ?? offset, bytes: piece?.bytes ?? nothing });
  }

  #end(question: Question): void {
    question.timer?.cancel();
    this.#questions.delete(question);
  }
}

const nothing = new Uint8Array(0);
