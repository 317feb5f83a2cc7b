/** Claims and results: S16 to S20 and S22, followed through the events of entries that are applied for the first time. */
import { isFinal } from '../../src/core/cell/state.ts';
import type { CellEvent, Command, ModulePhase, Reply } from '../../src/core/cell/types.ts';
import type { CellId, Fence, NodeId, SessionId } from '../../src/core/lib/ids.ts';
import { outputOf } from '../behaviour.ts';
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
  values: Readonly<Record<string, never>>;
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
  claims = 0;
  results = 0;
  /** Claims of modules that had been claimed before. */
  claimsAgain = 0;
  /** Results that stood for an execution. */
  reused = 0;
  /** Second copies. */
  hedges = 0;
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
    if (event.type === 'module') this.#module(applied, event);
    if (event.type === 'hedge') this.#hedge(applied, event);
    if (event.type === 'runFinal') {
      const key = `${cell} ${event.run}`;
      // S18: what is final stays final.
      const before = this.#finalRuns.get(key);
      if (before !== undefined) this.#report('S18', `run ${event.runId} ends as ${event.phase} after it had ended as ${before}`);
      this.#finalRuns.set(key, event.phase);
    }
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
    const spec = run?.spec.modules[event.module];
    if (run === undefined || spec === undefined) return;
    followed.effectful = spec.effectful;
    // Something that it needs may be made again meanwhile.
    if (again) return;
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
    const spec = node.replica?.state.runs.get(event.run)?.spec.modules[event.module];
    if (spec?.effectful === true || (spec !== undefined && !((spec.policy?.hedgeFactor ?? 0) > 0))) this.#report('S16', `${name} is claimed twice and does not ask for it`);
    if (this.#finalRuns.has(`${cell} ${event.run}`)) this.#report('S22', `${name} is claimed after its run had ended`);
    if (!again) this.hedges += 1;
    if (holder !== undefined) this.#issued.set(`${cell} ${event.fence}`, holder);
    followed.hedge = { fence: event.fence, session: event.session };
  }

  /** S19: what was recorded was computed from the recorded results of what it needs. */
  #succeeded(applied: Applied, event: ModuleEvent, name: string): void {
    const run = applied.node.replica?.state.runs.get(event.run);
    const spec = run?.spec.modules[event.module];
    if (run === undefined || spec === undefined) return;
    const followed = (module: number): Followed | undefined => this.#modules.get(`${applied.cell} ${event.run}/${module}`);
    followed(event.module)!.values = (run.modules[event.module]?.outcome?.values ?? {}) as Followed['values'];
    const needs = Object.fromEntries(spec.needs.map((need) => [run.spec.modules[need]?.name ?? '', followed(need)?.values ?? (run.modules[need]?.outcome?.values as Followed['values'] | undefined) ?? {}]));
    const recorded = followed(event.module)?.values['sum'];
    if (recorded !== outputOf(spec.name, needs)) this.#report('S19', `${name} recorded ${String(recorded)}, which does not come from its inputs`);
    const module = run.modules[event.module]!;
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
