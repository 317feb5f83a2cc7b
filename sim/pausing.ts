/**
 * Clients that pause runs and the whole queue, and go on later: each at any node, again elsewhere until somebody answers. A
 * pause whose answer was lost may take effect long after its client resumed; so whoever sees that something stands still
 * resumes it once more, as people do.
 */
import type { CellState } from '../src/core/cell/state.ts';
import type { SkeinError } from '../src/errors.ts';
import type { NodeRuntime } from '../src/runtime/node-runtime.ts';
import type { Cluster } from './cluster.ts';
import type { KnownRun } from './history/sim-client.ts';
import type { PolicyMix } from './policies.ts';
import type { Prng } from './prng.ts';
import type { SimNode } from './sim-node.ts';

/** Undefined: the queue. */
type Target = KnownRun | undefined;

const RETRY_MS = 1000;
/** Who resumes what stands still does not do so again before. */
const RESUME_AGAIN_MS = 5000;
/** Runs that are paused are among the newest. */
const AMONG = 4;

export class Pausing {
  readonly #cluster: Cluster;
  readonly #mix: PolicyMix;
  readonly #random: Prng;
  readonly #known: readonly KnownRun[];
  #stopped = false;
  #resumedAt = -Infinity;
  /** Answered with yes. */
  pauses = 0;
  resumes = 0;

  /** @param known runs that were answered, newest last; grows. */
  constructor(cluster: Cluster, mix: PolicyMix, random: Prng, known: readonly KnownRun[]) {
    this.#cluster = cluster;
    this.#mix = mix;
    this.#random = random;
    this.#known = known;
  }

  start(): void {
    if (this.#mix.pauseEveryMs === 0) return;
    this.#after(this.#random.exponential(this.#mix.pauseEveryMs), () => {
      if (this.#stopped) return;
      const run = this.#random.chance(this.#mix.queueRate) ? undefined : this.#known.at(-this.#random.int(1, AMONG));
      if (run !== undefined || this.#mix.queueRate > 0) this.#pauseFor(run, this.#random.exponential(this.#mix.pauseMeanMs));
      this.start();
    });
  }

  /** No new pauses. */
  stop(): void {
    this.#stopped = true;
  }

  /** For whoever waits for the end of all work and looks at the state of the leader. */
  resumeAll(state: CellState, nodes: readonly SimNode[]): void {
    const { now } = this.#cluster.kernel;
    const runs = [...state.runs.values()].filter((run) => run.paused !== null && run.phase === 'paused');
    if ((state.queuePaused === null && runs.length === 0) || now < this.#resumedAt + RESUME_AGAIN_MS) return;
    this.#resumedAt = now;
    const node = this.#random.pick(nodes);
    if (state.queuePaused !== null) this.#ask(node, undefined, false, () => undefined);
    for (const { runId, number } of runs) this.#ask(node, { runId, run: number }, false, () => undefined);
  }

  #pauseFor(target: Target, ms: number): void {
    this.#ask(this.#random.pick(this.#cluster.nodes), target, true, (error) => {
      if (error === undefined) this.pauses += 1;
    });
    this.#after(ms, () => this.#resume(target));
  }

  /** Until it is answered, or nobody is there to want it any more. */
  #resume(target: Target): void {
    let done = false;
    this.#ask(this.#random.pick(this.#cluster.nodes), target, false, (error) => {
      if (error === undefined) this.resumes += 1;
      done ||= error === undefined || error.code === 'RUN_FINAL' || error.code === 'RUN_NOT_FOUND';
    });
    this.#after(RETRY_MS * this.#random.between(0.8, 1.2), () => {
      if (!done && !this.#stopped) this.#resume(target);
    });
  }

  #ask({ incarnation }: SimNode, target: Target, on: boolean, done: (error: SkeinError | undefined) => void): void {
    if (incarnation === undefined || (target !== undefined && !target.runId.endsWith(`-${incarnation.runtime.cell}`))) return;
    const ask = (runtime: NodeRuntime): void => {
      if (target === undefined) runtime.pauseQueue(on, 'a client wants it', done);
      else runtime.pauseRun(target.run, on, 'a client wants it', done);
    };
    incarnation.process.run(() => ask(incarnation.runtime));
  }

  #after(delayMs: number, callback: () => void): void {
    this.#cluster.kernel.after(delayMs, undefined, callback);
  }
}
