/** The environment variables of modules: the node's own without what is Skein's, then the pipeline's, then SKEIN_*. */
import type { Json } from '../../core/cell/types.ts';
import type { Execution, ExecutionItem } from '../../ports/executor.ts';
import { ITEM_PATH_VARIABLE, MARKER_VARIABLE } from './messages.ts';
import { inputPath } from './work-folder.ts';

/**
 * What modules get of the node's environment. The node's own options are left out, since one of them may be the
 * cluster's key, and so is what Node.js uses between its own processes.
 */
export function baseEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || name.startsWith('SKEIN_') || name.startsWith('NODE_CHANNEL_') || name === 'NODE_TEST_CONTEXT' || name === 'NODE_UNIQUE_ID') continue;
    kept[name] = value;
  }
  kept['CI'] = 'true';
  return kept;
}

/** The supervisor is not to be debugged, preloaded or measured along with the node. A mark from outside is kept. */
export function supervisorEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept = baseEnvironment(env);
  for (const name of ['NODE_OPTIONS', 'NODE_V8_COVERAGE']) delete kept[name];
  const mark = env[MARKER_VARIABLE];
  if (mark !== undefined) kept[MARKER_VARIABLE] = mark;
  return kept;
}

/** @param pipelineEnv `env` of run and module, expressions resolved. Ours come last: a module cannot fake its identity. */
export function commandEnvironment(execution: Execution, pipelineEnv: Readonly<Record<string, string>>, nodeName: string): Record<string, string> {
  return {
    ...pipelineEnv,
    SKEIN_RUN_ID: execution.runId,
    SKEIN_MODULE: execution.spec.name,
    SKEIN_ATTEMPT: String(execution.attempt),
    SKEIN_FENCE: String(execution.fence),
    SKEIN_NODE: nodeName,
    SKEIN_IDEMPOTENCY_KEY: execution.idempotencyKey,
    ...(execution.item === undefined ? {} : { SKEIN_ITEM_INDEX: String(execution.item.index) }),
  };
}

/** Resolves `${{ … }}` in the values of `env`. Throws SkeinError; its code becomes the module's. */
export type EvaluateEnv = (
  env: Readonly<Record<string, string>>,
  context: {
    readonly params: Readonly<Record<string, Json>>;
    readonly needs: Readonly<Record<string, { readonly outputs: Readonly<Record<string, Json>> }>>;
    readonly run: { readonly id: string; readonly name: string };
    readonly item?: EvaluatedItem;
  },
) => Record<string, string>;

/** What `item` means in expressions: a value, or a file by its path on this disk. */
interface EvaluatedItem {
  readonly index: number;
  readonly value: Json;
  readonly path?: string;
}

/** @param folder of the execution. */
export function evaluatedItem({ index, value, file }: ExecutionItem, folder: () => string): EvaluatedItem {
  return file === null ? { index, value } : { index, value, path: inputPath(folder(), ITEM_PATH_VARIABLE, file.path) };
}
