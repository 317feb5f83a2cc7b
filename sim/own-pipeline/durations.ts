/** How long the modules of somebody's pipeline take in the simulator, which executes none of them. */
import type { ModuleSpec } from '../../src/core/cell/types.ts';
import { suggest } from '../../src/pipeline/suggest.ts';
import { DURATION_FORM, parseDuration } from '../../src/pipeline/units.ts';

export interface Durations {
  /** Of modules that are not named and declare none, ms. */
  readonly otherwiseMs: number;
  readonly byModule: ReadonlyMap<string, number>;
  /** Makes declared durations so many times as long. */
  readonly factor: number;
}

const OTHERWISE_MS = 1000;

/** @param texts `10s`, `name=10s,other=2m`, or `x10` (ten times as long as declared), each as often as wanted. @throws Error that quotes what does not fit. */
export function readDurations(texts: readonly string[]): Durations {
  let otherwiseMs = OTHERWISE_MS;
  let factor = 1;
  const byModule = new Map<string, number>();
  for (const part of texts.flatMap((text) => text.split(','))) {
    const times = /^x(\d+(?:\.\d+)?)$/.exec(part);
    if (times !== null) {
      factor = Number(times[1]);
      continue;
    }
    const equals = part.lastIndexOf('=');
    const durationMs = parseDuration(part.slice(equals + 1));
    if (durationMs === undefined || equals === 0) throw new Error(`--duration ${part}: expected ${DURATION_FORM}, name=DURATION, or x10 for ten times the declared ones`);
    if (equals < 0) otherwiseMs = durationMs;
    else byModule.set(part.slice(0, equals).trim(), durationMs);
  }
  return { otherwiseMs, byModule, factor };
}

/** @throws Error when a duration names a module that the pipeline does not have. */
export function checkDurations({ byModule }: Durations, modules: readonly ModuleSpec[]): void {
  const names = modules.map(({ name }) => name);
  for (const name of byModule.keys()) {
    if (names.includes(name)) continue;
    const near = suggest(name, names);
    throw new Error(`--duration ${name}=…: the pipeline has no module of this name${near === undefined ? `; it has ${names.slice(0, 10).join(', ')}` : `, did you mean ${near}?`}`);
  }
}

/** What was given for this module, what it declares, or the default, ms. */
export function durationOf({ byModule, otherwiseMs, factor }: Durations, { name, durationMs }: ModuleSpec): number {
  return byModule.get(name) ?? (durationMs > 0 ? Math.round(durationMs * factor) : otherwiseMs);
}
