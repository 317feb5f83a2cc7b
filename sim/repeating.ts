/**
 * Clients that ask for the same work again: they submit a pipeline that they submitted before, of which some modules are
 * cached, and have finished runs run once more.
 */
import type { ModuleSpec, RunSpec } from '../src/core/cell/types.ts';
import type { Cluster } from './cluster.ts';
import type { KnownRun, SimClient } from './history/sim-client.ts';
import type { Prng } from './prng.ts';

export interface RepeatMix {
  /** Probability that a module, if it may be, is cached. */
  readonly cacheRate: number;
  /** Probability that a submitted pipeline is one of the last ones. */
  readonly againRate: number;
  /** Mean ms between two reruns; 0 = never. */
  readonly rerunEveryMs: number;
  readonly failedOnlyRate: number;
}

/** Pipelines and runs that are asked for again are among the newest. */
const AMONG = 6;

/** Most seeds have none of it. */
export function drawRepeats(random: Prng): RepeatMix | undefined {
  if (random.chance(0.6)) return undefined;
  return { cacheRate: random.pick([0, 0.5, 1]), againRate: random.pick([0.2, 0.6]), rerunEveryMs: random.pick([0, 1000, 4000]), failedOnlyRate: random.pick([0, 0.5, 1]) };
}

export class Repeating {
  readonly #cluster: Cluster;
  readonly #mix: RepeatMix;
  readonly #random: Prng;
  readonly #recent: RunSpec[] = [];
  #stopped = false;
  reruns = 0;

  constructor(cluster: Cluster, mix: RepeatMix, random: Prng) {
    this.#cluster = cluster;
    this.#mix = mix;
    this.#random = random;
  }

  /** What is submitted in the place of this pipeline. */
  instead(drawn: RunSpec): RunSpec {
    if (this.#recent.length > 0 && this.#random.chance(this.#mix.againRate)) return this.#random.pick(this.#recent);
    const spec = { ...drawn, modules: drawn.modules.map((module) => this.#maybeCached(module)) };
    this.#recent.push(spec);
    if (this.#recent.length > AMONG) this.#recent.shift();
    return spec;
  }

  /** What a simulated module puts out depends on its name, so its name is a part of its work. */
  #maybeCached(module: ModuleSpec): ModuleSpec {
    return module.effectful || !this.#random.chance(this.#mix.cacheRate) ? module : { ...module, cache: true, env: { ...module.env, NAME: module.name } };
  }

  /** @param known runs that were answered, newest last; grows. @param again has a key for one more request. */
  start(clients: readonly SimClient[], known: KnownRun[], newKey: () => string): void {
    if (this.#mix.rerunEveryMs === 0) return;
    this.#cluster.kernel.after(this.#random.exponential(this.#mix.rerunEveryMs), undefined, () => {
      if (this.#stopped) return;
      const before = known.at(-this.#random.int(1, AMONG));
      if (before !== undefined) this.#rerun(this.#random.pick(clients), before, newKey(), known);
      this.start(clients, known, newKey);
    });
  }

  /** Asked twice under one key, at two nodes: one run, whoever answers. */
  #rerun(client: SimClient, before: KnownRun, key: string, known: KnownRun[]): void {
    const failedOnly = this.#random.chance(this.#mix.failedOnlyRate);
    for (const node of [this.#random.pick(this.#cluster.nodes), this.#random.pick(this.#cluster.nodes)]) {
      client.rerun(node, before, failedOnly, key, (_error, value) => {
        if (value === undefined) return;
        this.#cluster.checkers.requests.answered(key, value.runId);
        if (known.some(({ run }) => run === value.run)) return;
        known.push(value);
        this.reruns += 1;
      });
    }
  }

  stop(): void {
    this.#stopped = true;
  }
}
