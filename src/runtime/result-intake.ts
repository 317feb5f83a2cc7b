/** Results on the leader: all that arrive in one turn share one log entry, and each sender gets its own verdicts back. */
import type { ResultItem, ResultVerdict } from '../core/cell/types.ts';
import type { NodeContext } from './context.ts';
import type { Replica } from './replica.ts';

/** Results in one entry, and a bound on their text; a single message of a worker always fits. */
const ITEMS_PER_ENTRY = 2048;
const TEXT_PER_ENTRY = 160 * 1024;

/** `[]` = not recorded here: send again. */
type VerdictsDone = (verdicts: readonly ResultVerdict[]) => void;

export interface ResultHooks {
  /** They are on their way into the log: whatever they make possible may be proposed behind them, in the same turn. */
  proposed(items: readonly ResultItem[]): void;
  /** They were applied, or never will be. */
  settled(items: readonly ResultItem[]): void;
}

interface Queued {
  readonly items: readonly ResultItem[];
  readonly done: VerdictsDone;
}

export class ResultIntake {
  readonly #context: NodeContext;
  readonly #replica: Replica;
  readonly #hooks: ResultHooks;
  #queue: Queued[] = [];
  #stopped = false;

  constructor(context: NodeContext, replica: Replica, hooks: ResultHooks) {
    this.#context = context;
    this.#hooks = hooks;
    this.#replica = replica;
  }

  add(items: readonly ResultItem[], done: VerdictsDone): void {
    this.#queue.push({ items, done });
    if (this.#queue.length === 1) this.#context.defer(() => this.#flush());
  }

  stop(): void {
    this.#stopped = true;
    this.#flush();
  }

  #flush(): void {
    const queue = this.#queue;
    this.#queue = [];
    if (this.#stopped) for (const { done } of queue) done([]);
    else for (const batch of inBatches(queue)) this.#propose(batch);
  }

  #propose(batch: readonly Queued[]): void {
    const items = batch.flatMap((queued) => queued.items);
    const jitter = this.#context.ports.random.float();
    this.#replica.propose({ type: 'results', now: this.#replica.stamp(), jitter, items }, (answer) => {
      this.#hooks.settled(items);
      const verdicts = answer?.reply.type === 'results' ? answer.reply.verdicts : undefined;
      let at = 0;
      for (const queued of batch) {
        queued.done(verdicts === undefined ? [] : verdicts.slice(at, at + queued.items.length));
        at += queued.items.length;
      }
    });
    this.#hooks.proposed(items);
  }
}

function inBatches(queue: readonly Queued[]): Queued[][] {
  const batches: Queued[][] = [];
  let batch: Queued[] = [];
  let items = 0;
  let text = 0;
  for (const queued of queue) {
    const length = queued.items.reduce((sum, item) => sum + sizeOf(item), 0);
    if (batch.length > 0 && (items + queued.items.length > ITEMS_PER_ENTRY || text + length > TEXT_PER_ENTRY)) {
      batches.push(batch);
      batch = [];
      items = 0;
      text = 0;
    }
    batch.push(queued);
    items += queued.items.length;
    text += length;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}

/** Encoded size of a result without text: numbers, an inputs hash, the heads of lists. */
const ITEM_BYTES = 128;

/** Of the files of one output: a digest, the longest name, sizes. */
const FILES_BYTES = 800;

/** Upper estimate of the encoded size of a result: a UTF-16 unit takes at most three bytes. */
export function sizeOf(item: ResultItem): number {
  const { values, tail, error, digests } = item.outcome;
  let length = ITEM_BYTES + 3 * tail.length + (error === null ? 0 : 3 * (error.code.length + error.message.length));
  for (const key in values) length += 3 * (key.length + JSON.stringify(values[key]).length);
  for (const name in item.outcome.files) length += 3 * name.length + FILES_BYTES;
  for (const node of item.holders ?? []) length += node.length;
  for (const node of item.unable ?? []) length += node.length;
  for (const key in digests) length += 3 * key.length + digests[key]!.length;
  return length;
}
