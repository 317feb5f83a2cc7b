/** Submit, in one entry or in parts: a new run, once per request key. */
import { assert } from '../lib/assert.ts';
import { touchPipeline } from './learned.ts';
import { LIVE_MODULES_MAX, LIVE_RUNS_MAX } from './limits.ts';
import { refuse, type Applied } from './reply.ts';
import { addPart, answerForKey, dropUnfinished, rememberKey } from './requests.ts';
import { newRun } from './run-record.ts';
import { specProblem } from './run-spec.ts';
import type { CellState } from './state.ts';
import type { Command, Reply, RunSpec } from './types.ts';

function refused(reply: Reply): Applied {
  return { reply, events: [] };
}

/** The run number is the index of this entry. A refused key may be used again. */
export function submit(state: CellState, requestKey: string, spec: RunSpec): Applied {
  assert(state.cellId !== '', 'runs are submitted to a founded cell');
  const stored = answerForKey(state, requestKey);
  if (stored !== undefined) return refused(stored);
  const problem = specProblem(spec);
  if (problem !== undefined) return refused(refuse(problem.code, problem.message));
  if (state.runs.size - state.finished.size >= LIVE_RUNS_MAX) return refused(refuse('LIMIT_EXCEEDED', `${LIVE_RUNS_MAX} runs are live`));
  if (state.liveModules + spec.modules.length > LIVE_MODULES_MAX) {
    return refused(refuse('LIMIT_EXCEEDED', `live runs would have more than ${LIVE_MODULES_MAX} modules`));
  }
  const run = newRun(state.cellId, state.appliedIndex, spec, requestKey, state.now, state.appliedIndex);
  state.runs.set(run.number, run);
  state.liveModules += spec.modules.length;
  state.established = true;
  rememberKey(state, requestKey, run.number);
  touchPipeline(state, spec.name);
  return {
    reply: { type: 'run', run: run.number, runId: run.runId, duplicate: false },
    events: [{ type: 'runSubmitted', run: run.number, runId: run.runId, at: state.now }],
  };
}

export function submitPart(state: CellState, command: Extract<Command, { type: 'submitPart' }>): Applied {
  const stored = answerForKey(state, command.requestKey);
  if (stored !== undefined) {
    dropUnfinished(state, command.requestKey);
    return refused(stored);
  }
  const added = addPart(state, command);
  if ('reply' in added) return refused(added.reply);
  const spec = state.hooks.decodeSubmit(added.whole);
  if (spec === undefined) return refused(refuse('REQUEST_INVALID', 'the parts do not make a submit'));
  return submit(state, command.requestKey, spec);
}
