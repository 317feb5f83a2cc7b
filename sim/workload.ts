/**
 * Clients outside the cluster: they submit random pipelines at random nodes, try again elsewhere under the same request
 * key when no answer comes, and cancel some of their runs.
 */
import type { RunSpec } from '../src/core/cell/types.ts';
import type { RunId, RunNumber } from '../src/core/lib/ids.ts';
import type { SkeinError } from '../src/errors.ts';
import type { Cluster } from './cluster.ts';
import { WALL_EPOCH_MS } from './kernel.ts';
import { drawPipeline, type PipelineMix } from './pipelines.ts';
import type { Prng } from './prng.ts';
import type { SimNode } from './sim-node.ts';

export interface WorkloadMix {
  /** Mean ms between two new runs, of all clients together. */
  readonly submitEveryMs: number;
  readonly cancelRate: number;
  /** A client asks another node after this long without an answer. */
  readonly answerTimeoutMs: number;
  /** Runs submitted in all. */
  readonly runsMax: number;
  readonly pipelines: PipelineMix;
}

/** Requests under way; a client waits before it makes another one. */
const OPEN_MAX = 50;

interface Request {
  readonly key: string;
  readonly spec: RunSpec;
  attempt: number;
  answered: boolean;
}

export class Workload {
  readonly #cluster: Cluster;
  readonly #mix: WorkloadMix;
  readonly #random: Prng;
  readonly #open = new Set<Request>();
  #stopped = false;
  submitted = 0;
  answered = 0;
  retries = 0;
  cancels = 0;
  /** Answers with a final refusal, by code. */
  readonly refused = new Map<string, number>();

  constructor(cluster: Cluster, mix: WorkloadMix, random: Prng) {
    this.#cluster = cluster;
    this.#mix = mix;
    this.#random = random;
  }

  get open(): number {
    return this.#open.size;
  }

  start(): void {
    this.#next();
  }

  /** One small run, submitted at this node and nowhere else. @returns whether it was answered, to be asked later. */
  probe(node: SimNode): () => boolean {
    const { kernel, checkers } = this.#cluster;
    const key = requestKey(WALL_EPOCH_MS + kernel.now, this.#random);
    const spec = drawPipeline(this.#random, { ...this.#mix.pipelines, modulesMax: 1, hangRate: 0, durationMeanMs: 20 }, 'probe');
    let answered = false;
    node.incarnation?.process.run(() =>
      node.runtime?.submit(spec, key, (_error, value) => {
        if (value === undefined) return;
        answered = true;
        checkers.requests.answered(key, value.runId);
      }),
    );
    return () => answered;
  }

  /** No new runs; requests under way are still tried again until they are answered. */
  stop(): void {
    this.#stopped = true;
  }

  #next(): void {
    this.#cluster.kernel.after(this.#random.exponential(this.#mix.submitEveryMs), undefined, () => {
      if (this.#stopped || this.submitted >= this.#mix.runsMax) return;
      if (this.#open.size < OPEN_MAX) this.#submit();
      this.#next();
    });
  }

  #submit(): void {
    this.submitted += 1;
    const spec = drawPipeline(this.#random, this.#mix.pipelines, `pipeline-${this.#random.int(1, 5)}`);
    const key = requestKey(WALL_EPOCH_MS + this.#cluster.kernel.now, this.#random);
    const request: Request = { key, spec, attempt: 0, answered: false };
    this.#open.add(request);
    this.#attempt(request);
  }

  #attempt(request: Request): void {
    const attempt = (request.attempt += 1);
    if (attempt > 1) this.retries += 1;
    const { runtime, incarnation } = this.#random.pick(this.#cluster.nodes);
    const again = (delayMs: number): void => {
      this.#cluster.kernel.after(delayMs, undefined, () => {
        if (!request.answered && request.attempt === attempt) this.#attempt(request);
      });
    };
    if (runtime === undefined || incarnation === undefined) {
      again(200);
      return;
    }
    const answer = (error: SkeinError | undefined, value?: { readonly runId: RunId; readonly run: RunNumber }): void => {
      if (request.answered) return;
      if (value !== undefined) this.#answered(request, value);
      else if (error !== undefined && isFinalRefusal(error)) this.#refused(request, error);
      else again(200);
    };
    incarnation.process.run(() => runtime.submit(request.spec, request.key, answer));
    again(this.#mix.answerTimeoutMs * this.#random.between(0.8, 1.2));
  }

  #answered(request: Request, { runId, run }: { readonly runId: RunId; readonly run: RunNumber }): void {
    this.#close(request);
    this.answered += 1;
    this.#cluster.checkers.requests.answered(request.key, runId);
    if (!this.#random.chance(this.#mix.cancelRate)) return;
    this.#cluster.kernel.after(this.#random.exponential(1000), undefined, () => this.#cancel(run));
  }

  #refused(request: Request, error: SkeinError): void {
    this.#close(request);
    this.refused.set(error.code, (this.refused.get(error.code) ?? 0) + 1);
  }

  #close(request: Request): void {
    request.answered = true;
    this.#open.delete(request);
  }

  /** Once, at one node: a cancel whose outcome is unknown is nobody's promise. */
  #cancel(run: RunNumber): void {
    const { runtime, incarnation } = this.#random.pick(this.#cluster.nodes);
    if (runtime === undefined || incarnation === undefined) return;
    this.cancels += 1;
    incarnation.process.run(() => runtime.cancelRun(run, 'the client changed its mind', () => {}));
  }
}

/** Trying again would give the same answer. */
function isFinalRefusal(error: SkeinError): boolean {
  return error.code !== 'NO_LEADER' && error.code !== 'NO_QUORUM' && error.code !== 'API_UNREACHABLE';
}

/** UUIDv7: the cell reads from it how old a request is. */
function requestKey(wallMs: number, random: Prng): string {
  const digits = (count: number): string => Array.from({ length: count }, () => random.int(0, 15).toString(16)).join('');
  const time = Math.floor(wallMs).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${digits(3)}-8${digits(3)}-${digits(12)}`;
}
