/** Sends committed claims to their nodes: first what the node must know of the run, then the claims of this turn in one message. */
import type { CellId, Fence, NodeId, RunNumber } from '../core/lib/ids.ts';
import { checkpointFor } from '../core/cell/checkpoints.ts';
import { presentHolders } from '../core/cell/copies.ts';
import { specOf } from '../core/cell/accessors.ts';
import { filesOf, filesOfParam } from '../core/cell/files.ts';
import { filesOfNeed, itemSource, listedFile, producersOf, valuesForItem, valuesOfNeed } from '../core/cell/foreach.ts';
import { HOLDERS_MAX } from '../core/cell/limits.ts';
import { inputsHashOf } from '../core/cell/inputs.ts';
import type { CellState, ModuleRecord } from '../core/cell/state.ts';
import type { FilesRef, Outcome, RunSpec } from '../core/cell/types.ts';
import { jsonText, utf8Length } from '../core/lib/json-text.ts';
import { encodeSpec } from '../protocol/spec-codec.ts';
import type { AssignItem } from '../protocol/messages.ts';
import type { NodeContext } from './context.ts';
import type { SoftSession } from './leader-sessions.ts';

const SPEC_SLICE_BYTES = 1024 * 1024;
/** Claims in one message, and inputs together unless there is a larger one. */
const ITEMS_PER_MESSAGE_MAX = 256;
const INPUT_BYTES_PER_MESSAGE = 512 * 1024;
/** Inputs of one claim, as JSON text in UTF-8: with all else it must fit into one message. */
const INPUT_BYTES_MAX = 3 * 1024 * 1024;

/** Files of one output: the name of a blob, a name of its own, numbers. */
const REF_BYTES = 300;

interface Assignment {
  readonly item: AssignItem;
  readonly inputBytes: number;
}

export interface AssignerInit {
  readonly context: NodeContext;
  readonly cell: CellId;
  /** No node can be sent this claim: it has to fail. */
  refused(item: AssignItem, reason: string): void;
}

export class Assigner {
  readonly #context: NodeContext;
  readonly #cell: CellId;
  readonly #init: AssignerInit;
  readonly #queues = new Map<SoftSession, Assignment[]>();
  /** The specification that was sent last: all workers get it at about the same time. */
  #encoded: { readonly spec: RunSpec; readonly bytes: Uint8Array } | undefined;

  constructor(init: AssignerInit) {
    this.#init = init;
    this.#context = init.context;
    this.#cell = init.cell;
  }

  assign(state: CellState, session: SoftSession, module: ModuleRecord, fence: Fence): void {
    const { run } = module;
    if (session.node !== this.#context.self && !session.specs.has(run.number) && !this.#sendSpec(session, run.number, module)) return;
    session.assigned.set(fence, this.#context.now());
    const needs = specOf(module).needs.map((need) => (module.item === -1 ? valuesOfNeed(run, need) : valuesForItem(module, need)));
    const inputs = inputsOf(module);
    const item: AssignItem = {
      run: run.number,
      module: module.index,
      fence,
      generation: module.generation,
      attempt: module.attempt,
      inputsHash: inputsHashOf(state, run.number, module.index),
      needs,
      inputs,
      inputHolders: holdersOf(state, module),
      checkpoint: checkpointFor(state, module),
      item: module.item === -1 ? null : { template: module.template, number: module.item, source: itemSource(module) },
    };
    const inputBytes = needs.reduce((sum, values) => sum + bytesOf(values), 0) + inputs.flat().length * REF_BYTES;
    if (inputBytes > INPUT_BYTES_MAX) {
      this.#init.refused(item, `what its needs left takes ${inputBytes} bytes together to tell of, at most ${INPUT_BYTES_MAX} can be handed to one module`);
      return;
    }
    if (this.#queues.size === 0) this.#context.defer(() => this.#flush());
    const queue = this.#queues.get(session);
    if (queue === undefined) this.#queues.set(session, [{ item, inputBytes }]);
    else queue.push({ item, inputBytes });
  }

  #sendSpec(session: SoftSession, run: RunNumber, module: ModuleRecord): boolean {
    const { spec } = module.run;
    if (this.#encoded?.spec !== spec) this.#encoded = { spec, bytes: encodeSpec(spec) };
    const { bytes } = this.#encoded;
    for (let offset = 0; offset < bytes.length; offset += SPEC_SLICE_BYTES) {
      const slice = bytes.subarray(offset, offset + SPEC_SLICE_BYTES);
      const sent = this.#context.sendWork(session.node, { type: 'runSpec', cell: this.#cell, run, runId: module.run.runId, offset, total: bytes.length, bytes: slice });
      if (!sent) return false; // the next keepalive finds the claim unassigned
    }
    session.specs.add(run);
    return true;
  }

  #flush(): void {
    for (const [session, assignments] of this.#queues) {
      let items: AssignItem[] = [];
      let bytes = 0;
      const send = (): void => {
        if (items.length > 0) this.#context.sendWork(session.node, { type: 'assign', cell: this.#cell, session: session.id, items });
        items = [];
        bytes = 0;
      };
      for (const { item, inputBytes } of assignments) {
        if (items.length >= ITEMS_PER_MESSAGE_MAX || bytes + inputBytes > INPUT_BYTES_PER_MESSAGE) send();
        items.push(item);
        bytes += inputBytes;
      }
      send();
    }
    this.#queues.clear();
  }
}

/** The needs have succeeded, so their outputs are recorded; what came with the run was checked with it. */
function inputsOf(module: ModuleRecord): FilesRef[][] {
  const { run } = module;
  return filesOf(specOf(module)).inputs.map((input) => ('param' in input ? [filesOfParam(run.spec.params, input.param) ?? []].flat() : filesOfNeed(run, input.module, input.output)));
}

function holdersOf(state: CellState, module: ModuleRecord): (readonly NodeId[])[] {
  const holders = filesOf(specOf(module)).inputs.map((source) => {
    const all = 'param' in source ? [] : producersOf(module.run, source.module).flatMap((producer) => presentHolders(state, producer));
    return [...new Set(all)].slice(0, HOLDERS_MAX);
  });
  // Of one file among those of 10,000 modules it matters who has that one.
  return module.item === -1 ? holders : [...holders, presentHolders(state, { holders: listedFile(module)?.holders ?? [] })];
}

/** Lists with what many items gave are handed to many modules: each is counted once. */
const sizes = new WeakMap<Outcome['values'], number>();

function bytesOf(values: Outcome['values']): number {
  const known = sizes.get(values);
  if (known !== undefined) return known;
  let bytes = 0;
  for (const key in values) bytes += utf8Length(key) + utf8Length(jsonText(values[key]!));
  sizes.set(values, bytes);
  return bytes;
}
