/** Code of simulated functions that travels as a blob. What a function does stands in its name, so the bytes are anything. */
import type { FilesRef, ModuleSpec, RunSpec } from '../src/core/cell/types.ts';
import { broughtFiles } from '../src/core/cell/files.ts';
import { commandOf } from './behaviour.ts';
import { made, type Made } from './files.ts';
import type { Prng } from './prng.ts';
import type { SimNode } from './sim-node.ts';

const SIZES = [300, 3000, 40_000];

/** Few, so that several runs have the same one. */
const bundles: readonly Made[] = SIZES.map((size, at) => made(new TextEncoder().encode(`// bundle ${at}\n`.padEnd(size, '.'))));
const bytesOf = new Map(bundles.map(({ cid, bytes }) => [cid, bytes]));

/** Some modules of a run become functions of one bundle. */
export function withBundle(random: Prng, spec: RunSpec): RunSpec {
  const { cid, bytes } = random.pick(bundles);
  const blob: FilesRef = { kind: 'file', cid, name: 'steps.ts', size: bytes.byteLength, count: 1 };
  return { ...spec, modules: spec.modules.map((module) => (random.chance(0.6) ? functionOf(module, blob) : module)), bundles: { [cid]: blob } };
}

/** A module that does the same as a function of this bundle. */
function functionOf(module: ModuleSpec, { cid }: FilesRef): ModuleSpec {
  return module.action.type === 'run' ? { ...module, action: { type: 'bundle', bundle: cid, export: module.action.command, sourceName: './steps.ts' } } : module;
}

/** A pipeline of one function after the other. */
export function bundledRun(name: string, modules: readonly ModuleSpec[]): RunSpec {
  const { cid, bytes } = bundles[1]!;
  const blob: FilesRef = { kind: 'file', cid, name: 'steps.ts', size: bytes.byteLength, count: 1 };
  return { name, params: {}, env: {}, modules: modules.map((module) => functionOf(module, blob)), bundles: { [cid]: blob } };
}

/** How a simulated module behaves, whatever kind it is. */
export function behaviourText({ action }: ModuleSpec): string {
  if (action.type === 'run') return action.command;
  return action.type === 'bundle' ? action.export : commandOf({ kind: 'fail', durationMs: 0 });
}

/**
 * As a client does before it submits: it puts on the node what comes with the run, unless that is there.
 * @returns false when the node is down or has no room.
 */
export function bring(node: SimNode, spec: RunSpec): boolean {
  for (const { cid } of broughtFiles(spec)) if (!put(node, cid)) return false;
  return true;
}

/** Whoever has submitted something puts it again: for a cluster that has lost all copies and is to finish its work. */
export function bringAgain(node: SimNode): void {
  for (const { cid } of bundles) put(node, cid);
}

function put(node: SimNode, cid: Made['cid']): boolean {
  const { blobs, incarnation } = node;
  const bytes = bytesOf.get(cid);
  if (incarnation === undefined) return false;
  if (bytes === undefined || (blobs.whole.has(cid) && blobs.whole.get(cid)?.loose !== true)) return true;
  if (blobs.bytes + bytes.byteLength > blobs.bytesMax) return false;
  blobs.put(cid, bytes);
  incarnation.process.run(() => incarnation.runtime.blobs.added(cid, bytes.byteLength));
  return true;
}
