/** One run of one pipeline in a formed cluster, with the faults of a script and nothing else. */
import { isRunFinal, type RunRecord } from '../../src/core/cell/state.ts';
import type { RunSpec } from '../../src/core/cell/types.ts';
import type { RunId, RunNumber } from '../../src/core/lib/ids.ts';
import { uuidV7 } from '../../src/core/lib/uuid-v7.ts';
import type { SkeinError } from '../../src/errors.ts';
import { timingProfiles } from '../../src/options/timing.ts';
import { Cluster } from '../cluster.ts';
import { FORMATION_MS, isFormed } from '../formation.ts';
import { WALL_EPOCH_MS } from '../kernel.ts';
import { WIRED } from '../network-options.ts';
import { ScriptPlayer } from './perform.ts';
import type { ScriptLine } from './script.ts';

/** For nodes to settle before anything is asked of them. */
const SETTLE_MS = 2000;
/** After the end of the run, so that everybody has heard of it. */
const AFTER_MS = 1000;
/** A client asks another node after this long. */
const ANSWER_MS = 3000;
const AGAIN_MS = 200;

export interface OwnRunInit {
  readonly seed: string;
  readonly nodes: number;
  readonly slots: number;
  readonly spec: RunSpec;
  readonly script: readonly ScriptLine[];
  /** Virtual ms from the submission. */
  readonly limitMs: number;
  readonly mutants: readonly string[];
}

export class OwnRun {
  readonly cluster: Cluster;
  readonly #init: OwnRunInit;
  #accepted: { readonly runId: RunId; readonly run: RunNumber } | undefined;
  #player: ScriptPlayer | undefined;
  /** Virtual time of the submission. */
  originMs = 0;
  /** From the submission to the end of the run; undefined while it has not ended. */
  durationMs: number | undefined;

  constructor(init: OwnRunInit) {
    const { seed, nodes, slots, mutants } = init;
    this.#init = init;
    this.cluster = new Cluster({ seed, nodes, slots, network: WIRED, timing: timingProfiles.default, diskMeanMs: 0.2, ...(mutants.length === 0 ? {} : { mutants: new Set(mutants) }) });
  }

  get runId(): RunId | undefined {
    return this.#accepted?.runId;
  }

  /** Lines of the script that happened before the end. */
  get performed(): number {
    return this.#player?.performed ?? 0;
  }

  /** All nodes in one cell with its voters. */
  form(): void {
    const { cluster } = this;
    for (const node of cluster.nodes) cluster.bootNode(node);
    if (!cluster.runUntil(() => isFormed(cluster, cluster.nodes), FORMATION_MS, 50)) throw new Error(`the simulated nodes did not find each other within ${FORMATION_MS / 1000} s${cluster.violation === undefined ? '' : `: ${cluster.violation.message}`}`);
    cluster.run(SETTLE_MS);
    this.originMs = cluster.kernel.now;
  }

  /** Submits, plays the script, waits for the end. */
  play(): void {
    const { cluster } = this;
    this.#player = new ScriptPlayer(cluster, this.originMs);
    this.#player.schedule(this.#init.script);
    this.#submit(0);
    const ended = (): boolean => isOver(this.record());
    if (cluster.runUntil(ended, this.#init.limitMs)) {
      this.durationMs = cluster.kernel.now - this.originMs;
      cluster.run(AFTER_MS);
    }
    this.#player.stop();
  }

  /** As the replica sees it that has applied most. */
  record(): RunRecord | undefined {
    if (this.#accepted === undefined) return undefined;
    const { run, runId } = this.#accepted;
    let best: RunRecord | undefined;
    let applied = -1;
    for (const { replica } of this.cluster.nodes) {
      const record = replica?.state.runs.get(run);
      if (replica === undefined || record?.runId !== runId || replica.appliedIndex <= applied) continue;
      applied = replica.appliedIndex;
      best = record;
    }
    return best;
  }

  /** At one node after the other, with the same request key, until one says yes. */
  #submit(attempt: number): void {
    const { cluster } = this;
    const { kernel } = cluster;
    const node = cluster.nodes[attempt % cluster.nodes.length];
    const key = uuidV7(WALL_EPOCH_MS + this.originMs, new Uint8Array(16));
    let done = false;
    const again = (delayMs: number): void => {
      kernel.after(delayMs, undefined, () => {
        if (done || this.#accepted !== undefined) return;
        done = true;
        this.#submit(attempt + 1);
      });
    };
    if (node?.incarnation === undefined) return again(AGAIN_MS);
    cluster.line('you', `submit ${this.#init.spec.name} at ${node.name}${attempt === 0 ? '' : ' (same request key)'}`);
    const answer = (error: SkeinError | undefined, value?: { readonly runId: RunId; readonly run: RunNumber }): void => {
      if (this.#accepted !== undefined) return;
      if (value === undefined) {
        cluster.line('you', `are told: ${error?.message ?? 'nothing'}`);
        again(AGAIN_MS);
        return;
      }
      done = true;
      this.#accepted = value;
      cluster.line('you', `are told by ${node.name}: accepted`);
    };
    const { runtime, process } = node.incarnation;
    process.run(() => runtime.submit(this.#init.spec, key, answer));
    again(ANSWER_MS);
  }
}

function isOver(record: RunRecord | undefined): boolean {
  return record !== undefined && isRunFinal(record.phase);
}
