/** A node in memory that obeys the test: what the CLI and the HTTP API are tried against. */
import { nodeId, type NodeId, type RunId } from '../../src/core/lib/ids.ts';
import type { ModulePhase, RunPhase, RunSpec } from '../../src/core/cell/types.ts';
import { SkeinError } from '../../src/errors.ts';
import { ordinaryRun } from '../../src/core/cell/policy.ts';
import type { ClusterStatus, LogEvent, LogOptions, ModuleExplanation, ModuleView, NodeApi, NodeState, NodeView, NodeWork, Paused, QueueView, ReadOptions, RunEvent, RunExplanation, RunProgress, RunSummary, RunView, Status, SubmitAnswer } from '../../src/runtime/api.ts';

const CELL = '5bd1e7c09a4f4e0c8a8f7d2b6e3c1a90';
/** 2026-03-01T12:00:00Z, so that output with times can be compared. */
export const FAKE_START = Date.UTC(2026, 2, 1, 12, 0, 0);

const statusOfRun: Record<RunPhase, Status> = { queued: 'pending', running: 'running', paused: 'running', succeeded: 'completed', failed: 'failed', cancelled: 'failed' };
const statusOfModule: Record<Exclude<ModulePhase, 'expanded'>, Status> = { waiting: 'pending', ready: 'pending', claimed: 'running', succeeded: 'completed', skipped: 'completed', failed: 'failed', cancelled: 'failed' };
const finalPhases: readonly RunPhase[] = ['succeeded', 'failed', 'cancelled'];

type Change = Partial<Omit<ModuleView, 'name' | 'phase' | 'status' | 'needs'>>;

interface FakeRun {
  view: RunView;
  readonly spec: RunSpec;
}

interface Watcher {
  readonly runId: string;
  readonly listener: (event: RunEvent) => void;
}

export class FakeNode implements NodeApi {
  /** Wall clock in ms; moves only when a test moves it. */
  now = FAKE_START;
  readonly events: RunEvent[] = [];
  readonly submitted: RunSpec[] = [];
  readonly left: boolean[] = [];
  cluster: ClusterStatus;
  members: NodeView[];
  /** What `queue` answers, but for the pause. */
  queueNow: QueueView = fakeQueue();
  /** What explanations say, but for the run and the module. */
  explanation: Pick<ModuleExplanation, 'summary' | 'reasons' | 'nodes' | 'placement'> = { summary: 'about to be claimed', reasons: [{ code: 'soon', text: 'about to be claimed' }], nodes: [], placement: null };
  /** What `progress` answers. */
  progressNow: Pick<RunProgress, 'etaMs' | 'modules'> = { etaMs: null, modules: [] };
  /** What modules have printed, by name. */
  readonly printed = new Map<string, readonly LogEvent[]>();
  /** Thrown by the next calls while set. */
  failure: Error | undefined;
  readonly #runs = new Map<string, FakeRun>();
  readonly #keys = new Map<string, RunId>();
  readonly #watchers = new Set<Watcher>();
  readonly #finals = new Map<string, Set<() => void>>();

  constructor(names: readonly string[] = ['node1', 'node2', 'node3']) {
    this.members = names.map((name, i) => fakeMember(name, i));
    this.cluster = fakeStatus(this.members);
  }

  get watcherCount(): number {
    return this.#watchers.size;
  }

  status(): ClusterStatus {
    this.#mayFail();
    const runs = [...this.#runs.values()];
    const finished = runs.filter(({ view }) => finalPhases.includes(view.phase)).length;
    return { ...this.cluster, runs: { live: runs.length - finished, finished } };
  }

  nodes(): NodeView[] {
    this.#mayFail();
    return this.members;
  }

  async submit(spec: RunSpec, options: { readonly requestKey?: string } = {}): Promise<SubmitAnswer> {
    this.#mayFail();
    const requestKey = options.requestKey ?? `key-${this.#runs.size}`;
    const known = this.#keys.get(requestKey);
    if (known !== undefined) return { runId: known, requestKey, duplicate: true };
    const number = (this.#runs.size + 1).toString(16).padStart(2, '0');
    const shortId = `7f${number}`;
    const runId = `${shortId}-${CELL}` as RunId;
    this.#keys.set(requestKey, runId);
    this.submitted.push(spec);
    this.#runs.set(runId, { view: newView(spec, runId, shortId, this.now), spec });
    this.#emit(runId, { type: 'run', phase: 'queued' });
    return { runId, requestKey, duplicate: false };
  }

  async cancel(run: string, reason = ''): Promise<RunSummary> {
    const found = this.#find(run);
    if (finalPhases.includes(found.view.phase)) throw new SkeinError('RUN_FINAL', `Run ${found.view.shortId} has ${found.view.phase} already`);
    for (const module of found.view.moduleList) if (statusOfModule[module.phase as Exclude<ModulePhase, 'expanded'>] !== 'completed') this.module(found.view.runId, module.name, 'cancelled');
    this.finish(found.view.runId, 'cancelled', reason === '' ? 'cancelled' : reason);
    return this.#find(run).view;
  }

  async runs(options: ReadOptions & { readonly limit?: number; readonly phase?: RunPhase } = {}): Promise<RunSummary[]> {
    this.#mayFail();
    const all = [...this.#runs.values()].map(({ view }) => view).toReversed();
    return all.filter((view) => options.phase === undefined || view.phase === options.phase).slice(0, options.limit);
  }

  async run(run: string): Promise<RunView> {
    return this.#find(run).view;
  }

  watch(run: string, afterSequence: number | undefined, listener: (event: RunEvent) => void): () => void {
    const watcher = { runId: run === '' ? '' : this.#find(run).view.runId, listener };
    if (afterSequence !== undefined) {
      for (const event of this.events) if (event.sequence > afterSequence && (run === '' || event.runId === watcher.runId)) listener(event);
    }
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  wait(run: string, signal?: AbortSignal): Promise<RunView> {
    const { runId } = this.#find(run).view;
    const view = (): RunView => this.#find(runId).view;
    return new Promise((resolve, reject) => {
      if (finalPhases.includes(view().phase)) resolve(view());
      const finals = this.#finals.get(runId) ?? new Set();
      this.#finals.set(runId, finals.add(() => resolve(view())));
      signal?.addEventListener('abort', () => reject(signal.reason as Error));
    });
  }

  async rerun(run: string, options: { readonly failedOnly?: boolean; readonly requestKey?: string } = {}): Promise<SubmitAnswer> {
    const { view } = this.#find(run);
    if (!finalPhases.includes(view.phase)) throw new SkeinError('RUN_LIVE', `Run ${view.shortId} has not ended yet`);
    if (options.failedOnly === true && view.phase === 'succeeded') throw new SkeinError('RUN_SUCCEEDED', `Nothing of run ${view.shortId} has failed`);
    const answer = await this.submit(this.#find(run).spec, options);
    const again = this.#find(answer.runId);
    again.view = { ...again.view, rerunOf: view.runId };
    return answer;
  }

  async pause(run: string, reason = ''): Promise<Paused<RunSummary>> {
    return this.#pause(run, { reason, at: this.now });
  }

  async resume(run: string): Promise<Paused<RunSummary>> {
    return this.#pause(run, null);
  }

  #pause(run: string, paused: RunSummary['paused']): Paused<RunSummary> {
    const found = this.#find(run);
    const { view } = found;
    if (finalPhases.includes(view.phase)) throw new SkeinError('RUN_FINAL', `Run ${view.shortId} has ${view.phase} already`);
    const changed = (view.paused === null) !== (paused === null);
    if (changed) {
      const phase = paused !== null ? 'paused' : view.startedAt === 0 ? 'queued' : 'running';
      found.view = { ...view, paused, phase, status: statusOfRun[phase] };
      this.#emit(view.runId, { type: 'run', phase, note: paused?.reason ?? '' });
    }
    return { ...found.view, changed };
  }

  async queue(): Promise<QueueView> {
    this.#mayFail();
    return { ...this.queueNow, paused: this.cluster.queuePaused };
  }

  async pauseQueue(reason = ''): Promise<Paused<QueueView>> {
    return this.#pauseQueue({ reason, at: this.now });
  }

  async resumeQueue(): Promise<Paused<QueueView>> {
    return this.#pauseQueue(null);
  }

  async #pauseQueue(paused: QueueView['paused']): Promise<Paused<QueueView>> {
    this.#mayFail();
    const changed = (this.cluster.queuePaused === null) !== (paused === null);
    if (changed) this.cluster = { ...this.cluster, queuePaused: paused };
    return { ...(await this.queue()), changed };
  }

  async progress(run: string): Promise<RunProgress> {
    return { runId: this.#find(run).view.runId, ...this.progressNow };
  }

  async *log(run: string, module: string, options: LogOptions = {}): AsyncGenerator<LogEvent, void, void> {
    const found = this.#find(run).view.moduleList.find(({ name }) => name === module);
    if (found === undefined) throw new SkeinError('MODULE_NOT_FOUND', `no module called ${JSON.stringify(module)}`);
    const { fence = 0, offset = 0 } = options.after ?? {};
    for (const event of this.printed.get(module) ?? []) {
      if ('fence' in event && (event.fence < fence || (event.type === 'output' && event.fence === fence && event.offset < offset))) continue;
      if ('attempt' in event && options.attempt !== undefined && event.attempt !== options.attempt) continue;
      yield event;
    }
    yield { type: 'end', phase: found.phase, final: true };
  }

  async explain(run: string, module: string): Promise<ModuleExplanation> {
    const { runId, shortId, moduleList } = this.#find(run).view;
    const found = moduleList.find(({ name }) => name === module);
    if (found === undefined) throw new SkeinError('MODULE_NOT_FOUND', `run ${shortId} has no module called ${JSON.stringify(module)}`);
    return { runId, shortId, module, phase: found.phase, ...this.explanation };
  }

  async explainRun(run: string): Promise<RunExplanation> {
    const { runId, shortId, phase, moduleList } = this.#find(run).view;
    const ready = moduleList.filter((module) => module.phase === 'ready' && module.note !== '');
    const groups = ready.map(({ name, note }) => ({ modules: [name], count: 1, summary: note, reasons: this.explanation.reasons, nodes: this.explanation.nodes, placement: this.explanation.placement }));
    return { runId, shortId, phase, summary: `0 running, ${ready.length} ready, 0 waiting for others`, groups };
  }

  async nodeWork(node: string): Promise<NodeWork> {
    const found = [...this.#runs.values()].flatMap(({ view }) => view.moduleList.filter(({ nodeId: id, phase }) => id === node && phase === 'claimed').map((module) => ({ view, module })));
    return { count: found.length, modules: found.map(({ view, module }) => ({ runId: view.runId, shortId: view.shortId, run: view.name, module: module.name, attempt: module.attempt, startedAt: module.startedAt })) };
  }

  async drain(node: string, on: boolean): Promise<void> {
    this.#mayFail();
    const state: NodeState = on ? 'draining' : 'alive';
    this.members = this.members.map((member) => (member.nodeId === node || member.name === node ? { ...member, state } : member));
  }

  async leave(options: { readonly now?: boolean } = {}): Promise<void> {
    this.left.push(options.now ?? false);
  }

  // ── What tests make happen ──────────────────────────────────────────────────────────────────────────────────────

  /** Moves a module of a run and tells the watchers. */
  module(runId: string, name: string, phase: Exclude<ModulePhase, 'expanded'>, change: Change = {}): void {
    const run = this.#find(runId);
    const moduleList = run.view.moduleList.map((module) => (module.name === name ? { ...module, ...change, phase, status: statusOfModule[phase], startedAt: phase === 'claimed' ? this.now : module.startedAt } : module));
    run.view = { ...run.view, moduleList, modules: countModules(moduleList) };
    if (run.view.phase === 'queued' && phase === 'claimed') {
      run.view = { ...run.view, phase: 'running', status: 'running', startedAt: this.now };
      this.#emit(run.view.runId, { type: 'run', phase: 'running' });
    }
    const module = moduleList.find((one) => one.name === name);
    this.#emit(run.view.runId, { type: 'module', phase, module: name, node: module?.node ?? '', attempt: module?.attempt ?? 0, fence: module?.fence ?? 0, durationMs: module?.durationMs ?? 0, note: module?.note ?? '', printed: (module?.tail ?? '') !== '' });
  }

  /** A second copy of a module starts. */
  copy(runId: string, module: string, node: string): void {
    this.#emit(this.#find(runId).view.runId, { type: 'copy', phase: 'running', module, node, note: 'a second copy was started' });
  }

  finish(runId: string, phase: RunPhase, reason = ''): void {
    const run = this.#find(runId);
    run.view = { ...run.view, phase, status: statusOfRun[phase], finishedAt: this.now, reason };
    this.#emit(run.view.runId, { type: 'run', phase, note: reason });
    for (const resolve of this.#finals.get(run.view.runId) ?? []) resolve();
  }

  /** Executes every module in turn, one second each, and ends the run. */
  play(runId: string): void {
    for (const { name } of this.#find(runId).view.moduleList) {
      this.module(runId, name, 'claimed', { node: 'node1', nodeId: String(this.members[0]?.nodeId), attempt: 1, fence: 4096 });
      this.now += 1000;
      this.module(runId, name, 'succeeded', { durationMs: 1000, exitCode: 0 });
    }
    this.finish(runId, 'succeeded');
  }

  #emit(runId: RunId, change: Pick<RunEvent, 'type' | 'phase'> & Partial<RunEvent>): void {
    const event: RunEvent = { sequence: this.events.length + 1, at: this.now, runId, runName: this.#find(runId).spec.name, module: '', node: '', attempt: 0, fence: 0, durationMs: 0, note: '', printed: false, items: null, ...change };
    this.events.push(event);
    for (const watcher of this.#watchers) if (watcher.runId === '' || watcher.runId === runId) watcher.listener(event);
  }

  #find(prefix: string): FakeRun {
    this.#mayFail();
    const found = [...this.#runs].filter(([id]) => prefix !== '' && id.startsWith(prefix));
    const [first] = found;
    if (first === undefined) throw new SkeinError('RUN_NOT_FOUND', `No run has the id ${JSON.stringify(prefix)}`);
    if (found.length > 1) throw new SkeinError('RUN_NOT_FOUND', `${JSON.stringify(prefix)} fits ${found.length} runs`);
    return first[1];
  }

  #mayFail(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

function newView(spec: RunSpec, runId: RunId, shortId: string, now: number): RunView {
  const moduleList = spec.modules.map((module): ModuleView => ({
    name: module.name,
    item: null,
    items: null,
    phase: module.needs.length === 0 ? 'ready' : 'waiting',
    status: 'pending',
    needs: module.needs.map((need) => spec.modules[need]?.name ?? ''),
    node: '',
    nodeId: '',
    attempt: 0,
    losses: 0,
    fence: 0,
    startedAt: 0,
    durationMs: 0,
    values: {},
    exitCode: null,
    error: null,
    tail: '',
    log: null,
    earlierExecutions: 0,
    files: {},
    holders: [],
    generation: 1,
    note: '',
    priority: 5,
    limits: [],
    copy: null,
  }));
  return { runId, shortId, name: spec.name, phase: 'queued', status: 'pending', submittedAt: now, startedAt: 0, finishedAt: 0, modules: countModules(moduleList), reason: '', priority: (spec.policy ?? ordinaryRun).priority, paused: null, rerunOf: '', policy: spec.policy ?? ordinaryRun, params: spec.params, moduleList };
}

function countModules(list: readonly ModuleView[]): RunSummary['modules'] {
  const count = (phase: ModulePhase): number => list.filter((module) => module.phase === phase).length;
  return {
    total: list.length,
    succeeded: count('succeeded'),
    failed: count('failed'),
    claimed: count('claimed'),
    ready: count('ready'),
    waiting: count('waiting'),
    cancelled: count('cancelled'),
    skipped: count('skipped'),
  };
}

function fakeMember(name: string, i: number): NodeView {
  return {
    nodeId: fakeId(i),
    name,
    state: 'alive',
    role: i === 0 ? 'leader' : 'voter',
    self: i === 0,
    addresses: [`/ip4/192.168.1.${i + 10}/tcp/9000`],
    capabilities: { os: 'linux', arch: 'x64', slots: 4, memory: 8 * 1024 ** 3, gpus: [], tools: { git: '2.43.0' }, labels: i === 1 ? { gpu: '', disk: 'ssd' } : {}, functions: [] },
    slotsUsed: i === 0 ? 1 : 0,
    load: 0.25 * i,
    receiveBytesPerSecond: i * 1024 * 1024,
    lastSeenMs: i * 1000,
    version: '0.1.0',
  };
}

function fakeId(i: number): NodeId {
  return nodeId(`12D3KooWFakeFakeFakeFakeFakeFakeFakeFakeFakeNode${String.fromCodePoint(65 + i).repeat(4)}`);
}

function fakeStatus(members: readonly NodeView[]): ClusterStatus {
  const [first] = members;
  return {
    clusterName: 'skein',
    node: { nodeId: first?.nodeId ?? nodeId(''), name: first?.name ?? '', phase: 'member', version: '0.1.0' },
    cellId: CELL as ClusterStatus['cellId'],
    term: 3,
    leader: first?.name ?? '',
    leaderId: first?.nodeId ?? '',
    voters: members.slice(0, 3).map(({ nodeId: id, name }) => ({ nodeId: id, name, alive: true })),
    standbys: [],
    quorum: true,
    lossesTolerated: members.length >= 3 ? 1 : 0,
    advice: '',
    commitIndex: 41,
    appliedIndex: 41,
    nodes: members.length,
    slots: { total: 4 * members.length, used: 1 },
    runs: { live: 0, finished: 0 },
    queuePaused: null,
  };
}

function fakeQueue(): QueueView {
  return { paused: null, runs: 0, pausedRunsCount: 0, pausedRuns: [], modules: { waiting: 0, ready: 0, claimed: 0 }, priorities: [], oldest: null, slots: { total: 12, used: 1, free: 11 }, limitsCount: 0, limits: [] };
}

/** A run of the given modules: name → needs by name. */
export function fakeSpec(modules: Readonly<Record<string, readonly string[]>> = fourModules, name = 'four-modules'): RunSpec {
  const names = Object.keys(modules);
  return {
    name,
    params: {},
    env: {},
    bundles: {},
    modules: names.map((module) => ({
      name: module,
      needs: (modules[module] ?? []).map((need) => names.indexOf(need)),
      action: { type: 'run', command: 'true' },
      env: {},
      requires: { cpu: 1, memory: 0, labels: [], tools: {}, os: [], arch: [] },
      timeoutMs: 1_800_000,
      retry: { attempts: 1, backoffMs: 5000, factor: 2, jitter: true, capMs: 300_000 },
      effectful: false,
      durationMs: 0,
    })),
  };
}

const fourModules = { FetchData: [], ValidateEnvironment: [], ProcessData: ['FetchData'], PublishResults: ['ProcessData', 'ValidateEnvironment'] };
