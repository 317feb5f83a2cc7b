/** Runs as benches submit them. */
import type { ModuleAction, ModuleSpec, RunSpec } from '../src/core/cell/types.ts';

/** `count` modules of one kind. `width` > 0: layers so wide, each module needing two of the layer before. */
export function spec(count: number, action: ModuleAction, width = 0, bundles: Readonly<Record<string, string>> = {}): RunSpec {
  const modules = Array.from({ length: count }, (_, index): ModuleSpec => {
    const above = index - width;
    const needs = width === 0 || above < 0 ? [] : width === 1 ? [above] : [above, above % width === width - 1 ? above - 1 : above + 1];
    return {
      name: `m${index}`,
      needs,
      action,
      env: {},
      requires: { cpu: 1, memory: 0, labels: [], tools: {}, os: [], arch: [] },
      timeoutMs: 0,
      retry: { attempts: 1, backoffMs: 5000, factor: 2, jitter: true, capMs: 300_000 },
      effectful: false,
      durationMs: 0,
    };
  });
  return { name: 'bench', params: {}, env: {}, modules, bundles };
}

export const noop: ModuleAction = { type: 'registered', function: 'noop' };
export const pause: ModuleAction = { type: 'registered', function: 'pause' };
