/** Files of simulated modules: what one leaves is a function of its name and of its output, so that a wrong byte shows. */
import { createHash } from 'node:crypto';
import type { FilesRef, ModuleSpec } from '../src/core/cell/types.ts';
import { Hasher } from '../src/core/lib/hash.ts';
import type { Cid } from '../src/core/lib/ids.ts';
import type { Execution } from '../src/ports/executor.ts';
import { cidOf } from '../src/protocol/cid.ts';
import { BLOB_CHUNK_BYTES } from '../src/protocol/limits.ts';
import { encodeTree } from '../src/protocol/tree-codec.ts';
import { ownName } from './behaviour.ts';
import type { BlobShelf } from './blob-store.ts';

const FILE_BYTES_MAX = 3000;

/** An output whose name begins so is one file of LARGE_BYTES: for stories in which it matters how long files take. */
export const LARGE_OUTPUT = 'large';
export const LARGE_BYTES = BLOB_CHUNK_BYTES;

/** One of several is a list of files. */
const TREE_EVERY = 3;

export interface Made {
  readonly cid: Cid;
  readonly bytes: Uint8Array;
}

export function made(bytes: Uint8Array): Made {
  return { cid: cidOf('raw', createHash('sha256').update(bytes).digest()), bytes };
}

function fileOf(module: string, output: string, part: number, sum: number): Made {
  const text = `${module} ${output} ${part} ${sum}\n`;
  if (output.startsWith(LARGE_OUTPUT)) return made(new TextEncoder().encode(text.padEnd(LARGE_BYTES, '.')));
  const size = new Hasher().text(module).text(output).word(part).digest()[0] % FILE_BYTES_MAX;
  return made(new TextEncoder().encode(text.repeat(1 + Math.floor(size / text.length))));
}

function partsOf(module: string, output: string, sum: number): { readonly isTree: boolean; readonly parts: readonly Made[] } {
  const isTree = !output.startsWith(LARGE_OUTPUT) && new Hasher().text(module).text(output).digest()[0] % TREE_EVERY === 0;
  return { isTree, parts: [0, 1].slice(0, isTree ? 2 : 1).map((part) => fileOf(module, output, part, sum)) };
}

/** The files of an output of a module that put out this sum, in their order. */
export function cidsOf(module: string, output: string, sum: number): Cid[] {
  return partsOf(module, output, sum).parts.map(({ cid }) => cid);
}

/**
 * Puts what the module left on the disk of its machine.
 * @param sum its output value. @param at wall ms.
 * @returns undefined when there is no room for it.
 */
export function leaveFiles(shelf: BlobShelf, { name, files }: ModuleSpec, sum: number, at: number, added: (cid: Cid, size: number) => void): Record<string, FilesRef> | undefined {
  const refs: Record<string, FilesRef> = {};
  const keep = (one: Made): boolean => {
    if (!shelf.whole.has(one.cid) && shelf.bytes + one.bytes.byteLength > shelf.bytesMax) return false;
    shelf.put(one.cid, one.bytes, undefined, at);
    added(one.cid, one.bytes.byteLength);
    return true;
  };
  for (const output of files?.outputs ?? []) {
    const { isTree, parts } = partsOf(ownName(name), output.name, sum);
    if (!parts.every(keep)) return undefined;
    const size = parts.reduce((bytes, part) => bytes + part.bytes.byteLength, 0);
    if (isTree) {
      const tree = made(encodeTree(parts.map((part, at) => ({ path: `part-${at}`, cid: part.cid, size: part.bytes.byteLength, executable: false }))));
      if (!keep(tree)) return undefined;
      refs[output.name] = { kind: 'tree', cid: tree.cid, name: '', size, count: parts.length };
    } else refs[output.name] = { kind: 'file', cid: parts[0]!.cid, name: output.name, size, count: 1 };
  }
  return refs;
}

/** What a module lacks when it begins. */
export interface Lacking {
  readonly cid: Cid;
  readonly what: string;
}

/** @returns the first of its files, or its code, that is not on the disk; undefined when all of it is. */
export function lackingOf(shelf: BlobShelf, { inputs, item, spec: { action }, bundle }: Execution): Lacking | undefined {
  const code = action.type === 'bundle' ? bundle(action.bundle) : undefined;
  const needed: Lacking[] = inputs.flatMap(({ variable, files }) => files.map(({ cid }) => ({ cid, what: `input ${variable}` })));
  if (item !== undefined && item.file !== null) needed.push({ cid: item.file.cid, what: 'the file of the item' });
  if (typeof code === 'object') needed.push({ cid: code.cid, what: 'its bundle' });
  return needed.find(({ cid }) => !shelf.whole.has(cid));
}
