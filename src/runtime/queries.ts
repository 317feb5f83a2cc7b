/** Reads by name, answered as JSON from a state: here, or on a node that was asked to. */
import { isRunFinal, type CellState, type ModuleRecord, type RunRecord } from '../core/cell/state.ts';
import { findRun } from '../core/cell/accessors.ts';
import { moduleName } from '../core/cell/accessors.ts';
import { Explainer, type ExplainInit } from '../core/plan/explain.ts';
import type { Json, RunPhase } from '../core/cell/types.ts';
import { SkeinError } from '../errors.ts';
import { answerNeeds } from './blobs/needs.ts';
import { queueView } from './queue-view.ts';
import { moduleExplanation, runExplanation } from './explanations.ts';
import { NAMES_LISTED_MAX } from './limits.ts';
import type { Fence } from '../core/lib/ids.ts';
import type { Progress } from '../ports/executor.ts';
import { runProgress } from './progress/view.ts';
import { moduleLogs } from './logs/view.ts';
import { listRuns, nodeWork, runSummary, runView } from './views.ts';

export const RUNS_LISTED_MAX = 10_000;

/** What whoever answers knows beside the state; looked at for answers that need it. */
export type QueryContext = () => ExplainInit & {
  /** How far an execution says it is, as far as whoever answers has heard. */
  readonly progress?: (fence: Fence) => Progress | undefined;
};

export function answerQuery(state: CellState, context: QueryContext, query: string, argument: Json): Json | SkeinError {
  switch (query) {
    case 'runs': {
      if (argument === null || typeof argument !== 'object') return new SkeinError('REQUEST_INVALID', 'runs are asked for with a limit and a phase');
      const { limit, phase } = argument as { limit?: number; phase?: RunPhase | '' };
      const bound = typeof limit === 'number' && limit > 0 ? Math.min(limit, RUNS_LISTED_MAX) : RUNS_LISTED_MAX;
      return plain(listRuns(state, { limit: bound, ...(phase === undefined || phase === '' ? {} : { phase }) }));
    }
    case 'run':
      return withRun(state, argument, (run) => {
        const explainer = new Explainer(state, context());
        return plain(runView(state, run, (module) => explainer.summary(module)));
      });
    case 'explainRun':
      return withRun(state, argument, (run) => {
        const known = context();
        return plain(runExplanation(state, run, new Explainer(state, known), known.now ?? 0));
      });
    case 'explainModule': {
      const { run: id, module: name } = (argument ?? {}) as { run?: Json; module?: Json };
      return withRun(state, id ?? null, (run) => {
        const module = findModule(run, name ?? null);
        return module instanceof SkeinError ? module : plain(moduleExplanation(module, new Explainer(state, context())));
      });
    }
    case 'progress':
      return withRun(state, argument, (run) => {
        const { now, progress } = context();
        return plain(runProgress(state, run, now ?? state.now, progress ?? (() => undefined)));
      });
    case 'moduleLogs': {
      const { run: id, module: name } = (argument ?? {}) as { run?: Json; module?: Json };
      return withRun(state, id ?? null, (run) => {
        const module = findModule(run, name ?? null);
        return module instanceof SkeinError ? module : plain(moduleLogs(state, module));
      });
    }
    case 'nodeWork':
      return typeof argument === 'string' ? plain(nodeWork(state, argument)) : new SkeinError('REQUEST_INVALID', 'the work of a node is asked for with its id');
    case 'queue':
      return plain(queueView(state, context().now ?? 0));
    case 'blobNeeds':
      return answerNeeds(state, argument);
    case 'resolve':
      return withRun(state, argument, (run) => plain({ number: run.number, final: isRunFinal(run.phase), summary: runSummary(run) }));
    case 'counts':
      return { live: state.runs.size - state.finished.size, finished: state.finished.size };
    default:
      return new SkeinError('REQUEST_INVALID', `unknown query ${query}`);
  }
}

function withRun(state: CellState, argument: Json, answer: (run: RunRecord) => Json | SkeinError): Json | SkeinError {
  const found = typeof argument === 'string' ? findRun(state, argument) : undefined;
  if (found === undefined) return new SkeinError('RUN_NOT_FOUND', `no run has the id ${JSON.stringify(argument)}, or more than one begins with it`);
  return answer(found);
}

/** By name, or by a beginning of it that no other module has. */
function findModule(run: RunRecord, name: Json): ModuleRecord | SkeinError {
  const { modules } = run;
  const exact = modules.find((module) => moduleName(module) === name);
  if (exact !== undefined) return exact;
  const begun = typeof name === 'string' && name !== '' ? modules.filter((module) => moduleName(module).startsWith(name)) : [];
  // `enc` means `encode`, though its items begin with that, too.
  const own = begun.filter(({ item }) => item === -1);
  const found = own.length > 0 ? own : begun;
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  const why = found.length === 0 ? 'no module' : `${found.length} modules`;
  const known = (found.length === 0 ? modules : found).map(moduleName);
  const shown = known.length > NAMES_LISTED_MAX ? `${known.slice(0, NAMES_LISTED_MAX).join(', ')} and ${known.length - NAMES_LISTED_MAX} more` : known.join(', ');
  return new SkeinError('MODULE_NOT_FOUND', `run ${run.shortId} has ${why} called ${JSON.stringify(name).slice(0, 200)}; it has ${shown}`);
}

/** Views hold nothing but JSON; this only tells the compiler. */
function plain(value: unknown): Json {
  return value as Json;
}
