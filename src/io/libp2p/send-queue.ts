/** Messages that wait for one peer on one channel: bounded, first in first out, taken frame by frame. */
import { FRAME_BATCH_BYTES, FRAME_MESSAGES_MAX, LENGTH_BYTES, QUEUE_MESSAGES_MAX } from './limits.ts';
import { encodeFrame } from './frame.ts';

export class SendQueue {
  readonly #bytesMax: number;
  #messages: Uint8Array[] = [];
  /** Messages before this position are gone already; they are cut off when the queue runs empty or half of it is gone. */
  #first = 0;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#first === this.#messages.length;
  }

  /** @returns false when it is full: the message is not taken. */
  push(message: Uint8Array): boolean {
    if (this.#bytes + message.byteLength > this.#bytesMax || this.#messages.length - this.#first >= QUEUE_MESSAGES_MAX) return false;
    this.#messages.push(message);
    this.#bytes += message.byteLength;
    return true;
  }

  /** All that waits, up to FRAME_BATCH_BYTES (a bigger single message makes a frame of its own), or undefined when empty. */
  takeFrame(): Uint8Array | undefined {
    if (this.isEmpty) return undefined;
    let end = this.#first;
    let frameBytes = 0;
    while (end < this.#messages.length && end - this.#first < FRAME_MESSAGES_MAX) {
      const bytes = LENGTH_BYTES + this.#messages[end]!.byteLength;
      if (end > this.#first && frameBytes + bytes > FRAME_BATCH_BYTES) break;
      frameBytes += bytes;
      end++;
    }
    const taken = this.#messages.slice(this.#first, end);
    this.#bytes -= frameBytes - taken.length * LENGTH_BYTES;
    this.#first = end;
    if (this.isEmpty) this.clear();
    else if (this.#first > this.#messages.length / 2) {
      this.#messages = this.#messages.slice(this.#first);
      this.#first = 0;
    }
    return encodeFrame(taken);
  }

  clear(): void {
    this.#messages = [];
    this.#first = 0;
    this.#bytes = 0;
  }
}
