/**
 * Why a module is not running, in words that name what would help: what keeps it whatever the node, and what each node
 * could do for it. Pure: whoever asks says what time it is and what is known of the sessions beyond the log.
 */
import { modulePolicy } from '../cell/policy.ts';
import { countOf, isFinal, isRunFinal, moduleAt, type CellState, type ModuleRecord, type RunRecord } from '../cell/state.ts';
import type { RunNumber, SessionId } from '../lib/ids.ts';
import { Competition, priorityOf } from './explain-ahead.ts';
import { nodeStands, placementReason, type NodeAnswer, type NodeOutlook, type NodeStand } from './explain-nodes.ts';
import { admissionReasons, waitingReasons } from './explain-reasons.ts';
import { nodeName, onNode, span } from './explain-words.ts';
import { EXPLAIN_GROUP_NAMES_MAX, EXPLAIN_GROUPS_MAX } from './limits.ts';

export type ReasonCode =
  | 'needs' | 'barrier' | 'retry' | 'queue-paused' | 'run-paused' | 'parallel' | 'limit'
  | 'no-nodes' | 'unfit' | 'drained' | 'silent' | 'closed' | 'full'
  /** Nothing keeps it. */
  | 'soon'
  /** Said by a node that knows of no leader, never here. */
  | 'no-leader'
  | 'executing' | 'ended';

export interface Reason {
  readonly code: ReasonCode;
  /** One clause without a full stop. */
  readonly text: string;
}

export interface Explanation {
  /** The reasons in one line. */
  readonly summary: string;
  /** All that holds now; what would have to change first comes first. */
  readonly reasons: readonly Reason[];
  /** Every node that has a session, by name; only the one that executes it, of a module that is claimed; none of one that has ended. */
  readonly nodes: readonly NodeAnswer[];
}

/** Ready modules of a run that are kept by the same. */
export interface ExplainedGroup extends Explanation {
  /** In file order, at most EXPLAIN_GROUP_NAMES_MAX. */
  readonly modules: readonly string[];
  readonly count: number;
}

export interface ExplainInit {
  /** Wall ms. @default that of the newest entry */
  readonly now?: number;
  /** As the leader knows the sessions; undefined when only the log is at hand. */
  readonly outlook?: readonly NodeOutlook[] | undefined;
}

/** Explains many modules of one state at one moment; what they share is looked at once. */
export class Explainer {
  readonly #state: CellState;
  readonly #now: number;
  readonly #outlook: ReadonlyMap<SessionId, NodeOutlook> | undefined;
  readonly #stands = new Map<string, readonly NodeStand[]>();
  #competition: Competition | undefined;

  constructor(state: CellState, { now, outlook }: ExplainInit = {}) {
    this.#state = state;
    this.#now = Math.max(now ?? 0, state.now);
    this.#outlook = outlook && new Map(outlook.map((one) => [one.session, one]));
  }

  module(module: ModuleRecord): Explanation {
    const { phase } = module;
    if (isFinal(phase)) return { ...explanation([{ code: 'ended', text: this.#ended(module) }]), nodes: [] };
    if (phase === 'claimed') return this.#executing(module);
    const stands = this.#standsOf(module);
    const kept = phase === 'waiting' ? waitingReasons(this.#state, module, this.#now) : admissionReasons(this.#state, module, this.#now);
    const placement = placementReason(stands);
    // A node that is only full now says nothing about a module that could not use it anyway.
    const reasons = placement === undefined || (kept.length > 0 && placement.code === 'full') ? kept : [...kept, placement];
    const nodes = stands.map(({ node, nodeId, verdict, text }) => ({ node, nodeId, verdict, text }));
    return { ...explanation(reasons.length === 0 ? [{ code: 'soon', text: 'about to be claimed' }] : reasons), nodes };
  }

  /** The ready modules of a run, together where the same keeps them; at most EXPLAIN_GROUPS_MAX groups, largest first. */
  run(run: RunRecord): ExplainedGroup[] {
    if (isRunFinal(run.phase) || countOf(run, 'ready') === 0) return [];
    const groups = new Map<string, ModuleRecord[]>();
    for (const module of run.modules) {
      if (module.phase !== 'ready') continue;
      const key = groupKey(module, this.#now);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [module]);
      else group.push(module);
    }
    const largest = [...groups.values()].sort((a, b) => b.length - a.length || a[0]!.index - b[0]!.index).slice(0, EXPLAIN_GROUPS_MAX);
    return largest.map((modules) => ({
      modules: modules.slice(0, EXPLAIN_GROUP_NAMES_MAX).map(({ index }) => run.spec.modules[index]!.name),
      count: modules.length,
      ...this.module(modules[0]!),
    }));
  }

  #standsOf({ requirement, run, index }: ModuleRecord): readonly NodeStand[] {
    const priority = priorityOf(run.spec, run.spec.modules[index]!);
    const key = `${priority} ${requirement.key}`;
    let stands = this.#stands.get(key);
    if (stands === undefined) {
      this.#competition ??= new Competition(this.#state, this.#now);
      stands = nodeStands(this.#state, requirement, this.#outlook, { priority, competition: this.#competition });
      this.#stands.set(key, stands);
    }
    return stands;
  }

  #executing(module: ModuleRecord): Explanation {
    const { run, index, attempt, note, session, nodeId } = module;
    const { attempts } = run.spec.modules[index]!.retry;
    const which = attempt > 1 || attempts > 1 ? ` (attempt ${attempt} of ${attempts})` : '';
    const silentMs = this.#outlook?.get(session)?.silentMs ?? 0;
    const silent = silentMs > 0 ? `; ${nodeName(this.#state, nodeId)} does not answer (last heard of ${span(silentMs)} ago)` : '';
    const where = onNode(this.#state, module, this.#now);
    const text = `runs ${where}${which}${silent}${note === '' ? '' : `; ${note}`}`;
    const nodes: NodeAnswer[] = nodeId === '' ? [] : [{ node: nodeName(this.#state, nodeId), nodeId, verdict: 'executes', text: `executes it for ${span(this.#now - module.startedAt)}` }];
    return { ...explanation([{ code: 'executing', text }]), nodes };
  }

  #ended({ phase, nodeId, note, outcome }: ModuleRecord): string {
    if (phase === 'succeeded') return `succeeded on ${nodeName(this.#state, nodeId)}`;
    return note === '' ? `${phase}${outcome?.error == null ? '' : `: ${outcome.error.code}`}` : note;
  }
}

function explanation(reasons: readonly Reason[]): Pick<Explanation, 'summary' | 'reasons'> {
  return { summary: reasons.map(({ text }) => text).join('; '), reasons };
}

/** Modules with one key are kept by the same. */
function groupKey(module: ModuleRecord, now: number): string {
  const { run, index, requirement, notBefore } = module;
  const spec = run.spec.modules[index]!;
  const limits = modulePolicy(spec).limits.map(({ key, max }) => `${max} ${key}`);
  return JSON.stringify([requirement.key, priorityOf(run.spec, spec), notBefore > now ? [notBefore, module.failures] : 0, limits]);
}

/** @returns one line without a full stop; '' for a module that does not exist. */
export function explain(state: CellState, run: RunNumber, module: number, init?: ExplainInit): string {
  const record = moduleAt(state, run, module);
  return record === undefined ? '' : new Explainer(state, init).module(record).summary;
}
