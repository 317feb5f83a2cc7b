/** Claims and results: S16 to S20 and S22, followed through the events of entries that are applied for the first time. */
import { specOf } from '../../src/core/cell/accessors.ts';
import { isFinal, type RunRecord } from '../../src/core/cell/state.ts';
import type { CellEvent, Command, Json, ModulePhase, ModuleSpec, Reply, RunSpec } from '../../src/core/cell/types.ts';
import type { CellId, Fence, NodeId, RunNumber, SessionId } from '../../src/core/lib/ids.ts';
import { outputOf } from '../behaviour.ts';
import { cidsOf } from '../files.ts';
import type { ExecutionRecord, Ledger } from '../ledger.ts';
import type { Applied, Checker, NodeView, Report } from './checker.ts';
import type { Conditions } from './clocks.ts';

type ModuleEvent = Extract<CellEvent, { type: 'module' }>;
type HedgeEvent = Extract<CellEvent, { type: 'hedge' }>;

interface Followed {
  phase: ModulePhase;
  lastFence: Fence;
  /** Holder of the live claim, 0 for none. */
  session: SessionId;
  /** A second copy. */
  hedge: { readonly fence: Fence; readonly session: SessionId } | undefined;
  effectful: boolean;
  recorded: number;
  generation: number;
  /** Output values of the recorded result; of an earlier generation while this one has none. */
  values: Readonly<Record<string, Json>>;
  /** Fence of the last recorded failure. */
  failedFence: Fence;
}

export class ClaimChecker implements Checker {
  readonly #report: Report;
  readonly #ledger: Ledger;
  readonly #conditions: Conditions;
  readonly #modules = new Map<string, Followed>();
  /** Which node may execute under a fence. */
  readonly #issued = new Map<string, NodeId>();
  readonly #nodeOfSession = new Map<string, NodeId>();
  readonly #finalRuns = new Map<string, string>();
  /** Lists of which an item failed with `fail-fast`. */
  readonly #failedLists = new Set<string>();
  /** Of runs that live, as they were submitted. */
  readonly #specs = new Map<string, RunSpec>();
  claims = 0;
  results = 0;
  /** Claims of modules that had been claimed before. */
  claimsAgain = 0;
  /** Results that stood for an execution. */
  reused = 0;
  /** Second copies. */
  hedges = 0;
  /** Results of items of a `foreach`. */
  items = 0;
  /** Overlaps that S20 excuses, since clocks differed or a machine slept. */
  overlapsExcused = 0;

  constructor(report: Report, ledger: Ledger, conditions: Conditions) {
    this.#conditions = conditions;
    this.#report = report;
    this.#ledger = ledger;
    // S20: executions of an effectful module never overlap.
    ledger.onOverlap = (first, second) => this.#overlap(first, second);
  }

  #overlap(first: ExecutionRecord, second: ExecutionRecord): void {
    const { clocks, marginMs } = this.#conditions;
    if (!clocks.hold([...new Set([...this.#nodeOfSession.values(), first.node, second.node])], first.startedAt, this.#conditions.now(), marginMs)) {
      this.overlapsExcused += 1;
      return;
    }
    this.#report('S20', `effectful module ${second.name} of ${second.runId} starts on ${second.node} under fence ${second.fence} while ${first.node} still executes it under ${first.fence}`);
  }

  applied(applied: Applied): void {
    if (!applied.first) return;
    for (const event of applied.events) this.#event(applied, event);
    this.#verdicts(applied, applied.command, applied.reply);
  }

  /** S17: a worker never starts before its claim is committed, and only its own. */
  started(node: NodeView, session: SessionId, fence: Fence): void {
    // It may work for another cell than the one whose log it still has. Fences of two cells say nothing of each other.
    const owners = [...this.#cells].map((cell) => this.#issued.get(`${cell} ${fence}`)).filter((id) => id !== undefined);
    if (owners.length === 0) this.#report('S17', `${node.name} starts under fence ${fence} (session ${session}) that no committed claim has`);
    else if (!owners.includes(node.id)) this.#report('S17', `${node.name} starts under fence ${fence}, which ${owners.join(' and ')} holds`);
  }

  readonly #cells = new Set<CellId>();

  #event(applied: Applied, event: CellEvent): void {
    const { cell } = applied;
    this.#cells.add(cell);
    if (event.type === 'sessionOpened') this.#nodeOfSession.set(`${cell} ${event.session}`, event.node);
    if (event.type === 'runSubmitted') this.#submitted(applied, event.run);
    if (event.type === 'module') this.#module(applied, event);
    if (event.type === 'hedge') this.#hedge(applied, event);
    if (event.type === 'runFinal') {
      const key = `${cell} ${event.run}`;
      // S18: what is final stays final.
      const before = this.#finalRuns.get(key);
      if (before !== undefined) this.#report('S18', `run ${event.runId} ends as ${event.phase} after it had ended as ${before}`);
      this.#finalRuns.set(key, event.phase);
      this.#specs.delete(key);
    }
  }

  /** One that needs nothing more is over at once, and its specification a summary. */
  #submitted({ cell, node }: Applied, number: RunNumber): void {
    const run = node.replica?.state.runs.get(number);
    if (run !== undefined && !run.summary) this.#specs.set(`${cell} ${number}`, run.spec);
  }

  #module(applied: Applied, event: ModuleEvent): void {
    const key = `${applied.cell} ${event.run}/${event.module}`;
    const followed = this.#modules.get(key) ?? { phase: 'waiting', lastFence: 0, session: 0, hedge: undefined, effectful: false, recorded: 0, generation: 1, values: {}, failedFence: 0 };
    this.#modules.set(key, followed);
    const name = `module ${event.module} of ${event.runId}`;
    if (isFinal(followed.phase)) this.#reopened(applied, event, followed, name);
    if (event.phase === 'claimed') this.#claimed(applied, event, followed, name);
    else {
      followed.session = 0;
      followed.hedge = undefined;
    }
    if (event.phase === 'failed') this.#failed(applied, event);
    if (event.phase === 'succeeded') this.#succeeded(applied, event, name);
    followed.phase = event.phase;
  }

  /** S18: what is final stays so within a generation; only a committed Invalidate begins the next one, of what succeeded. */
  #reopened({ command, node }: Applied, event: ModuleEvent, followed: Followed, name: string): void {
    const generation = node.replica?.state.runs.get(event.run)?.modules[event.module]?.generation;
    if (command?.type !== 'invalidate' || followed.phase !== 'succeeded' || isFinal(event.phase) || generation === undefined || generation <= followed.generation) {
      this.#report('S18', `${name} becomes ${event.phase} after it was ${followed.phase} in generation ${followed.generation}`);
    }
    followed.generation = generation ?? followed.generation;
    followed.recorded = 0;
    followed.failedFence = 0;
  }

  #claimed(applied: Applied, event: ModuleEvent, followed: Followed, name: string): void {
    const { cell, node } = applied;
    const holder = this.#nodeOfSession.get(`${cell} ${event.session}`);
    const again = event.fence === followed.lastFence;
    if (again) {
      // A node that came back keeps its claim, under the same fence and in its new session.
      if (this.#issued.get(`${cell} ${event.fence}`) !== holder) this.#report('S16', `${name} is claimed under fence ${event.fence} by two nodes`);
    } else {
      this.claims += 1;
      if (followed.lastFence !== 0) this.claimsAgain += 1;
      // S16: one live claim, and fences strictly rise.
      if (followed.session !== 0) this.#report('S16', `${name} is claimed by session ${event.session} while session ${followed.session} holds it`);
      if (event.fence < followed.lastFence) this.#report('S16', `${name}: fence goes back from ${followed.lastFence} to ${event.fence}`);
      if (holder !== undefined) this.#issued.set(`${cell} ${event.fence}`, holder);
    }
    // S22: nothing of a run that has ended (cancelled, for example) is claimed.
    if (this.#finalRuns.has(`${cell} ${event.run}`)) this.#report('S22', `${name} is claimed after its run had ended`);
    followed.lastFence = event.fence;
    followed.session = event.session;
    const run = node.replica?.state.runs.get(event.run);
    const module = run?.modules[event.module];
    if (run === undefined || module === undefined) return;
    const spec = specOf(module);
    followed.effectful = spec.effectful;
    // Something that it needs may be made again meanwhile.
    if (again) return;
    // S22: nor an item, when another one of its list has failed for good.
    if (module.item !== -1 && this.#failedLists.has(`${cell} ${event.run}/${module.template}`)) this.#report('S22', `${name} is claimed after another item of its list had failed, which says fail-fast`);
    // S19: claimable only when everything it needs is done.
    const open = spec.needs.filter((need) => run.modules[need]?.phase !== 'succeeded');
    if (open.length > 0) this.#report('S19', `${name} is claimed though its needs ${open.join()} are not done`);
  }

  /** S16: a second live claim only beside a first one, by another node, and of a module that asks for it. */
  #hedge(applied: Applied, event: HedgeEvent): void {
    const { cell, node } = applied;
    const followed = this.#modules.get(`${cell} ${event.run}/${event.module}`);
    const name = `module ${event.module} of ${event.runId}`;
    if (followed === undefined || followed.session === 0) return this.#report('S16', `${name} has a second copy and no first one`);
    if (!event.on) {
      // The first ended: the second is the claim of the module from here on.
      if (event.fence === followed.lastFence && followed.hedge !== undefined) {
        followed.lastFence = followed.hedge.fence;
        followed.session = followed.hedge.session;
      }
      followed.hedge = undefined;
      return;
    }
    const holder = this.#nodeOfSession.get(`${cell} ${event.session}`);
    const again = followed.hedge?.fence === event.fence;
    if (again && this.#issued.get(`${cell} ${event.fence}`) !== holder) this.#report('S16', `${name} is claimed under fence ${event.fence} by two nodes`);
    if (!again && (followed.hedge !== undefined || event.fence <= followed.lastFence)) this.#report('S16', `${name} is claimed a third time, or fence ${event.fence} is not above ${followed.lastFence}`);
    if (holder === this.#nodeOfSession.get(`${cell} ${followed.session}`)) this.#report('S16', `${name} is claimed twice by one node`);
    const module = node.replica?.state.runs.get(event.run)?.modules[event.module];
    const spec = module === undefined ? undefined : specOf(module);
    if (spec?.effectful === true || (spec !== undefined && !((spec.policy?.hedgeFactor ?? 0) > 0))) this.#report('S16', `${name} is claimed twice and does not ask for it`);
    if (this.#finalRuns.has(`${cell} ${event.run}`)) this.#report('S22', `${name} is claimed after its run had ended`);
    if (!again) this.hedges += 1;
    if (holder !== undefined) this.#issued.set(`${cell} ${event.fence}`, holder);
    followed.hedge = { fence: event.fence, session: event.session };
  }

  #failed({ cell, node }: Applied, event: ModuleEvent): void {
    const module = node.replica?.state.runs.get(event.run)?.modules[event.module];
    if (module === undefined || module.item === -1) return;
    const { foreach } = this.#specs.get(`${cell} ${event.run}`)?.modules[module.template] ?? {};
    if (foreach?.failFast === true) this.#failedLists.add(`${cell} ${event.run}/${module.template}`);
  }

  /** S19: what was recorded was computed from the recorded results of what it needs. */
  #succeeded(applied: Applied, event: ModuleEvent, name: string): void {
    const run = applied.node.replica?.state.runs.get(event.run);
    const module = run?.modules[event.module];
    // The items of a list are what is executed, and judged.
    if (run === undefined || module === undefined || run.expansions.has(event.module)) return;
    const spec = (this.#specs.get(`${applied.cell} ${event.run}`) ?? run.spec).modules[module.template]!;
    this.#modules.get(`${applied.cell} ${event.run}/${event.module}`)!.values = module.outcome?.values ?? {};
    const recorded = this.#values(applied.cell, run, event.module)['sum'];
    const needs = Object.fromEntries(spec.needs.map((need) => [run.spec.modules[need]?.name ?? '', this.#seen(applied.cell, run, need, spec)]));
    const item = module.item === -1 ? undefined : this.#item(applied.cell, run, spec, module.item);
    if (module.item !== -1) this.items += 1;
    const isKnown = module.item === -1 || spec.foreach !== undefined;
    if (isKnown && recorded !== outputOf(spec.name, needs, item)) this.#report('S19', `${name} recorded ${JSON.stringify(recorded)}, which does not come from its inputs`);
    if (module.reusedFrom !== 0) {
      this.reused += 1;
      if (spec.cache !== true && run.rerunOf === 0 && !run.summary) this.#report('S18', `${name} took over a result and did not ask for it`);
      return;
    }
    // And somebody did execute it, under this fence.
    const executions = this.#ledger.under(event.runId, event.module, event.fence);
    if (!executions.some(({ end, ok }) => end === 'finished' && ok)) this.#report('S18', `${name} succeeded under fence ${event.fence}, but no execution under it did`);
    if (executions.length > 1) this.#report('S17', `${name} was executed ${executions.length} times under fence ${event.fence}`);
  }

  /** Recorded values of one module. */
  #values(cell: CellId, run: RunRecord, module: number): Followed['values'] {
    return this.#modules.get(`${cell} ${run.number}/${module}`)?.values ?? run.modules[module]?.outcome?.values ?? {};
  }

  /** What a module sees of a need: of one with `foreach` the list of what its items put out, and not the list that it is itself an item of. */
  #seen(cell: CellId, run: RunRecord, need: number, { foreach }: ModuleSpec): Followed['values'] {
    const expansion = run.expansions.get(need);
    if (expansion === undefined) return this.#values(cell, run, need);
    if (foreach?.source.type === 'value' && foreach.source.module === need && foreach.source.output === 'sum') return {};
    const sums = Array.from({ length: expansion.count }, (_, item) => this.#values(cell, run, expansion.first + item)['sum'] ?? null);
    // Of no items nobody says what they would have put out.
    return sums.length === 0 ? {} : { sum: sums };
  }

  /** The value or the cid that an item is, from what was recorded of the need that has the list. */
  #item(cell: CellId, run: RunRecord, { foreach }: ModuleSpec, item: number): Json {
    const source = foreach?.source;
    if (source === undefined || source.type === 'param') return null;
    if (source.type === 'list') return source.values[item] ?? null;
    const expansion = run.expansions.get(source.module);
    const producers = expansion === undefined ? [source.module] : Array.from({ length: expansion.count }, (_, at) => expansion.first + at);
    if (source.type === 'files') return producers.flatMap((producer) => cidsOf(run.spec.modules[source.module]!.name, source.output, Number(this.#values(cell, run, producer)['sum'])))[item] ?? null;
    if (expansion !== undefined) return this.#values(cell, run, producers[item] ?? -1)[source.output] ?? null;
    const list = this.#values(cell, run, source.module)[source.output];
    return ((typeof list === 'string' ? JSON.parse(list) : list) as readonly Json[] | undefined)?.[item] ?? null;
  }

  #verdicts(applied: Applied, command: Command | undefined, reply: Reply | undefined): void {
    if (command?.type !== 'results' || reply?.type !== 'results') return;
    for (const [position, item] of command.items.entries()) {
      const followed = this.#modules.get(`${applied.cell} ${item.run}/${item.module}`);
      if (followed === undefined || reply.verdicts[position] !== 'accepted') continue;
      const name = `module ${item.module} of run ${item.run}`;
      this.results += 1;
      // S18: one recorded success.
      if (item.outcome.ok) followed.recorded += 1;
      if (!item.outcome.ok && item.fence === followed.failedFence) this.#report('S18', `${name}: the failure under fence ${item.fence} is recorded twice`);
      if (!item.outcome.ok) followed.failedFence = item.fence;
      if (followed.recorded > 1) this.#report('S18', `${name} has ${followed.recorded} recorded results`);
      // S20: an effectful module only under its last fence.
      if (followed.effectful && item.fence !== followed.lastFence) this.#report('S20', `${name} is effectful and was recorded under fence ${item.fence}, though ${followed.lastFence} was issued since`);
    }
  }
}
