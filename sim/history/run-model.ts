/**
 * S23, the sequential specification: what the answers to clients mean for one run, if each operation took effect at one
 * instant between its beginning and its end.
 *
 * - **submit** with a request key makes the run, the first time. `duplicate: false` is told to at most one submit, the one
 *   that made it; every other is told the same run. (`duplicate: true` may be told to the one that made it: its node tried
 *   again for it.)
 * - **cancel** told `cancelled`: the run was live or cancelled, and is cancelled from then on. Told `final`: it has ended,
 *   perhaps by this very cancel, which its node tried twice. Told `unknownRun`: no such run was ever made.
 * - **read, strong**: exactly the state of that instant.
 * - **read, local**: a state of that instant or of any earlier one, never of a later one. A run only ever moves forward, so
 *   that is a lower bound. (What one session sees in a row is another rule, stale-reads.ts.)
 * - **result**: returns once the run has ended, with how.
 *
 * Between operations the run moves by itself, forward only: queued, running, then succeeded or failed (paused in between, whenever), and never cancelled
 * by itself; each module from open to its one result, and open again in a later generation when its files were lost. How far it has moved is learned when somebody looks.
 *
 * Holds within what a cell remembers of ended runs and of request keys (docs/reference/limits.md).
 */
import type { Call, Reply, RunSeen } from './events.ts';
import type { Model } from './wgl.ts';

/** `ended`: somebody was told `final`, which does not say how. */
export type KnownPhase = RunSeen['phase'] | 'ended';

/** What is known of the run at one point of an order. */
export interface KnownRun {
  /** '' while no answer has named it. */
  readonly run: string;
  readonly phase: KnownPhase;
  /** '' = open as far as known; empty = nothing known. */
  readonly modules: readonly string[];
}

const ABSENT = null;
type State = KnownRun | typeof ABSENT;

/** A run may be paused and resumed as long as it lives, and is then again what it was. */
const rank: Readonly<Record<KnownPhase, number>> = { queued: 0, paused: 0, running: 1, ended: 2, succeeded: 2, failed: 2, cancelled: 2 };

export function isEnded(phase: KnownPhase): boolean {
  return rank[phase] === 2;
}

/** What a module looks like: its generation, and its result in that one, '' while it is open. */
function apart(text: string): { readonly generation: number; readonly result: string } {
  const [, generation, result] = /^#(\d+) (.*)$/.exec(text) ?? [];
  return generation === undefined ? { generation: 1, result: text } : { generation: Number(generation), result: result ?? '' };
}

/** Can a module that looked like `before` look like `after` later? A generation has one result; a later one begins anew. */
function moduleReaches(before: string, after: string): boolean {
  const [a, b] = [apart(before), apart(after)];
  if (a.generation !== b.generation) return a.generation < b.generation;
  return a.result === '' || isSameResult(a.result, b.result);
}

/** The digest of one module's one result; two that tell different amounts agree as far as both tell. */
function isSameResult(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b} `) || b.startsWith(`${a} `);
}

/** Can a run that looked like `before` look like `after` later (or at the same instant)? */
export function reaches(before: Pick<KnownRun, 'phase' | 'modules'>, after: Pick<KnownRun, 'phase' | 'modules'>): boolean {
  if (after.phase === 'paused' ? isEnded(before.phase) : rank[after.phase] < rank[before.phase]) return false;
  if (isEnded(before.phase) && before.phase !== after.phase && before.phase !== 'ended' && after.phase !== 'ended') return false;
  if (before.modules.length === 0 || after.modules.length === 0) return true;
  // The items of a list come in addition when it is known, and not when all has ended.
  const more = after.modules.length - before.modules.length;
  const over = before.modules.every((module) => apart(module).result !== '');
  return (over ? more === 0 : more >= 0) && before.modules.every((module, i) => moduleReaches(module, after.modules[i]!));
}

/** A view that no run can have: it has ended exactly when its last module has. */
export function isPossible({ phase, modules }: RunSeen): boolean {
  return modules.length === 0 || isEnded(phase) === modules.every((module) => apart(module).result !== '');
}

/** Both are true of the run at some time: what is known then. @returns undefined if they contradict each other. */
function join(known: KnownRun, seen: RunSeen): KnownRun | undefined {
  const modules = known.modules.length === 0 ? seen.modules : seen.modules.length === 0 ? known.modules : joined(known.modules, seen.modules);
  const phase = rank[seen.phase] > rank[known.phase] || (known.phase === 'ended' && isEnded(seen.phase)) ? seen.phase : known.phase;
  const both: KnownRun = { run: known.run, phase, modules };
  return reaches(known, both) && reaches(seen, both) ? both : undefined;
}

function joined(known: readonly string[], seen: readonly string[]): readonly string[] {
  const more = known.length >= seen.length ? known : seen;
  return more.map((_, i) => longer(known[i] ?? '', seen[i] ?? ''));
}

function longer(a: string, b: string): string {
  const [left, right] = [apart(a), apart(b)];
  if (left.generation !== right.generation) return left.generation > right.generation ? a : b;
  return left.result.length >= right.result.length ? a : b;
}

export interface RunModelInit {
  /** The run was made by a client whose history is not here: it may exist from the start, and be cancelled at any time. */
  readonly foreign: boolean;
}

export function runModel({ foreign }: RunModelInit): Model<State, Call, Reply> {
  return {
    init: ABSENT,
    onlyForward: true,
    step(state, call, reply) {
      // A run of others shows itself when it is first looked at.
      const shows = foreign && state === ABSENT && call.type !== 'submit' && reply !== undefined && reply.type !== 'unknownRun';
      const before: State = shows ? { run: '', phase: 'queued', modules: [] } : state;
      switch (call.type) {
        case 'submit':
          return submitted(before, reply);
        case 'cancel':
          return cancelled(before, reply);
        case 'read':
          return seen(before, call.run, reply, call.consistency === 'strong', foreign);
        case 'result':
          return reply?.type === 'run' && !isEnded(reply.phase) ? undefined : seen(before, call.run, reply, false, foreign);
      }
    },
    key: (state) => (state === ABSENT ? 'no run' : `${state.run || 'a run'} ${state.phase} [${state.modules.map((result) => result || '·').join(', ')}]`),
  };
}

function submitted(state: State, reply: Reply | undefined): State | undefined {
  if (reply === undefined) return state ?? { run: '', phase: 'queued', modules: [] };
  if (reply.type !== 'accepted') return undefined;
  if (state === ABSENT) return { run: reply.run, phase: 'queued', modules: [] };
  if (!reply.duplicate) return undefined;
  return named(state, reply.run);
}

/** The same run under the name that an answer gives it. */
function named(state: KnownRun, run: string): KnownRun | undefined {
  if (state.run === run) return state;
  return state.run === '' ? { ...state, run } : undefined;
}

function cancelled(state: State, reply: Reply | undefined): State | undefined {
  if (state === ABSENT) return reply === undefined || reply.type === 'unknownRun' ? ABSENT : undefined;
  switch (reply?.type) {
    case undefined:
      return isEnded(state.phase) ? state : { ...state, phase: 'cancelled' };
    case 'cancelled':
      return state.phase === 'succeeded' || state.phase === 'failed' ? undefined : { ...state, phase: 'cancelled' };
    case 'final':
      return isEnded(state.phase) ? state : { ...state, phase: 'ended' };
    default:
      return undefined;
  }
}

function seen(state: State, run: string, reply: Reply | undefined, strong: boolean, foreign: boolean): State | undefined {
  if (reply === undefined) return state;
  if (reply.type === 'unknownRun') return state === ABSENT || !strong ? state : undefined;
  if (reply.type !== 'run' || state === ABSENT || !isPossible(reply)) return undefined;
  const same = named(state, run);
  if (same === undefined) return undefined;
  // Nothing but a cancel cancels.
  if (reply.phase === 'cancelled' && !isEnded(same.phase) && !foreign) return undefined;
  if (strong && !reaches(same, reply)) return undefined;
  return join(same, reply);
}
