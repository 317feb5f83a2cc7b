/** What keeps a module whatever the node: its needs, the barrier, a retry, pauses, the limits of its run and its own. */
import { liveClaims, moduleName, specOf } from '../cell/accessors.ts';
import { isOwnKey, itemsText } from '../cell/foreach.ts';
import { runPolicy } from '../cell/policy.ts';
import { holdersOf, limitsOf } from '../cell/seats.ts';
import { moduleAt, type CellState, type ModuleRecord, type Pause, type RunRecord, type Seat } from '../cell/state.ts';
import type { Limit } from '../cell/types.ts';
import { absentSources } from './absent-inputs.ts';
import type { Reason } from './explain.ts';
import { counted, listed, nodeName, moduleLabel, onNode, ordinal, span } from './explain-words.ts';
import { NAMES_SHOWN_MAX } from './limits.ts';

/** Of a module that waits for others. */
export function waitingReasons(state: CellState, module: ModuleRecord, now: number): Reason[] {
  return [...needsReason(state, module, now), ...barrierReason(module), ...pauseReasons(state, module.run, now)];
}

/** Of a module that is ready. */
export function admissionReasons(state: CellState, module: ModuleRecord, now: number): Reason[] {
  return [...retryReason(module, now), ...pauseReasons(state, module.run, now), ...parallelReason(module.run), ...limitReasons(state, module, now)];
}

/** Those that are executed first, then those that could be. */
function needsReason(state: CellState, module: ModuleRecord, now: number): Reason[] {
  const { run } = module;
  const open = specOf(module).needs.map((need) => run.modules[need]!).filter(({ phase }) => phase !== 'succeeded');
  if (open.length === 0) return [];
  const rank = ({ phase }: ModuleRecord): number => (phase === 'claimed' || phase === 'expanded' ? 0 : phase === 'ready' ? 1 : 2);
  const names = open.sort((a, b) => rank(a) - rank(b) || a.index - b.index).map((need) => {
    const name = moduleName(need);
    if (need.phase === 'expanded') return `${name} (${itemsText(need)})`;
    return need.phase === 'claimed' ? `${name} (running ${onNode(state, need, now)})` : need.phase === 'ready' ? `${name} (ready)` : name;
  });
  return [{ code: 'needs', text: `waits for ${listed(names)}` }];
}

/** Files that are lost: its own, which explains what is seen, and those that it takes, for which it waits. */
export function fileReasons(state: CellState, module: ModuleRecord): Reason[] {
  const { generation, phase } = module;
  const again: Reason[] = generation === 1 ? [] : [{ code: 'again', text: `runs again, for the ${ordinal(generation)} time, since all copies of its files were lost` }];
  const inputs = phase === 'ready' ? inputsText(state, module) : '';
  return inputs === '' ? again : [...again, { code: 'inputs', text: inputs }];
}

/** Inputs that no node has that is there. Somebody may come back; else what made them runs again. */
function inputsText(state: CellState, module: ModuleRecord): string {
  const texts = new Set<string>();
  for (const source of absentSources(state, module)) {
    const name = moduleName(source);
    const gone = source.holders.map((node) => nodeName(state, node));
    if (gone.length === 0) texts.add(`the files of ${name} are lost`);
    else texts.add(`needs files of ${name}, and ${listed(gone)}, which ${gone.length === 1 ? 'has' : 'have'} them, ${gone.length === 1 ? 'is' : 'are'} not there; if nobody comes back, ${name} runs again`);
    if (texts.size >= NAMES_SHOWN_MAX) break;
  }
  return [...texts].join('; ');
}

function barrierReason({ run, template }: ModuleRecord): Reason[] {
  const { waves } = run;
  if (waves === null || waves.of[template]! <= waves.current) return [];
  const wave = waves.of[template]! + 1;
  const left = waves.open[waves.current]!;
  return [{ code: 'barrier', text: `is in wave ${wave} of ${waves.open.length}; wave ${waves.current + 1} has ${counted(left, 'module')} left (barrier)` }];
}

function retryReason(module: ModuleRecord, now: number): Reason[] {
  if (module.notBefore <= now) return [];
  const { attempts } = specOf(module).retry;
  const code = module.outcome?.error?.code;
  if (module.inputsMissed > 0 && module.failures === 0) return [{ code: 'retry', text: `an input was not found on any node, looked for again in ${Math.ceil((module.notBefore - now) / 1_000)} s` }];
  const attempt = module.failures === 0 ? '' : ` (attempt ${module.failures + 1} of ${attempts}${code === undefined ? '' : `, after ${code}`})`;
  return [{ code: 'retry', text: `next attempt in ${Math.ceil((module.notBefore - now) / 1_000)} s${attempt}` }];
}

export function pauseReasons(state: CellState, run: RunRecord, now: number): Reason[] {
  const reasons: Reason[] = [];
  if (state.queuePaused !== null) reasons.push({ code: 'queue-paused', text: `the queue ${paused(state.queuePaused, now)}` });
  if (run.paused !== null) reasons.push({ code: 'run-paused', text: `the run ${paused(run.paused, now)}` });
  return reasons;
}

function paused({ at, reason }: Pause, now: number): string {
  return `has been paused for ${span(now - at)}${reason === '' ? '' : ` (${reason})`}`;
}

function parallelReason(run: RunRecord): Reason[] {
  const { parallelMax } = runPolicy(run.spec);
  if (parallelMax === 0 || liveClaims(run) < parallelMax) return [];
  return [{ code: 'parallel', text: `the run is at its max-parallel of ${parallelMax}` }];
}

function limitReasons(state: CellState, module: ModuleRecord, now: number): Reason[] {
  return limitsOf(module).flatMap((limit): Reason[] => {
    const holders = holdersOf(state, limit.key);
    if (holders.length >= limit.max && isOwnKey(limit.key)) return [{ code: 'parallel', text: `${specOf(module).name} is at its max-parallel of ${limit.max}` }];
    return holders.length < limit.max ? [] : [{ code: 'limit', text: limitText(state, limit, holders, now) }];
  });
}

function limitText(state: CellState, { key, max }: Limit, holders: readonly Seat[], now: number): string {
  const shown = holders.slice(0, NAMES_SHOWN_MAX).map((seat) => holderText(state, seat, now));
  const more = holders.length > shown.length ? ` and ${holders.length - shown.length} more` : '';
  return max === 1 ? `mutex ${key} is held by ${shown.join(', ')}${more}` : `limit ${key}: ${holders.length} of ${max} held by ${shown.join(', ')}${more}`;
}

/** `run ab3d/encode on node-c for 14 s`. A claim that was told to stop holds its seat until its node says that it stopped. */
export function holderText(state: CellState, seat: Seat, now: number): string {
  const module = moduleAt(state, seat.run, seat.module);
  const node = nodeName(state, state.sessions.get(seat.session)?.nodeId ?? '');
  if (module === undefined) return `a run that is gone, on ${node}, until it has stopped there`;
  const live = module.phase === 'claimed' && module.fence === seat.fence;
  return `run ${moduleLabel(module)} ${live ? onNode(state, module, now) : `on ${node}, until it has stopped there`}`;
}
