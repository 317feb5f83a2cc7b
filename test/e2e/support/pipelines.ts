/** Pipelines whose modules keep the ledger. */
import type { RunSpec } from '../../../src/core/cell/types.ts';
import { compileRun } from '../../../src/pipeline/compile.ts';
import { loadPipeline } from '../../../src/pipeline/load.ts';
import { NOTE } from './ledger.ts';

interface ModuleText {
  readonly run: string;
  readonly needs?: readonly string[];
  readonly effectful?: boolean;
  readonly timeout?: string;
  readonly requires?: { readonly labels: readonly string[] };
  readonly mutex?: string | readonly string[];
  readonly duration?: string;
  readonly hedge?: boolean;
}

export interface Work {
  readonly ledger: string;
  readonly name?: string;
  readonly modules: Readonly<Record<string, ModuleText>>;
}

export async function specOf({ ledger, name = 'e2e', modules }: Work): Promise<RunSpec> {
  const text = JSON.stringify({ name, env: { LEDGER: ledger }, modules });
  return compileRun(await loadPipeline({ text, directory: process.cwd() }), {});
}

/** A module that works for so long. */
export function working(seconds: number): string {
  return `${NOTE}; note begin; sleep ${seconds}; note end`;
}

/** One that gives a sign of life every 20 ms, to tell when it really stopped. */
export function ticking(seconds: number): string {
  return `${NOTE}; note begin; for i in $(seq ${Math.round(seconds * 50)}); do sleep 0.02; note tick; done; note end`;
}

/** One that works until the file is there. */
export function waitingFor(file: string): string {
  return `${NOTE}; note begin; until [ -e '${file}' ]; do sleep 0.02; done; note end`;
}

/** Layers in which each module needs two of the layer before. */
export function layers(ledger: string, width: number, depth: number, seconds: number): Work {
  const modules: Record<string, ModuleText> = {};
  for (let layer = 0; layer < depth; layer += 1) {
    for (let place = 0; place < width; place += 1) {
      const needs = layer === 0 ? [] : [...new Set([`m${layer - 1}.${place}`, `m${layer - 1}.${(place + 1) % width}`])];
      modules[`m${layer}.${place}`] = { run: working(seconds), needs };
    }
  }
  return { ledger, modules };
}
