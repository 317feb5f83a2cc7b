/**
 * S24: what a recorded result left was on as many synced disks at commit as it had to be, and whoever the log names as a
 * holder had it. How many that are is computed here once more, from the specification as it was submitted. And no module
 * begins without its files and its code.
 */
import type { CellState } from '../../src/core/cell/state.ts';
import type { FilesRef, ModuleSpec, ResultItem, RunSpec } from '../../src/core/cell/types.ts';
import type { Cid, NodeId } from '../../src/core/lib/ids.ts';
import { decodeTree } from '../../src/protocol/tree-codec.ts';
import type { BlobShelf } from '../blob-store.ts';
import type { Ledger } from '../ledger.ts';
import type { Applied, Checker, NodeView, Report } from './checker.ts';

export class CopyChecker implements Checker {
  readonly #report: Report;
  readonly #nodeOf: (id: NodeId) => NodeView | undefined;
  /** By cell and run: a run that ends forgets it. */
  readonly #specs = new Map<string, RunSpec>();
  /** Results with files, and those that were sent back. */
  committed = 0;
  sentBack = 0;
  /** Nodes that results named as unable. */
  unable = 0;
  /** Modules that ran again. */
  invalidated = 0;

  constructor(report: Report, nodeOf: (id: NodeId) => NodeView | undefined, ledger?: Ledger) {
    this.#report = report;
    this.#nodeOf = nodeOf;
    if (ledger !== undefined) ledger.onLacking = ({ name, runId, node }, { cid, what }) => report('S24', `${name} of run ${runId} began on ${node} without ${what}, ${cid}`);
  }

  applied({ node, cell, command, reply, events, first }: Applied): void {
    const state = node.replica?.state;
    if (!first || state === undefined) return;
    for (const event of events) {
      const spec = event.type === 'runSubmitted' ? state.runs.get(event.run)?.spec : undefined;
      if (event.type === 'runSubmitted' && spec !== undefined) this.#specs.set(`${cell} ${event.run}`, spec);
      if (event.type === 'module' && command?.type === 'invalidate' && (event.phase === 'ready' || event.phase === 'waiting') && event.note.startsWith('runs again')) this.invalidated += 1;
    }
    if (command?.type === 'results' && reply?.type === 'results') {
      for (const [position, item] of command.items.entries()) {
        if (reply.verdicts[position] === 'needCopies') this.sentBack += 1;
        const spec = this.#specs.get(`${cell} ${item.run}`);
        if (reply.verdicts[position] === 'accepted' && item.outcome.ok && spec !== undefined) this.#committed(state, spec, item, state.runs.get(item.run)?.modules[item.module]?.template ?? item.module);
      }
    }
    if (command?.type === 'holders') {
      for (const { run, module, generation, node: holder, on } of command.items) {
        const record = state.runs.get(run)?.modules[module];
        if (on && record?.generation === generation && record.outcome?.files !== undefined) this.#holds(holder, Object.values(record.outcome.files), `module ${module} of run ${run}`);
      }
    }
    for (const event of events) if (event.type === 'runFinal') this.#specs.delete(`${cell} ${event.run}`);
  }

  #committed(state: CellState, spec: RunSpec, { run, module, outcome, holders = [], unable = [] }: ResultItem, template: number): void {
    const wanted = copiesOf(spec, template);
    if (wanted === 0 || outcome.files === undefined) return;
    this.committed += 1;
    this.unable += unable.length;
    const name = `module ${module} of run ${run}`;
    const present = [...new Set(holders)].filter((holder) => state.sessionOfNode.has(holder));
    const able = [...state.sessions.values()].filter(({ nodeId }) => present.includes(nodeId) || !unable.includes(nodeId)).length;
    if (present.length < Math.min(wanted, able)) this.#report('S24', `${name} was recorded with ${present.length} copies, though ${Math.min(wanted, able)} could have been had`);
    for (const holder of holders) this.#holds(holder, Object.values(outcome.files), name);
  }

  #holds(holder: NodeId, refs: readonly FilesRef[], name: string): void {
    const shelf = this.#nodeOf(holder)?.blobs;
    const lacking = shelf === undefined ? refs.map(({ cid }) => cid) : refs.flatMap((ref) => lackingOf(shelf, ref));
    if (lacking.length > 0) this.#report('S24', `${name}: ${holder} is named as a holder and does not have ${lacking[0]}`);
  }
}

/** What a fault took counts as there: nobody could know. */
function lackingOf(shelf: BlobShelf, { cid, kind }: FilesRef): Cid[] {
  if (shelf.taken.has(cid)) return [];
  const whole = shelf.whole.get(cid);
  if (whole === undefined || whole.loose === true) return [cid];
  const files = kind === 'tree' ? decodeTree(whole.bytes).map((file) => file.cid) : [];
  return files.filter((file) => !shelf.taken.has(file) && (!shelf.whole.has(file) || shelf.whole.get(file)?.loose === true));
}

/** Two of what nobody takes and of what touches the world outside, one of all else that leaves files. */
function copiesOf({ modules }: RunSpec, index: number): number {
  const { files, effectful } = modules[index]!;
  const outputs = files?.outputs ?? [];
  if (outputs.length === 0) return 0;
  const isInput = (other: ModuleSpec, name: string): boolean => other.files?.inputs.some((input) => !('param' in input) && input.module === index && input.output === name) === true;
  const isList = ({ foreach }: ModuleSpec, name: string): boolean => foreach?.source.type === 'files' && foreach.source.module === index && foreach.source.output === name;
  const isTaken = (name: string): boolean => modules.some((other) => isInput(other, name) || isList(other, name));
  return effectful || !outputs.every(({ name }) => isTaken(name)) ? 2 : 1;
}
