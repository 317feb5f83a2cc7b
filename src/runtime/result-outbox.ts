/**
 * Results on their way into the log. Each is sent until a leader says what became of it; all that finish in one turn
 * leave in one message. A verdict of any kind ends it: recorded, recorded before, refused by the fence, or sent back for want of copies.
 */
import type { Fence } from '../core/lib/ids.ts';
import type { ResultItem, ResultVerdict, RunningClaim } from '../core/cell/types.ts';
import type { NodeContext } from './context.ts';
import { sizeOf } from './result-intake.ts';
import type { Routine } from './routine.ts';

/** Items in one message, and a bound on their text: the leader puts a whole message into one log entry. */
const ITEMS_PER_MESSAGE_MAX = 512;
const TEXT_PER_MESSAGE = 100 * 1024;
/** An unanswered message is sent again after this long. */
const RESEND_AFTER_MS = 1000;

export class ResultOutbox {
  readonly #context: NodeContext;
  readonly #send: (items: readonly ResultItem[], id: number) => void;
  #fresh: ResultItem[] = [];
  readonly #sent = new Map<number, { readonly items: readonly ResultItem[]; at: number }>();
  readonly #fences = new Map<Fence, ResultItem>();
  readonly #resends: Routine;
  #id: number;
  #flushing = false;

  constructor(context: NodeContext, send: (items: readonly ResultItem[], id: number) => void) {
    this.#context = context;
    this.#id = context.firstId();
    this.#send = send;
    this.#resends = context.routine(() => RESEND_AFTER_MS / 2, () => this.#resendOld());
  }

  get empty(): boolean {
    return this.#fences.size === 0;
  }

  has(fence: Fence): boolean {
    return this.#fences.has(fence);
  }

  items(): IterableIterator<ResultItem> {
    return this.#fences.values();
  }

  claims(): RunningClaim[] {
    return [...this.#fences.values()].map(({ run, module, fence }) => ({ run, module, fence }));
  }

  add(item: ResultItem): void {
    this.#fences.set(item.fence, item);
    this.#fresh.push(item);
    if (this.#flushing) return;
    this.#flushing = true;
    this.#context.defer(() => this.#flush());
  }

  /** @param told what became of each; `needCopies` is the sender's again. */
  answered(id: number, verdicts: readonly ResultVerdict[], told: (item: ResultItem, verdict: ResultVerdict) => void): void {
    const message = this.#sent.get(id);
    if (message === undefined) return;
    if (verdicts.length !== message.items.length) return; // not recorded there: the resend timer goes on
    this.#sent.delete(id);
    for (const [position, item] of message.items.entries()) {
      this.#fences.delete(item.fence);
      told(item, verdicts[position]!);
    }
  }

  /** A new leader, a new session: ask again at once. */
  resend(): void {
    for (const [id, message] of this.#sent) {
      message.at = this.#context.now();
      this.#send(message.items, id);
    }
  }

  clear(): void {
    this.#fresh = [];
    this.#sent.clear();
    this.#fences.clear();
  }

  #flush(): void {
    this.#flushing = false;
    while (this.#fresh.length > 0) {
      const items = this.#fresh.splice(0, this.#countThatFits());
      const id = ++this.#id;
      this.#sent.set(id, { items, at: this.#context.now() });
      this.#resends.wake();
      this.#send(items, id);
    }
  }

  /** At least one: a single result is within the bounds that the reducer sets for values and tail. */
  #countThatFits(): number {
    let text = 0;
    let count = 0;
    for (const item of this.#fresh) {
      text += sizeOf(item);
      if (count > 0 && (count >= ITEMS_PER_MESSAGE_MAX || text > TEXT_PER_MESSAGE)) break;
      count += 1;
    }
    return count;
  }

  /** @returns whether anything still waits for its answer. */
  #resendOld(): boolean {
    const now = this.#context.now();
    for (const [id, message] of this.#sent) {
      if (now - message.at < RESEND_AFTER_MS) continue;
      message.at = now;
      this.#send(message.items, id);
    }
    return this.#sent.size > 0;
  }
}
