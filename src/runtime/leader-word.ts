/**
 * By which exclusive modules live: the leader's word that it knows of this session. It counts from when the question was
 * sent, since the answer says nothing newer, and ends before the leader would give to others what the session holds.
 */
import type { NodeContext } from './context.ts';

export class LeaderWord {
  readonly #context: NodeContext;
  readonly #checkSuspended: () => void;
  #sentAt = -Infinity;

  /** @param checkSuspended sees to it that `voidAll` is called if this process has slept and nobody has noticed yet. */
  constructor(context: NodeContext, checkSuspended: () => void) {
    this.#context = context;
    this.#checkSuspended = checkSuspended;
  }

  /** @param sentAt of what was answered, monotonic ms. @returns whether the word before it had run out. */
  given(sentAt: number): boolean {
    if (sentAt <= this.#sentAt) return false;
    const late = this.#hasRunOut;
    this.#sentAt = sentAt;
    if (!this.#context.mutant('no-self-fence')) this.#context.ports.executor.setFenceDeadline(sentAt + this.#context.timing.selfFenceMs);
    return late;
  }

  /** What was promised by time is worth nothing. */
  voidAll(): void {
    this.#sentAt = -Infinity;
  }

  /** An exclusive module may only begin while the word is fresh enough for it to be killed in time. */
  mayBegin(): boolean {
    this.#checkSuspended();
    return !this.#hasRunOut || this.#context.mutant('late-start');
  }

  get #hasRunOut(): boolean {
    return this.#context.now() > this.#sentAt + this.#context.timing.selfFenceMs;
  }
}
