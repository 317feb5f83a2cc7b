/** How far a run is: what its modules say, and how long it may still take. */
import { moduleEtaMs, runEtaMs } from '../../core/plan/eta.ts';
import { moduleName } from '../../core/cell/accessors.ts';
import { isRunFinal, type CellState, type RunRecord } from '../../core/cell/state.ts';
import type { Fence } from '../../core/lib/ids.ts';
import type { Progress } from '../../ports/executor.ts';
import type { RunProgress } from '../api.ts';
import { ETA_MODULES_MAX } from './limits.ts';

/** @param now wall ms. */
export function runProgress(state: CellState, run: RunRecord, now: number, progressOf: (fence: Fence) => Progress | undefined): RunProgress {
  const running = run.modules.filter(({ phase }) => phase === 'claimed');
  const fractionOf = (fence: Fence): number | null | undefined => progressOf(fence)?.fraction;
  const whole = (etaMs: number | null): number | null => (etaMs === null ? null : Math.round(etaMs));
  return {
    runId: run.runId,
    etaMs: isRunFinal(run.phase) || run.modules.length > ETA_MODULES_MAX ? null : whole(runEtaMs(state, run, now, fractionOf)),
    modules: running.map((module) => {
      const { fraction = null, message = '' } = progressOf(module.fence) ?? {};
      return { module: moduleName(module), fraction, message, etaMs: whole(moduleEtaMs(state, module, now, fraction)) };
    }),
  };
}
