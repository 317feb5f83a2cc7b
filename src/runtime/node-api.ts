/** The promise face of a node (api.ts) over the callbacks of the runtime. */
import type { NodeId, RunId, RunNumber } from '../core/lib/ids.ts';
import { nodeOfMember } from '../core/lib/ids.ts';
import { uuidV7 } from '../core/lib/uuid-v7.ts';
import { majorityOf } from '../core/raft/quorum.ts';
import type { Json, RunPhase, RunSpec } from '../core/cell/types.ts';
import { isSkeinError, SkeinError } from '../errors.ts';
import { TEXT_LENGTH_MAX } from '../protocol/limits.ts';
import { advice } from './advice.ts';
import type { ClusterStatus, LogEvent, LogOptions, ModuleExplanation, NodeApi, NodeView, NodeWork, Paused, QueueView, ReadOptions, RunEvent, RunExplanation, RunProgress, RunSummary, RunView, SubmitAnswer } from './api.ts';
import { withoutLeader, withStrangers } from './explanations.ts';
import type { NodeRuntime } from './node-runtime.ts';
import { nodeViews } from './node-views.ts';

/** Before a run that is to be watched is asked for again. */
const RETRY_MS = 1000;

interface Resolved {
  readonly number: RunNumber;
  readonly final: boolean;
  readonly summary: RunSummary;
}

export class RuntimeNodeApi implements NodeApi {
  readonly #runtime: NodeRuntime;

  constructor(runtime: NodeRuntime) {
    this.#runtime = runtime;
  }

  async submit(spec: RunSpec, options: { readonly requestKey?: string; readonly signal?: AbortSignal } = {}): Promise<SubmitAnswer> {
    const requestKey = options.requestKey ?? this.#newKey();
    const answer = await promise<{ runId: RunId; duplicate: boolean }>(options.signal, (done) => this.#runtime.submit(spec, requestKey, done));
    return { runId: answer.runId, requestKey, duplicate: answer.duplicate };
  }

  async rerun(run: string, options: { readonly failedOnly?: boolean; readonly requestKey?: string; readonly signal?: AbortSignal } = {}): Promise<SubmitAnswer> {
    const { number } = await this.#resolve(run);
    const requestKey = options.requestKey ?? this.#newKey();
    const answer = await promise<{ runId: RunId; duplicate: boolean }>(options.signal, (done) => this.#runtime.rerun(number, options.failedOnly === true, requestKey, done));
    return { runId: answer.runId, requestKey, duplicate: answer.duplicate };
  }

  #newKey(): string {
    const { clock, random } = this.#runtime.context.ports;
    return uuidV7(clock.wall(), random.bytes(10));
  }

  async cancel(run: string, reason = ''): Promise<RunSummary> {
    const { number, final, summary } = await this.#resolve(run);
    if (final) throw new SkeinError('RUN_FINAL', `run ${summary.shortId} has already ${summary.phase}`, { runId: summary.runId });
    let late: SkeinError | undefined;
    await promise<void>(undefined, (done) => this.#runtime.cancelRun(number, reason.slice(0, TEXT_LENGTH_MAX), done)).catch((error: unknown) => {
      if (!isSkeinError(error, 'RUN_FINAL')) throw error;
      late = error;
    });
    const { summary: now } = await this.#resolve(summary.runId, { consistency: 'strong' });
    // A first try whose answer was lost with its leader has cancelled the run: the second then finds it final.
    if (late !== undefined && now.phase !== 'cancelled') throw late;
    return now;
  }

  pause(run: string, reason = ''): Promise<Paused<RunSummary>> {
    return this.#pauseRun(run, true, reason);
  }

  resume(run: string): Promise<Paused<RunSummary>> {
    return this.#pauseRun(run, false, '');
  }

  async #pauseRun(run: string, on: boolean, reason: string): Promise<Paused<RunSummary>> {
    const { number, final, summary } = await this.#resolve(run, { consistency: 'strong' });
    if (final) throw new SkeinError('RUN_FINAL', `run ${summary.shortId} has already ${summary.phase === 'cancelled' ? 'been cancelled' : summary.phase}`, { runId: summary.runId });
    await promise<void>(undefined, (done) => this.#runtime.pauseRun(number, on, reason.slice(0, TEXT_LENGTH_MAX), done));
    const { summary: now } = await this.#resolve(summary.runId, { consistency: 'strong' });
    return { ...now, changed: (summary.paused !== null) !== on };
  }

  async queue(options: ReadOptions = {}): Promise<QueueView> {
    return (await this.#read('queue', null, { consistency: 'strong', ...options })) as unknown as QueueView;
  }

  pauseQueue(reason = ''): Promise<Paused<QueueView>> {
    return this.#pauseQueue(true, reason);
  }

  resumeQueue(): Promise<Paused<QueueView>> {
    return this.#pauseQueue(false, '');
  }

  async #pauseQueue(on: boolean, reason: string): Promise<Paused<QueueView>> {
    const before = await this.queue();
    await promise<void>(undefined, (done) => this.#runtime.pauseQueue(on, reason.slice(0, TEXT_LENGTH_MAX), done));
    return { ...(await this.queue()), changed: (before.paused !== null) !== on };
  }

  async explain(run: string, module: string, signal?: AbortSignal): Promise<ModuleExplanation> {
    const { json, led } = await this.#explained('explainModule', { run, module }, signal);
    const whole = withStrangers(json as unknown as ModuleExplanation, this.nodes());
    return led ? whole : withoutLeader(whole);
  }

  async explainRun(run: string, signal?: AbortSignal): Promise<RunExplanation> {
    const { json, led } = await this.#explained('explainRun', run, signal);
    const explained = json as unknown as RunExplanation;
    const nodes = this.nodes();
    const groups = explained.groups.map((group) => withStrangers(group, nodes));
    return { ...explained, groups: led ? groups : groups.map(withoutLeader) };
  }

  async progress(run: string, signal?: AbortSignal): Promise<RunProgress> {
    return (await this.#explained('progress', run, signal)).json as unknown as RunProgress;
  }

  async *log(run: string, module: string, options: LogOptions = {}): AsyncGenerator<LogEvent, void, void> {
    const { signal } = options;
    const follower = this.#runtime.logs.follow(run, module, options);
    try {
      for (;;) {
        const event = await promise<LogEvent | undefined>(signal, (done) => follower.next(done));
        if (event === undefined) return;
        yield event;
      }
    } finally {
      follower.stop();
    }
  }

  /** The leader knows who answers. Without one this node tells what it knows. */
  async #explained(query: string, argument: Json, signal: AbortSignal | undefined): Promise<{ readonly json: Json; readonly led: boolean }> {
    const ask = (consistency: 'local' | 'strong'): Promise<Json> => this.#read(query, argument, { consistency, ...(signal === undefined ? {} : { signal }) });
    try {
      if (this.status().quorum) return { json: await ask('strong'), led: true };
    } catch (error) {
      if (!isSkeinError(error, 'NO_LEADER') && !isSkeinError(error, 'NO_QUORUM')) throw error;
    }
    return { json: await ask('local'), led: false };
  }

  async runs(options: ReadOptions & { readonly limit?: number; readonly phase?: RunPhase } = {}): Promise<RunSummary[]> {
    return (await this.#read('runs', { limit: options.limit ?? 0, phase: options.phase ?? '' }, options)) as unknown as RunSummary[];
  }

  async run(run: string, options: ReadOptions = {}): Promise<RunView> {
    return (await this.#read('run', run, options)) as unknown as RunView;
  }

  /** A run that this node's state does not know yet may have been accepted a moment ago: then the leader is asked. */
  async #resolve(run: string, options: ReadOptions = {}): Promise<Resolved> {
    return (await this.#read('resolve', run, options)) as unknown as Resolved;
  }

  async #read(query: string, argument: Json, options: ReadOptions): Promise<Json> {
    const strong = options.consistency === 'strong';
    const ask = (strongly: boolean): Promise<Json> => promise<Json>(options.signal, (done) => this.#runtime.read(query, argument, strongly, done));
    try {
      return await ask(strong);
    } catch (error) {
      if (strong || !(error instanceof SkeinError) || error.code !== 'RUN_NOT_FOUND') throw error;
      return await ask(true);
    }
  }

  watch(run: string, afterSequence: number | undefined, listener: (event: RunEvent) => void): () => void {
    if (run === '') return this.#runtime.watches.watch(0, afterSequence, listener);
    let end: (() => void) | undefined;
    let ended = false;
    const begin = (): void => {
      if (ended || this.#runtime.context.stopped) return;
      this.#resolve(run).then(
        ({ number }) => {
          if (!ended) end = this.#runtime.watches.watch(number, afterSequence, listener);
        },
        // Nobody could be asked: that passes. A run that nobody knows has no events.
        (error: unknown) => void (isSkeinError(error, 'RUN_NOT_FOUND') || this.#runtime.context.after(RETRY_MS, begin)),
      );
    };
    begin();
    return () => {
      ended = true;
      end?.();
    };
  }

  async wait(run: string, signal?: AbortSignal): Promise<RunView> {
    const { number, final, summary } = await this.#resolve(run, signal === undefined ? {} : { signal });
    if (!final) await this.#final(number, signal);
    const view = await this.run(summary.runId);
    // The leader may have told of the end before this node's own copy knows it.
    return isFinalPhase(view.phase) ? view : await this.run(summary.runId, { consistency: 'strong' });
  }

  #final(run: RunNumber, signal: AbortSignal | undefined): Promise<void> {
    const { watches, context } = this.#runtime;
    return promise<void>(signal, (done) => {
      const ends: (() => void)[] = [];
      const finish = (error?: SkeinError | Error): void => {
        for (const end of ends.splice(0)) end();
        done(error);
      };
      const aborted = (): void => finish(new Error('aborted'));
      ends.push(
        watches.watch(run, 0, (event) => {
          if (event.type === 'run' && isFinalPhase(event.phase)) finish();
        }),
        context.onStop(() => finish(new SkeinError('NODE_STOPPING', 'the node stops'))),
      );
      signal?.addEventListener('abort', aborted);
      ends.push(() => signal?.removeEventListener('abort', aborted));
    });
  }

  async nodeWork(node: string, options: ReadOptions = {}): Promise<NodeWork> {
    return (await this.#read('nodeWork', this.#findNode(node), options)) as unknown as NodeWork;
  }

  async drain(node: string, on: boolean): Promise<void> {
    const id = this.#findNode(node);
    await promise<void>(undefined, (done) => this.#runtime.drainNode(id, on, done));
  }

  #findNode(text: string): NodeId {
    const nodes = this.nodes();
    const exact = nodes.filter((node) => node.name === text || node.nodeId === text);
    const found = exact.length > 0 ? exact : nodes.filter((node) => node.name.startsWith(text) || node.nodeId.startsWith(text) || node.nodeId.endsWith(text));
    if (found.length === 1) return found[0]!.nodeId;
    const what = found.length === 0 ? 'no node has' : `${found.length} nodes have`;
    throw new SkeinError('NODE_NOT_FOUND', `${what} the name or id ${JSON.stringify(text)}; known: ${nodes.map((node) => node.name).join(', ')}`);
  }

  leave(options: { readonly now?: boolean } = {}): Promise<void> {
    return new Promise((resolve) => this.#runtime.leave(options.now === true, resolve));
  }

  nodes(): NodeView[] {
    return nodeViews(this.#runtime);
  }

  status(): ClusterStatus {
    const { context, current: replica, phase } = this.#runtime;
    const nodes = this.nodes();
    const nameOf = (id: NodeId): string => nodes.find((node) => node.nodeId === id)?.name ?? id.slice(-8);
    const alive = (id: NodeId): boolean => nodes.some((node) => node.nodeId === id && node.state !== 'dead' && node.state !== 'suspect');
    const member = (id: NodeId): { nodeId: NodeId; name: string; alive: boolean } => ({ nodeId: id, name: nameOf(id), alive: alive(id) });
    const config = replica?.config;
    const voters = (config?.voters ?? []).map((id) => member(nodeOfMember(id)));
    const standbys = (config?.standbys ?? []).map((id) => member(nodeOfMember(id)));
    const leaderId = this.#runtime.leaderHint().node;
    const live = voters.filter((voter) => voter.alive).length;
    const quorum = config === undefined ? leaderId !== '' : replica!.raft.hearsLeader(context.now());
    const spare = quorum ? Math.max(0, live - majorityOf(voters.length)) : 0;
    const usable = nodes.filter((node) => node.state === 'alive');
    return {
      clusterName: context.init.clusterName,
      node: { nodeId: context.self, name: context.init.name, phase, version: context.init.version },
      cellId: this.#runtime.cell,
      term: replica?.raft.term ?? 0,
      leader: leaderId === '' ? '' : nameOf(leaderId),
      leaderId,
      voters,
      standbys,
      quorum,
      lossesTolerated: spare,
      advice: advice(phase, voters.length, live, standbys.filter((standby) => standby.alive).length, replica?.oneCopy),
      commitIndex: replica?.raft.commitIndex ?? 0,
      appliedIndex: replica?.appliedIndex ?? 0,
      nodes: nodes.filter((node) => node.state !== 'dead').length,
      slots: { total: usable.reduce((sum, node) => sum + node.capabilities.slots, 0), used: usable.reduce((sum, node) => sum + node.slotsUsed, 0) },
      runs: { live: replica === undefined ? 0 : replica.state.runs.size - replica.state.finished.size, finished: replica?.state.finished.size ?? 0 },
      queuePaused: replica?.state.queuePaused ?? null,
    };
  }
}

export function isFinalPhase(phase: string): boolean {
  return phase === 'succeeded' || phase === 'failed' || phase === 'cancelled';
}

function abortError(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted');
}

function promise<T>(signal: AbortSignal | undefined, begin: (done: (error?: Error, value?: T) => void) => void): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    signal?.throwIfAborted();
    const aborted = (): void => reject(abortError(signal!));
    signal?.addEventListener('abort', aborted, { once: true });
    begin((error, value) => {
      signal?.removeEventListener('abort', aborted);
      if (error !== undefined) reject(error);
      else resolve(value as T);
    });
  });
}
