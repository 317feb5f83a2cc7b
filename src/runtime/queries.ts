/** Reads by name, answered as JSON from a state: here, or on a node that was asked to. */
import { isRunFinal, type CellState, type RunRecord } from '../core/cell/state.ts';
import { findRun } from '../core/cell/accessors.ts';
import { explainModule } from '../core/plan/explain.ts';
import type { Json, RunPhase } from '../core/cell/types.ts';
import { SkeinError } from '../errors.ts';
import type { Leader } from './leader.ts';
import { listRuns, runSummary, runView } from './views.ts';

export const RUNS_LISTED_MAX = 10_000;

/** @param leader this node's leader side if it leads: it knows the sessions best. */
export function answerQuery(state: CellState, leader: Leader | undefined, query: string, argument: Json): Json | SkeinError {
  switch (query) {
    case 'runs': {
      if (argument === null || typeof argument !== 'object') return new SkeinError('REQUEST_INVALID', 'runs are asked for with a limit and a phase');
      const { limit, phase } = argument as { limit?: number; phase?: RunPhase | '' };
      const bound = typeof limit === 'number' && limit > 0 ? Math.min(limit, RUNS_LISTED_MAX) : RUNS_LISTED_MAX;
      return plain(listRuns(state, { limit: bound, ...(phase === undefined || phase === '' ? {} : { phase }) }));
    }
    case 'run':
      return withRun(state, argument, (run) => plain(runView(state, run, (module) => explainModule(state, module, leader?.plannable()))));
    case 'resolve':
      return withRun(state, argument, (run) => plain({ number: run.number, final: isRunFinal(run.phase), summary: runSummary(run) }));
    case 'counts':
      return { live: state.runs.size - state.finished.size, finished: state.finished.size };
    default:
      return new SkeinError('REQUEST_INVALID', `unknown query ${query}`);
  }
}

function withRun(state: CellState, argument: Json, answer: (run: RunRecord) => Json): Json | SkeinError {
  const found = typeof argument === 'string' ? findRun(state, argument) : undefined;
  if (found === undefined) return new SkeinError('RUN_NOT_FOUND', `no run has the id ${JSON.stringify(argument)}, or more than one begins with it`);
  return answer(found);
}

/** Views hold nothing but JSON; this only tells the compiler. */
function plain(value: unknown): Json {
  return value as Json;
}
