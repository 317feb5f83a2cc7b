/** Sends committed claims to their nodes: first what the node must know of the run, then the claims of this turn in one message. */
import type { CellId, Fence, RunNumber } from '../core/lib/ids.ts';
import { inputsHashOf } from '../core/cell/inputs.ts';
import type { CellState, ModuleRecord } from '../core/cell/state.ts';
import { encodeSpec } from '../protocol/spec-codec.ts';
import type { AssignItem } from '../protocol/messages.ts';
import type { NodeContext } from './context.ts';
import type { SoftSession } from './leader-sessions.ts';

const SPEC_SLICE_BYTES = 1024 * 1024;
/** Claims in one message; inputs of one are at most some MB, so a message with bigger ones is cut earlier. */
const ITEMS_PER_MESSAGE_MAX = 256;
const INPUT_TEXT_PER_MESSAGE = 512 * 1024;

export class Assigner {
  readonly #context: NodeContext;
  readonly #cell: CellId;
  readonly #queues = new Map<SoftSession, AssignItem[]>();

  constructor(context: NodeContext, cell: CellId) {
    this.#context = context;
    this.#cell = cell;
  }

  assign(state: CellState, session: SoftSession, module: ModuleRecord, fence: Fence): void {
    const { run } = module;
    if (session.node !== this.#context.self && !session.specs.has(run.number) && !this.#sendSpec(session, run.number, module)) return;
    session.assigned.set(fence, this.#context.now());
    const needs = run.spec.modules[module.index]!.needs.map((need) => run.modules[need]?.outcome?.values ?? {});
    const item: AssignItem = {
      run: run.number,
      module: module.index,
      fence,
      generation: module.generation,
      attempt: module.attempt,
      inputsHash: inputsHashOf(state, run.number, module.index),
      needs,
    };
    if (this.#queues.size === 0) this.#context.defer(() => this.#flush());
    const queue = this.#queues.get(session);
    if (queue === undefined) this.#queues.set(session, [item]);
    else queue.push(item);
  }

  #sendSpec(session: SoftSession, run: RunNumber, module: ModuleRecord): boolean {
    const bytes = encodeSpec(module.run.spec);
    for (let offset = 0; offset < bytes.length; offset += SPEC_SLICE_BYTES) {
      const slice = bytes.subarray(offset, offset + SPEC_SLICE_BYTES);
      const sent = this.#context.sendWork(session.node, { type: 'runSpec', cell: this.#cell, run, runId: module.run.runId, offset, total: bytes.length, bytes: slice });
      if (!sent) return false; // the next keepalive finds the claim unassigned
    }
    session.specs.add(run);
    return true;
  }

  #flush(): void {
    for (const [session, items] of this.#queues) {
      let batch: AssignItem[] = [];
      let text = 0;
      const send = (): void => {
        if (batch.length > 0) this.#context.sendWork(session.node, { type: 'assign', cell: this.#cell, session: session.id, items: batch });
        batch = [];
        text = 0;
      };
      for (const item of items) {
        batch.push(item);
        for (const values of item.needs) for (const key in values) text += 64 + JSON.stringify(values[key]).length;
        if (batch.length >= ITEMS_PER_MESSAGE_MAX || text >= INPUT_TEXT_PER_MESSAGE) send();
      }
      send();
    }
    this.#queues.clear();
  }
}
