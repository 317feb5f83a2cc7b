/**
 * Results whose files need more copies than the one that the module left: they are sent when another node has one, too
 * (PROTOCOL §6). Which node that is follows from the run and the module. One that has no room or does not answer is
 * followed by the next; when none of them is left that could, the result says so, and what there is counts.
 */
import { HOLDERS_MAX, UNABLE_MAX } from '../../core/cell/limits.ts';
import type { ResultItem, RunningClaim } from '../../core/cell/types.ts';
import type { Fence, NodeId } from '../../core/lib/ids.ts';
import type { NodeContext } from '../context.ts';
import type { CopyRequests } from './copy-requests.ts';
import { COMMIT_AGAIN_MS, COPY_WAIT_MS } from './limits.ts';
import { rankedNodes } from './ranked-nodes.ts';

interface Waiting {
  readonly item: ResultItem;
  /** Holders to have before it is sent; what the reducer asks beyond that is one more. */
  wanted: number;
  readonly holders: Set<NodeId>;
  readonly unable: Set<NodeId>;
  /** Did not answer, and when the first of them was given up. */
  readonly silent: Set<NodeId>;
  /** Named by the leader. */
  nodes: readonly NodeId[];
  readonly since: number;
  sent: boolean;
  giveUp: (() => void) | undefined;
}

export interface CommittingHooks {
  readonly requests: Pick<CopyRequests, 'ask'>;
  /** Nodes that seem to be of the same cell. */
  others(): readonly NodeId[];
  /** It has what it needs, as far as is known here. */
  send(item: ResultItem): void;
}

export class Committing {
  readonly #context: NodeContext;
  readonly #hooks: CommittingHooks;
  readonly #waiting = new Map<Fence, Waiting>();

  constructor(context: NodeContext, hooks: CommittingHooks) {
    this.#context = context;
    this.#hooks = hooks;
  }

  get empty(): boolean {
    return this.#waiting.size === 0;
  }

  has(fence: Fence): boolean {
    return this.#waiting.get(fence)?.sent === false;
  }

  items(): ResultItem[] {
    return Array.from(this.#waiting.values(), ({ item }) => item);
  }

  /** Those that are not on their way. */
  claims(): RunningClaim[] {
    return [...this.#waiting.values()].flatMap(({ item: { run, module, fence }, sent }) => (sent ? [] : [{ run, module, fence }]));
  }

  /** Also those that are on their way: the leader may send them back. */
  fences(): Fence[] {
    return [...this.#waiting.keys()];
  }

  /** @param copies that its files need, this node's own among them. */
  add(item: ResultItem, copies: number): void {
    const waiting: Waiting = { item, wanted: copies, holders: new Set([this.#context.self]), unable: new Set(), silent: new Set(), nodes: [], since: this.#context.now(), sent: false, giveUp: undefined };
    this.#waiting.set(item.fence, waiting);
    this.#step(waiting);
  }

  /** The reducer wants more of them. @param nodes that could have one. */
  again(fence: Fence, nodes: readonly NodeId[]): void {
    const waiting = this.#waiting.get(fence);
    if (waiting === undefined) return;
    Object.assign(waiting, { sent: false, nodes, wanted: waiting.holders.size + 1 });
    // Its own session may have to be opened first, or one of theirs: not in the same breath.
    if (this.#next(waiting) !== undefined) return this.#step(waiting);
    this.#context.after(COMMIT_AGAIN_MS, () => this.#lives(waiting) && this.#step(waiting));
  }

  /** Recorded or refused, or nobody wants it. @returns whether it was here. */
  drop(fence: Fence): boolean {
    const waiting = this.#waiting.get(fence);
    waiting?.giveUp?.();
    return this.#waiting.delete(fence);
  }

  clear(): void {
    for (const fence of this.#waiting.keys()) this.drop(fence);
  }

  #lives(waiting: Waiting): boolean {
    return this.#waiting.get(waiting.item.fence) === waiting && !waiting.sent;
  }

  #next({ item, holders, unable, silent, nodes }: Waiting): NodeId | undefined {
    const others = new Set([...this.#hooks.others(), ...nodes]);
    return rankedNodes([...others].filter((node) => !holders.has(node) && !unable.has(node) && !silent.has(node)), item.run, item.module)[0];
  }

  #step(waiting: Waiting): void {
    // So many that could not are proof enough, and a result names no more.
    if (waiting.holders.size >= waiting.wanted || waiting.unable.size >= UNABLE_MAX) return this.#send(waiting);
    const node = this.#next(waiting);
    if (node === undefined) return this.#nobody(waiting);
    const refs = Object.values(waiting.item.outcome.files ?? {});
    waiting.giveUp = this.#hooks.requests.ask({
      node,
      refs,
      holders: namedOf(waiting),
      check: false,
      urgent: true,
      done: (end) => {
        if (!this.#lives(waiting)) return;
        if (end === 'whole') waiting.holders.add(node);
        else if (end === 'full') waiting.unable.add(node);
        else waiting.silent.add(node);
        if (end === 'missing') this.#checkOwn(waiting);
        else this.#step(waiting);
      },
    });
  }

  /** Somebody did not get it here: perhaps it is here no more. */
  #checkOwn(waiting: Waiting): void {
    const { item } = waiting;
    waiting.giveUp = this.#hooks.requests.ask({
      node: this.#context.self,
      refs: Object.values(item.outcome.files ?? {}),
      holders: [],
      check: true,
      urgent: true,
      done: (end) => {
        if (!this.#lives(waiting)) return;
        if (end === 'whole' || end === 'silent') return this.#step(waiting);
        waiting.sent = true;
        const error = { code: 'OUTPUT_LOST', message: 'files that it left were lost on this node before another one had them' };
        const { startedAt, durationMs, tail } = item.outcome;
        this.#hooks.send({ ...item, outcome: { ok: false, values: {}, error, exitCode: null, tail, startedAt, durationMs } });
      },
    });
  }

  /**
   * Those that did not answer are asked again for a while; after that they count as those that cannot. The leader is heard
   * in between: whoever is gone loses its session, and from then on its copy is not wanted. It names whom it wants now.
   */
  #nobody(waiting: Waiting): void {
    const { silent } = waiting;
    if (silent.size === 0) return this.#send(waiting);
    if (this.#context.now() - waiting.since >= COPY_WAIT_MS) {
      for (const node of silent) waiting.unable.add(node);
      silent.clear();
      this.#context.note('warn', 'copy-not-made', `${waiting.unable.size} nodes could not keep a copy of what module ${waiting.item.module} of run ${waiting.item.run} left`);
      return this.#send(waiting);
    }
    this.#context.after(COMMIT_AGAIN_MS, () => {
      if (!this.#lives(waiting)) return;
      if (this.#next(waiting) !== undefined) return this.#step(waiting);
      silent.clear();
      this.#send(waiting);
    });
  }

  #send(waiting: Waiting): void {
    waiting.sent = true;
    const { item, unable } = waiting;
    this.#hooks.send({ ...item, holders: namedOf(waiting), ...(unable.size > 0 ? { unable: [...unable].slice(0, UNABLE_MAX) } : {}) });
  }
}

/** Its own node, and those that came last: of the others some have gone since. */
function namedOf({ holders }: Waiting): NodeId[] {
  const [own, ...others] = holders;
  return [own!, ...others.slice(-(HOLDERS_MAX - 1))];
}
