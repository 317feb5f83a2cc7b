/** A claim as the leader names it, and what the executor is told of it. */
import type { RunningClaim, RunSpec } from '../core/cell/types.ts';
import type { RunId } from '../core/lib/ids.ts';
import type { Execution } from '../ports/executor.ts';
import type { AssignItem } from '../protocol/messages.ts';

export function executionOf(item: AssignItem, runId: RunId, spec: RunSpec): Execution {
  const module = spec.modules[item.module]!;
  const needs = Object.fromEntries(module.needs.map((need, position) => [spec.modules[need]!.name, item.needs[position] ?? {}]));
  return {
    runId,
    run: item.run,
    runName: spec.name,
    module: item.module,
    spec: module,
    fence: item.fence,
    generation: item.generation,
    attempt: item.attempt,
    params: spec.params,
    env: spec.env,
    needs,
    inputs: [],
    checkpoint: [],
    idempotencyKey: `${runId}/${module.name}/${item.inputsHash}`,
    bundle: (hash) => spec.bundles[hash],
  };
}

export function claimOf(item: AssignItem): RunningClaim {
  return { run: item.run, module: item.module, fence: item.fence };
}
