/** Results from the end of their execution to the leader's word: those whose files need copies first, then all on their way. */
import type { BlobRef } from '../core/cell/files.ts';
import type { ResultItem, RunningClaim } from '../core/cell/types.ts';
import type { Fence } from '../core/lib/ids.ts';
import type { WorkMessage } from '../protocol/messages.ts';
import { Committing, type CommittingHooks } from './blobs/committing.ts';
import type { NodeContext } from './context.ts';
import { ResultOutbox } from './result-outbox.ts';

export interface DeliveriesHooks extends Omit<CommittingHooks, 'send'> {
  send(items: readonly ResultItem[], id: number): void;
}

export class Deliveries {
  readonly #outbox: ResultOutbox;
  readonly #committing: Committing;

  constructor(context: NodeContext, hooks: DeliveriesHooks) {
    this.#outbox = new ResultOutbox(context, (items, id) => hooks.send(items, id));
    this.#committing = new Committing(context, { requests: hooks.requests, others: () => hooks.others(), send: (item) => this.#outbox.add(item) });
  }

  get empty(): boolean {
    return this.#outbox.empty && this.#committing.empty;
  }

  has(fence: Fence): boolean {
    return this.#outbox.has(fence) || this.#committing.has(fence);
  }

  claims(): RunningClaim[] {
    return [...this.#outbox.claims(), ...this.#committing.claims()];
  }

  /** Blobs that the log does not know yet: files and logs of what was executed here. */
  *unrecorded(): Generator<BlobRef> {
    for (const { outcome } of [...this.#outbox.items(), ...this.#committing.items()]) {
      for (const { cid, kind } of Object.values(outcome.files ?? {})) yield { cid, tree: kind === 'tree' };
      if (outcome.log !== undefined) yield { cid: outcome.log.cid, tree: false };
    }
  }

  /** Those that succeeded and whose files need copies. */
  committing(): Fence[] {
    return this.#committing.fences();
  }

  /** @param copies that its files need for it to count; 0 when it has none. */
  add(item: ResultItem, copies: number): void {
    if (item.outcome.ok && copies > 0) this.#committing.add(item, copies);
    else this.#outbox.add(item);
  }

  answered({ id, verdicts, nodes }: Extract<WorkMessage, { type: 'resultsReply' }>, over: (fence: Fence) => void): void {
    this.#outbox.answered(id, verdicts, ({ fence }, verdict) => {
      if (verdict === 'needCopies') return this.#committing.again(fence, nodes);
      this.#committing.drop(fence);
      over(fence);
    });
  }

  /** The leader does not want it any more. @returns whether it is on its way nevertheless. */
  stop(fence: Fence): boolean {
    if (this.#outbox.has(fence)) return true;
    this.#committing.drop(fence);
    return false;
  }

  resend(): void {
    this.#outbox.resend();
  }

  clear(): void {
    this.#outbox.clear();
    this.#committing.clear();
  }
}
