/** Tells the leader how far the modules are that this node executes: what has changed, once a second, and now and then all of it, since a word may be lost. */
import type { CellId, Fence, NodeId, SessionId } from '../../core/lib/ids.ts';
import type { Progress } from '../../ports/executor.ts';
import type { NodeContext } from '../context.ts';
import type { Routine } from '../routine.ts';
import type { WorkerHooks } from '../worker.ts';
import { PROGRESS_AGAIN_ROUNDS, PROGRESS_EVERY_MS, PROGRESS_ITEMS_MAX } from './limits.ts';

export interface TellerHooks {
  /** Session 0 or node '' = nobody can be told now. */
  leader(): { readonly cell: CellId | ''; readonly node: NodeId | ''; readonly session: SessionId };
}

export class ProgressTeller {
  readonly #context: NodeContext;
  readonly #hooks: TellerHooks;
  readonly #routine: Routine;
  #told = new Map<Fence, Progress>();
  #toldTo = '';
  #rounds = 0;

  constructor(context: NodeContext, hooks: TellerHooks) {
    this.#context = context;
    this.#hooks = hooks;
    this.#routine = context.routine(() => PROGRESS_EVERY_MS, () => this.#tell());
  }

  /** Executions that are begun through it are told of. */
  around(gate: WorkerHooks['inputs']): WorkerHooks['inputs'] {
    return {
      start: (...execution) => {
        this.#routine.wake();
        gate.start(...execution);
      },
      cancel: (...fence) => gate.cancel(...fence),
      fenced: () => gate.fenced(),
      fetching: () => gate.fetching(),
    };
  }

  #tell(): boolean {
    const { executor } = this.#context.ports;
    const running = executor.running();
    const { cell, node, session } = this.#hooks.leader();
    const to = `${cell} ${node} ${session}`;
    // Another leader knows nothing of what was said before.
    const told = to === this.#toldTo && ++this.#rounds % PROGRESS_AGAIN_ROUNDS !== 0 ? this.#told : new Map<Fence, Progress>();
    this.#toldTo = to;
    this.#told = new Map();
    const items: { fence: Fence; fraction: number | null; message: string }[] = [];
    for (const fence of running) {
      const now = executor.progress(fence);
      if (now === undefined) continue;
      const before = told.get(fence);
      if (before === now || items.length >= PROGRESS_ITEMS_MAX) {
        if (before !== undefined) this.#told.set(fence, before);
        continue;
      }
      this.#told.set(fence, now);
      items.push({ fence, ...now });
    }
    if (items.length > 0 && cell !== '' && node !== '' && session !== 0) this.#context.sendWork(node, { type: 'progress', cell, session, items });
    return running.length > 0;
  }
}
