/** What a module written in TypeScript looks like: the function behind `uses: ./file.ts#name`, or one registered with `createNode`. */
import type { Json } from '../core/cell/types.ts';

/** Handed to the function. Plain data besides `signal` and `log`; changing it changes nothing outside. */
export interface ModuleContext {
  readonly params: Readonly<Record<string, Json>>;
  /** By module name, as in expressions: `needs.split.outputs.parts`. */
  readonly needs: Readonly<Record<string, { readonly outputs: Readonly<Record<string, Json>> }>>;
  /** `env` of the pipeline and of the module, expressions resolved; not the environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  /** Paths of input files and of folders with input files, by variable: `inputs.SRC`. Read-only. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Where `outputs` are looked for when the function has returned; the working directory meanwhile. '' for a module without `inputs` and `outputs`. */
  readonly workDir: string;
  /** Kept while the function runs, and filled with what an earlier execution left there; '' for a module without `checkpoint`. */
  readonly checkpointDir: string;
  /** From 1; a lost node does not count as an attempt. */
  readonly attempt: number;
  /** Rises with every claim of this module: hand it to systems that can refuse an older one. */
  readonly fence: number;
  readonly runId: string;
  readonly runName: string;
  readonly module: string;
  /** Same for every execution of this module with these inputs: makes effects outside idempotent. */
  readonly idempotencyKey: string;
  /** What the item is, in a module with `foreach` (of files: where it lies), and its place in the list, from 0; else undefined. */
  readonly item?: Json | undefined;
  readonly itemIndex?: number | undefined;
  /** Aborted on cancel and on timeout. A pooled process that does not end within the grace time is killed. */
  readonly signal: AbortSignal;
  /** Adds a line to the log; arguments as for `console.log`. */
  readonly log: (...parts: unknown[]) => void;
  /** How far it is: 0 to 1, and in words what it does. Shown about once a second. */
  readonly progress: (fraction: number, message?: string) => void;
}

/**
 * Returned values become the module's outputs: an object gives one output per key, other JSON the output `value`,
 * undefined none. Each is at most 4 KB when encoded as JSON.
 */
export type ModuleFunction = (context: ModuleContext) => unknown;
