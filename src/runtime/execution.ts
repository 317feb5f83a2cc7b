/** A claim as the leader names it, and what the executor is told of it. */
import { jsonText } from '../core/lib/json-text.ts';
import { own as entryOf } from '../core/lib/own.ts';
import type { Json, RunningClaim, RunSpec } from '../core/cell/types.ts';
import type { RunId } from '../core/lib/ids.ts';
import type { Execution } from '../ports/executor.ts';
import { listedOutputs } from '../core/cell/foreach.ts';
import { seenParams } from '../core/cell/seen-params.ts';
import type { Given } from './blobs/input-gate.ts';
import type { AssignItem } from '../protocol/messages.ts';

export function executionOf(item: AssignItem, runId: RunId, spec: RunSpec): Execution {
  const { item: own } = item;
  const template = spec.modules[own?.template ?? item.module]!;
  const module = own === null ? template : { ...template, name: `${template.name}[${own.number}]` };
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
    params: seenParams(spec, templateOf(item)),
    env: spec.env,
    needs,
    ...(own === null ? {} : { item: { index: own.number, value: own.source.type === 'value' ? inOrder(own.source.value) : null, file: null } }),
    inputs: [],
    checkpoint: [],
    idempotencyKey: `${runId}/${module.name}/${item.inputsHash}`,
    bundle: (name) => entryOf(spec.bundles, name),
  };
}

/** The wire sorts keys, and what the leader hands itself goes over none: an item is to be the same text everywhere. */
function inOrder(value: Json): Json {
  return typeof value === 'object' && value !== null ? (JSON.parse(jsonText(value)) as Json) : value;
}

export function filesOfClaim(claim: AssignItem, { modules }: RunSpec): Given {
  const { inputs, inputHolders, item, checkpoint } = claim;
  const template = templateOf(claim);
  const gathered = modules[template]!.needs.filter((need) => modules[need]!.foreach !== undefined);
  return { inputs, inputHolders, item, checkpoint, gathered: new Set(gathered), listed: listedOutputs(modules, template) };
}

/** Position of its specification. */
export function templateOf({ module, item }: AssignItem): number {
  return item?.template ?? module;
}

export function claimOf(item: AssignItem): RunningClaim {
  return { run: item.run, module: item.module, fence: item.fence };
}
