/**
 * Why a module is not running, in words that name what would help: what keeps it whatever the node, and what each node
 * could do for it. Pure: whoever asks says what time it is and what is known of the sessions beyond the log.
 */
import { moduleName, openNeeds, specOf } from '../cell/accessors.ts';
import { itemsText } from '../cell/foreach.ts';
import { limitsOf } from '../cell/seats.ts';
import { countOf, isFinal, isRunFinal, moduleAt, type CellState, type ModuleRecord, type RunRecord } from '../cell/state.ts';
import type { NodeId, RunNumber, SessionId } from '../lib/ids.ts';
import { sizeText } from '../lib/size-text.ts';
import { Competition, priorityOf } from './explain-ahead.ts';
import { inputPlaces, missingBytes, type InputPlaces } from './locality.ts';
import { nodeStands, placementReason, type NodeAnswer, type NodeOutlook, type NodeStand } from './explain-nodes.ts';
import { holderReason, placementShown, type PlacementShown, type PlacementSource } from './explain-placement.ts';
import { admissionReasons, fileReasons, waitingReasons } from './explain-reasons.ts';
import { nodeName, onNode, span } from './explain-words.ts';
import { EXPLAIN_GROUP_NAMES_MAX, EXPLAIN_GROUPS_MAX, FETCHED_BYTES_MIN } from './limits.ts';

export type ReasonCode =
  | 'needs' | 'barrier' | 'retry' | 'queue-paused' | 'run-paused' | 'parallel' | 'limit'
  | 'again' | 'inputs'
  | 'no-nodes' | 'unfit' | 'drained' | 'silent' | 'closed' | 'full'
  /** Others have room; it is done sooner on a node that has its inputs and is full. */
  | 'holder'
  /** Nothing keeps it. */
  | 'soon'
  /** Said by a node that knows of no leader, never here. */
  | 'no-leader'
  /** Its items are executed. */
  | 'items'
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
  /** Every node that has a session, by name; only those that execute it, of a module that is claimed; none of one that has ended. */
  readonly nodes: readonly NodeAnswer[];
  /** Where it goes, or was sent, with what that costs; null where nobody leads, for what waits for others or has ended, and when its leader does not know any more. */
  readonly placement: PlacementShown | null;
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
  /** The planner of whoever leads; undefined when only the log is at hand. */
  readonly placements?: PlacementSource | undefined;
}

interface NodesView {
  readonly stands: readonly NodeStand[];
  /** Why none of them takes it, if nothing else keeps it. */
  readonly placement: Reason | undefined;
}

/** Explains many modules of one state at one moment; what they share is looked at once. */
export class Explainer {
  readonly #state: CellState;
  readonly #now: number;
  readonly #outlook: ReadonlyMap<SessionId, NodeOutlook> | undefined;
  readonly #views = new Map<string, NodesView>();
  #competition: Competition | undefined;
  readonly #placements: PlacementSource | undefined;

  constructor(state: CellState, { now, outlook, placements }: ExplainInit = {}) {
    this.#state = state;
    this.#now = Math.max(now ?? 0, state.now);
    this.#placements = placements;
    this.#outlook = outlook && new Map(outlook.map((one) => [one.session, one]));
  }

  module(module: ModuleRecord): Explanation {
    const reasons = this.#reasons(module);
    return { summary: inOneLine(reasons), reasons, nodes: this.#nodes(module), placement: this.#placement(module) };
  }

  /** The reasons in one line, without looking at each node again for each module. */
  summary(module: ModuleRecord): string {
    return inOneLine(this.#reasons(module));
  }

  #reasons(module: ModuleRecord): readonly Reason[] {
    const { phase } = module;
    if (isFinal(phase)) return [{ code: 'ended', text: this.#ended(module) }];
    if (phase === 'claimed') return [{ code: 'executing', text: this.#executing(module) }];
    if (phase === 'expanded') return [{ code: 'items', text: itemsText(module) }];
    const kept = phase === 'waiting' ? waitingReasons(this.#state, module, this.#now) : admissionReasons(this.#state, module, this.#now);
    const { placement } = this.#view(module);
    const files = fileReasons(this.#state, module);
    const isHeld = kept.length > 0 || files.some(({ code }) => code === 'inputs');
    // A node that is only full now says nothing about a module that could not use it anyway.
    if (placement !== undefined && (!isHeld || placement.code !== 'full')) kept.push(placement);
    // Few modules have ever waited so, and of all others the figures need not be worked out.
    if (!isHeld && kept.length === 0 && this.#placements?.hasWaited(module) === true) kept.push(...holderReason(this.#placement(module)!));
    if (!isHeld && kept.length === 0) kept.push({ code: 'soon', text: 'about to be claimed' });
    return [...kept, ...files];
  }

  #placement(module: ModuleRecord): PlacementShown | null {
    if (module.phase !== 'ready' && module.phase !== 'claimed') return null;
    const placement = this.#placements?.of(module);
    return placement === undefined ? null : placementShown(placement);
  }

  #nodes(module: ModuleRecord): readonly NodeAnswer[] {
    const { phase } = module;
    if (isFinal(phase) || phase === 'expanded') return [];
    if (phase !== 'claimed') {
      const places = openNeeds(module) > 0 ? undefined : inputPlaces(module);
      return this.#view(module).stands.map(({ node, nodeId, verdict, text }) => ({ node, nodeId, verdict, text: `${text}${verdict === 'unfit' ? '' : fetchText(places, nodeId)}` }));
    }
    const copies = module.hedge === null ? [module] : [module, module.hedge];
    return copies.flatMap(({ nodeId, startedAt }, second): NodeAnswer[] => {
      const text = `executes ${second === 0 ? 'it' : 'a second copy'} for ${span(this.#now - startedAt)}`;
      return nodeId === '' ? [] : [{ node: nodeName(this.#state, nodeId), nodeId, verdict: 'executes', text }];
    });
  }

  /** The ready modules of a run, together where the same keeps them; at most EXPLAIN_GROUPS_MAX groups, largest first. */
  run(run: RunRecord): ExplainedGroup[] {
    if (isRunFinal(run.phase) || countOf(run, 'ready') === 0) return [];
    const groups = new Map<string, ModuleRecord[]>();
    for (const module of run.modules) {
      if (module.phase !== 'ready') continue;
      const key = [groupKey(module, this.#now), ...fileReasons(this.#state, module).map(({ text }) => text)].join('\n');
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [module]);
      else group.push(module);
    }
    const largest = [...groups.values()].sort((a, b) => b.length - a.length || a[0]!.index - b[0]!.index).slice(0, EXPLAIN_GROUPS_MAX);
    return largest.map((modules) => ({
      modules: modules.slice(0, EXPLAIN_GROUP_NAMES_MAX).map(moduleName),
      count: modules.length,
      ...this.module(modules[0]!),
    }));
  }

  /** The nodes as all modules of one priority and requirement see them. */
  #view(module: ModuleRecord): NodesView {
    const { requirement, run } = module;
    const priority = priorityOf(run.spec, specOf(module));
    const key = `${priority} ${requirement.key}`;
    let view = this.#views.get(key);
    if (view === undefined) {
      this.#competition ??= new Competition(this.#state, this.#now);
      const stands = nodeStands(this.#state, requirement, this.#outlook, { priority, competition: this.#competition });
      this.#views.set(key, (view = { stands, placement: placementReason(stands, this.#competition.isPart) }));
    }
    return view;
  }

  #executing(module: ModuleRecord): string {
    const { attempt, note, session, nodeId, hedge, fence } = module;
    const { attempts } = specOf(module).retry;
    const which = attempt > 1 || attempts > 1 ? ` (attempt ${attempt} of ${attempts})` : '';
    const silentMs = this.#outlook?.get(session)?.silentMs ?? 0;
    const silent = silentMs > 0 ? `; ${nodeName(this.#state, nodeId)} does not answer (last heard of ${span(silentMs)} ago)` : '';
    const { committing, fetching } = this.#outlook?.get(session) ?? {};
    if (committing?.has(fence) === true) return `has ended on ${nodeName(this.#state, nodeId)}; its result counts when another node has a copy of its files`;
    const does = fetching?.has(fence) === true ? 'its inputs are being fetched' : 'runs';
    const copy = hedge === null ? '' : ` and, as a second copy, ${onNode(this.#state, hedge, this.#now)}`;
    return `${does} ${onNode(this.#state, module, this.#now)}${copy}${which}${silent}${note === '' ? '' : `; ${note}`}`;
  }

  #ended({ phase, nodeId, note, outcome }: ModuleRecord): string {
    if (phase === 'succeeded' && nodeId !== '') return `succeeded on ${nodeName(this.#state, nodeId)}`;
    return note === '' ? `${phase}${outcome?.error == null ? '' : `: ${outcome.error.code}`}` : note;
  }
}

function inOneLine(reasons: readonly Reason[]): string {
  return reasons.map(({ text }) => text).join('; ');
}

/** Modules with one key are kept by the same. */
function groupKey(module: ModuleRecord, now: number): string {
  const { run, requirement, notBefore, failures } = module;
  const limits = limitsOf(module);
  const retry = notBefore > now ? `${notBefore} ${failures}` : '';
  const keys = limits.length === 0 ? '' : limits.map(({ key, max }) => `${max} ${key}`).join('\n');
  return `${priorityOf(run.spec, specOf(module))} ${retry} ${requirement.key}\n${keys}`;
}

/** @returns one line without a full stop; '' for a module that does not exist. */
export function explain(state: CellState, run: RunNumber, module: number, init?: ExplainInit): string {
  const record = moduleAt(state, run, module);
  return record === undefined ? '' : new Explainer(state, init).summary(record);
}

/** What would have to come to the node before the module can begin, where that decides. */
function fetchText(places: InputPlaces | undefined, node: NodeId): string {
  if (places === undefined || places.totalBytes < FETCHED_BYTES_MIN) return '';
  const bytes = missingBytes(places, node);
  return bytes === 0 ? '; has all of its input files' : `; ${sizeText(bytes)} of its ${sizeText(places.totalBytes)} of input files are elsewhere`;
}
