/**
 * Clients outside the cluster: they submit random pipelines at random nodes, try again elsewhere under the same request
 * key when no answer comes or when they feel like it, cancel some of their runs, and look at them. Everything that they
 * ask and are told is a history, which is checked at the end (S23).
 */
import type { CellState } from '../src/core/cell/state.ts';
import type { RunSpec } from '../src/core/cell/types.ts';
import { isSkeinError, type SkeinError } from '../src/errors.ts';
import { answerQuery } from '../src/runtime/queries.ts';
import { bring, bringAgain } from './bundles.ts';
import type { Cluster } from './cluster.ts';
import { checkHistory, type HistoryVerdict } from './history/check-history.ts';
import { Recorder } from './history/recorder.ts';
import { runSeen, type RunShown } from './history/run-seen.ts';
import { SimClient, type KnownRun } from './history/sim-client.ts';
import { WALL_EPOCH_MS } from './kernel.ts';
import { drawPipeline, type PipelineMix } from './pipelines.ts';
import { Pausing } from './pausing.ts';
import { withPolicies, type PolicyMix } from './policies.ts';
import { Repeating, type RepeatMix } from './repeating.ts';
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
  /** What clients do beside submitting and cancelling. @default nothing */
  readonly curiosity?: CuriosityMix;
  /** How runs stand beside each other, and who pauses them. @default all alike, nobody */
  readonly policies?: PolicyMix;
  /** Work that is asked for again. @default none */
  readonly repeats?: RepeatMix;
}

export interface CuriosityMix {
  /** Mean ms between two reads, of all clients together. */
  readonly readEveryMs: number;
  /** Share of the reads that are linearizable, at any node; the others are local ones at the client's own node. */
  readonly strongRate: number;
  /** Probability that a request is made at two nodes at once. */
  readonly twiceRate: number;
  /** Probability that a request which was answered is made once more later. */
  readonly againRate: number;
  /** Probability that a client waits for the end of its run. */
  readonly resultRate: number;
}

export const CURIOSITY: CuriosityMix = { readEveryMs: 250, strongRate: 0.4, twiceRate: 0.1, againRate: 0.1, resultRate: 0.2 };

const CLIENTS = 6;
/** Requests under way; a client waits before it makes another one. */
const OPEN_MAX = 50;
/** Tries of one cancel. */
const CANCELS_MAX = 5;
/** Reads are of one of the newest runs, so that each is looked at often while it moves. */
const READ_AMONG = 4;
/** Mean wait before a request is made again, or a run is cancelled. */
const SECOND_THOUGHT_MS = 1000;
const RETRY_MS = 200;

interface Request {
  readonly client: SimClient;
  readonly key: string;
  readonly spec: RunSpec;
  attempt: number;
  /** Asked since all were; a client that gets no answer would otherwise ask the same dead node for minutes, by bad luck. */
  readonly asked: Set<SimNode>;
  answered: boolean;
}

export class Workload {
  readonly #cluster: Cluster;
  readonly #mix: WorkloadMix;
  readonly #random: Prng;
  readonly #curious: Prng;
  readonly #recorder: Recorder;
  readonly #clients: readonly SimClient[];
  readonly #prober: SimClient;
  readonly #open = new Set<Request>();
  readonly #known: KnownRun[] = [];
  readonly #policies: Prng;
  readonly #pausing: Pausing | undefined;
  readonly #repeating: Repeating | undefined;
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
    this.#curious = random.fork('curious');
    this.#policies = random.fork('policies');
    this.#pausing = mix.policies === undefined ? undefined : new Pausing(cluster, mix.policies, random.fork('pausing'), this.#known);
    this.#repeating = mix.repeats === undefined ? undefined : new Repeating(cluster, mix.repeats, random.fork('repeating'));
    this.#recorder = new Recorder({ now: () => cluster.kernel.now, onEvent: (event) => cluster.onClient?.(event) });
    this.#clients = Array.from({ length: CLIENTS }, (_, index) => new SimClient(this.#recorder, `c${index + 1}`));
    this.#prober = new SimClient(this.#recorder, 'prober');
  }

  get open(): number {
    return this.#open.size;
  }

  /** What clients asked and were told so far. */
  get history(): Recorder['events'] {
    return this.#recorder.events;
  }

  start(): void {
    this.#next();
    this.#pausing?.start();
    this.#repeating?.start(this.#clients, this.#known, () => this.#newKey());
    if (this.#mix.curiosity !== undefined) this.#look(this.#mix.curiosity);
  }

  /** One small run, submitted at this node and nowhere else. @returns whether it was answered, to be asked later. */
  probe(node: SimNode): () => boolean {
    const { checkers } = this.#cluster;
    const key = this.#newKey();
    const spec = drawPipeline(this.#random, { ...this.#mix.pipelines, modulesMax: 1, hangRate: 0, foreachRate: 0, bundleRate: 0, durationMeanMs: 20 }, 'probe');
    let answered = false;
    this.#prober.submit(node, spec, key, (_error, value) => {
      if (value === undefined) return;
      answered = true;
      checkers.requests.answered(key, value.runId);
      this.#known.push(value);
    });
    return () => answered;
  }

  #newKey(): string {
    return requestKey(WALL_EPOCH_MS + this.#cluster.kernel.now, this.#random);
  }

  /** No new runs; requests under way are still tried again until they are answered. */
  stop(): void {
    this.#stopped = true;
    this.#pausing?.stop();
    this.#repeating?.stop();
  }

  /** Of runs and of the queue, that somebody was told of. */
  get pauses(): number {
    return this.#pausing?.pauses ?? 0;
  }

  /** Finished runs that were run once more. */
  get reruns(): number {
    return this.#repeating?.reruns ?? 0;
  }

  /** Whoever waits for the end of all work resumes what stands still, and puts again what may be lost. */
  resumeAll(state: CellState, nodes: readonly SimNode[]): void {
    this.#pausing?.resumeAll(state, nodes);
    for (const node of nodes) bringAgain(node);
  }

  // ── Submits ────────────────────────────────────────────────────────────────────────────────────────────────────

  #next(): void {
    this.#after(this.#random.exponential(this.#mix.submitEveryMs), () => {
      if (this.#stopped || this.submitted >= this.#mix.runsMax) return;
      if (this.#open.size < OPEN_MAX) this.#submit();
      this.#next();
    });
  }

  #submit(): void {
    this.submitted += 1;
    const drawn = drawPipeline(this.#random, this.#mix.pipelines, `pipeline-${this.#random.int(1, 5)}`);
    const spec = this.#mix.policies === undefined ? drawn : withPolicies(this.#policies, this.#mix.policies, drawn);
    const key = this.#newKey();
    const request: Request = { client: this.#curious.pick(this.#clients), key, spec: this.#repeating?.instead(spec) ?? spec, attempt: 0, asked: new Set(), answered: false };
    this.#open.add(request);
    this.#attempt(request);
    if (this.#happens('twiceRate')) this.#ask(request, this.#curious.pick(this.#cluster.nodes));
  }

  #attempt(request: Request): void {
    const attempt = (request.attempt += 1);
    if (attempt > 1) this.retries += 1;
    const again = (delayMs: number): void => {
      this.#after(delayMs, () => {
        if (!request.answered && request.attempt === attempt) this.#attempt(request);
      });
    };
    const asked = this.#ask(request, this.#another(request), () => again(RETRY_MS));
    again(asked ? this.#mix.answerTimeoutMs * this.#random.between(0.8, 1.2) : RETRY_MS);
  }

  /** Any node, but none a second time before all were asked. */
  #another({ asked }: Request): SimNode {
    const { nodes } = this.#cluster;
    if (asked.size === nodes.length) asked.clear();
    let node = this.#random.pick(nodes);
    while (asked.has(node)) node = nodes[(node.index + 1) % nodes.length]!;
    asked.add(node);
    return node;
  }

  /** @returns false if the node is down, or has no room for what comes with the run. */
  #ask(request: Request, node: SimNode, failed: () => void = () => {}): boolean {
    if (!bring(node, request.spec)) return false;
    return request.client.submit(node, request.spec, request.key, (error, value) => {
      if (value !== undefined) this.#cluster.checkers.requests.answered(request.key, value.runId);
      if (request.answered) return;
      if (value !== undefined) this.#answered(request, value);
      else if (error !== undefined && isFinalRefusal(error)) this.#refused(request, error);
      else failed();
    });
  }

  #answered(request: Request, known: KnownRun): void {
    this.#close(request);
    this.answered += 1;
    this.#known.push(known);
    if (this.#happens('againRate')) this.#after(this.#curious.exponential(SECOND_THOUGHT_MS), () => void this.#ask(request, this.#curious.pick(this.#cluster.nodes)));
    if (this.#happens('resultRate')) request.client.result(this.#homeOf(request.client), known);
    if (!this.#random.chance(this.#mix.cancelRate)) return;
    this.#after(this.#random.exponential(SECOND_THOUGHT_MS), () => this.#cancel(request.client, known, 1));
  }

  #refused(request: Request, error: SkeinError): void {
    this.#close(request);
    this.refused.set(error.code, (this.refused.get(error.code) ?? 0) + 1);
  }

  #close(request: Request): void {
    request.answered = true;
    this.#open.delete(request);
  }

  // ── Cancels and reads ──────────────────────────────────────────────────────────────────────────────────────────

  /** Until a node says that the run has ended, or the client gives up: then nobody promised anything. */
  #cancel(client: SimClient, known: KnownRun, attempt: number): void {
    this.cancels += 1;
    let done = false;
    client.cancel(this.#random.pick(this.#cluster.nodes), known, (error) => {
      done ||= error === undefined || isFinalRefusal(error);
    });
    if (attempt >= CANCELS_MAX) return;
    this.#after(this.#mix.answerTimeoutMs * this.#random.between(0.8, 1.2), () => {
      if (!done && !this.#stopped) this.#cancel(client, known, attempt + 1);
    });
  }

  #look(mix: CuriosityMix): void {
    this.#after(this.#curious.exponential(mix.readEveryMs), () => {
      if (this.#stopped) return;
      const client = this.#curious.pick(this.#clients);
      const newest = this.#known.slice(-READ_AMONG);
      if (newest.length > 0) {
        const strong = this.#curious.chance(mix.strongRate);
        client.read(strong ? this.#curious.pick(this.#cluster.nodes) : this.#homeOf(client), this.#curious.pick(newest), strong ? 'strong' : 'local');
      }
      this.#look(mix);
    });
  }

  /** The node that this client prefers: two neighbours share one. */
  #homeOf(client: SimClient): SimNode {
    const { nodes } = this.#cluster;
    return nodes[Math.floor(this.#clients.indexOf(client) / 2) % nodes.length]!;
  }

  // ── S23 ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Once the cluster rests: what its state says of each run that a client was told of, as a last linearizable read. */
  lookAtAll(state: CellState): void {
    for (const { runId } of this.#known) {
      if (!runId.endsWith(`-${state.cellId}`)) continue;
      const pending = this.#recorder.invoke('last look', { type: 'read', run: runId, consistency: 'strong', session: 'last look' });
      const answer = answerQuery(state, () => ({}), 'run', runId);
      pending.returned(isSkeinError(answer) ? { type: 'unknownRun' } : runSeen(answer as unknown as RunShown));
    }
  }

  /** Whether there is an order in which all that the clients were told makes sense. */
  checkHistory(): HistoryVerdict {
    const verdict = checkHistory(this.#recorder.events);
    if (verdict.verdict === 'violation') this.#cluster.report('S23', verdict.problems[0] ?? '');
    return verdict;
  }

  #happens(rate: Exclude<keyof CuriosityMix, 'readEveryMs'>): boolean {
    const { curiosity } = this.#mix;
    return curiosity !== undefined && this.#curious.chance(curiosity[rate]);
  }

  #after(delayMs: number, callback: () => void): void {
    this.#cluster.kernel.after(delayMs, undefined, callback);
  }
}

/** Trying again would give the same answer. */
function isFinalRefusal(error: SkeinError): boolean {
  return error.code !== 'NO_LEADER' && error.code !== 'NO_QUORUM' && error.code !== 'API_UNREACHABLE' && !error.code.startsWith('BLOB_');
}

/** UUIDv7: the cell reads from it how old a request is. */
function requestKey(wallMs: number, random: Prng): string {
  const digits = (count: number): string => Array.from({ length: count }, () => random.int(0, 15).toString(16)).join('');
  const time = Math.floor(wallMs).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${digits(3)}-8${digits(3)}-${digits(12)}`;
}
