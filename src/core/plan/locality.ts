/** How much of a module's inputs a node would have to fetch: the files that it needs and is not known to have. */
import { specOf } from '../cell/accessors.ts';
import { filesOf, filesOfParam } from '../cell/files.ts';
import { listedFile, producersOf } from '../cell/foreach.ts';
import type { ModuleRecord } from '../cell/state.ts';
import type { FilesRef, ResultItem } from '../cell/types.ts';
import type { Cid, NodeId } from '../lib/ids.ts';
import { own } from '../lib/own.ts';
import { FETCHED_BYTES_MIN, FETCHED_FILES_MAX, FETCHED_NODES_MAX } from './limits.ts';

/** Bytes by node; a node that is not in it has none of them. */
export interface InputPlaces {
  readonly totalBytes: number;
  readonly here: ReadonlyMap<NodeId, number>;
  /** When the last of those is there that a node fetches already, wall ms; they count as its own. */
  readonly thereAt: ReadonlyMap<NodeId, number>;
}

const nowhere: InputPlaces = { totalBytes: 0, here: new Map(), thereAt: new Map() };

/** What is on its way into the log, by the module that it is of. */
export type Arriving = ReadonlyMap<ModuleRecord, Pick<ResultItem, 'outcome' | 'holders'>>;

interface Input {
  readonly files: FilesRef;
  /** That the log names: of what came with the run it names none. */
  readonly holders: readonly NodeId[];
}

/** Without the one file that an item of a list takes. */
function* inputsOf(module: ModuleRecord, arriving: Arriving | undefined): Generator<Input> {
  const { run } = module;
  for (const input of filesOf(specOf(module)).inputs) {
    if ('param' in input) {
      const files = filesOfParam(run.spec.params, input.param);
      if (files !== undefined) yield { files, holders: [] };
      continue;
    }
    for (const source of producersOf(run, input.module)) {
      const { outcome, holders = [] } = arriving?.get(source) ?? source;
      const files = own(outcome?.files, input.output);
      if (files !== undefined) yield { files, holders };
    }
  }
}

/** @param fetched what nodes have without being holders. */
export function inputPlaces(module: ModuleRecord, arriving?: Arriving, fetched?: FetchedFiles): InputPlaces {
  const file = module.item === -1 ? undefined : listedFile(module);
  if (filesOf(specOf(module)).inputs.length === 0 && file === undefined) return nowhere;
  const here = new Map<NodeId, number>();
  const thereAt = new Map<NodeId, number>();
  let totalBytes = 0;
  const add = (size: number, nodes: Iterable<NodeId>): void => {
    totalBytes += size;
    for (const node of nodes) here.set(node, (here.get(node) ?? 0) + size);
  };
  for (const { files, holders } of inputsOf(module, arriving)) {
    add(files.size, holders);
    for (const [node, at] of fetched?.nodesOf(files.cid) ?? []) {
      if (holders.includes(node)) continue;
      here.set(node, (here.get(node) ?? 0) + files.size);
      thereAt.set(node, Math.max(at, thereAt.get(node) ?? 0));
    }
  }
  // How large one file of a list is, the log does not know.
  if (file !== undefined) add(file.files.size / Math.max(1, file.files.count), file.holders);
  return { totalBytes, here, thereAt };
}

export function missingBytes({ totalBytes, here }: Pick<InputPlaces, 'totalBytes' | 'here'>, node: NodeId): number {
  return totalBytes - (here.get(node) ?? 0);
}

/** Until the inputs are on this node: what it fetches already, and after that what it lacks. */
export function moveTimeMs(places: InputPlaces, node: NodeId, bytesPerSecond: number, now: number): number {
  return Math.max(0, (places.thereAt.get(node) ?? 0) - now) + (missingBytes(places, node) / bytesPerSecond) * 1000;
}

/**
 * Nodes that were given a module with large inputs, and so have these. The log does not say it, since nobody counts on
 * them: they may throw them away, and then a module is sent where it has to fetch after all.
 */
export class FetchedFiles {
  /** By file and node: when it is there, wall ms. */
  private readonly nodes = new Map<Cid, Map<NodeId, number>>();

  clear(): void {
    this.nodes.clear();
  }

  nodesOf(cid: Cid): ReadonlyMap<NodeId, number> | undefined {
    return this.nodes.get(cid);
  }

  /** @param node executes the module. @param thereAt when it has its inputs, wall ms. */
  add(module: ModuleRecord, node: NodeId, thereAt: number, arriving?: Arriving): void {
    if (filesOf(specOf(module)).inputs.length === 0) return;
    for (const { files, holders } of inputsOf(module, arriving)) {
      if (files.size < FETCHED_BYTES_MIN || holders.includes(node)) continue;
      let nodes = this.nodes.get(files.cid);
      if (nodes === undefined) {
        if (this.nodes.size >= FETCHED_FILES_MAX) this.nodes.delete(this.nodes.keys().next().value as Cid);
        this.nodes.set(files.cid, (nodes = new Map()));
      }
      if (nodes.size < FETCHED_NODES_MAX && !nodes.has(node)) nodes.set(node, thereAt);
    }
  }
}
