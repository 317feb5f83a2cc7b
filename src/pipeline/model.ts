/**
 * A checked pipeline: what YAML, JSON and the builder all become. Every default is filled in, every name refers to
 * something, the modules form no cycle. Parameters have no values yet: `resolveParams` and `compileRun` do the rest.
 */
import type { CheckpointSpec, Json, ModulePolicy, OutputSpec, Requires, RetrySpec, RunPolicy } from '../core/cell/types.ts';
import type { Span } from './problems.ts';

/** `file`: one file of whoever submits. `files`: any number, with paths. */
export type ParamType = 'string' | 'integer' | 'number' | 'boolean' | 'file' | 'files';
export type ParamValue = string | number | boolean;
export type Params = Readonly<Record<string, Json>>;

export interface ParamSpec {
  readonly type: ParamType;
  readonly description: string;
  /** A run without this parameter is refused. Never together with `default`. */
  readonly required: boolean;
  /** Of files: a path or a pattern, relative to the pipeline file. */
  readonly default: ParamValue | null;
  /** Inclusive bounds of `integer` and `number`. */
  readonly min: number | null;
  readonly max: number | null;
  /** The only values allowed; empty = any. */
  readonly enum: readonly ParamValue[];
}

export type PipelineAction =
  /** As written, expressions included. */
  | { readonly type: 'run'; readonly command: string }
  /** `file` is relative to the folder of the pipeline file. */
  | { readonly type: 'uses'; readonly file: string; readonly export: string }
  | { readonly type: 'call'; readonly function: string };

/** Files of one output of a needed module, or those that come with the run; `variable` of the environment tells where they are put. */
export type PipelineInput = { readonly variable: string; readonly module: string; readonly output: string } | { readonly variable: string; readonly param: string };

export interface PipelineFiles {
  readonly inputs: readonly PipelineInput[];
  readonly outputs: readonly OutputSpec[];
}

/** The module is executed once for each item of a list. */
export interface PipelineForeach {
  readonly source:
    /** What a needed module left: files of an output, or an output value that is a list. */
    | { readonly type: 'need'; readonly module: string; readonly output: string }
    | { readonly type: 'list'; readonly values: readonly Json[] }
    /** Made of parameters when a run is submitted, or files that come with it. What stands between the braces. */
    | { readonly type: 'expression'; readonly text: string };
  readonly failFast: boolean;
  /** Items at a time; 0 = as many as there is room for. */
  readonly parallelMax: number;
}

export interface PipelineModule {
  readonly name: string;
  /** Names, in the order written, each once. */
  readonly needs: readonly string[];
  readonly action: PipelineAction;
  readonly env: Readonly<Record<string, string>>;
  readonly requires: Requires;
  /** 0 = none. */
  readonly timeoutMs: number;
  readonly retry: RetrySpec;
  readonly effectful: boolean;
  /** A recorded result of the same work may stand for its execution. */
  readonly cache: boolean;
  /** Null: an execution that is lost begins anew. */
  readonly checkpoint: CheckpointSpec | null;
  /** Declared estimate, 0 = unknown. */
  readonly durationMs: number;
  readonly files: PipelineFiles;
  readonly policy: ModulePolicy;
  readonly foreach: PipelineForeach | null;
}

export interface Pipeline {
  readonly name: string;
  readonly params: Readonly<Record<string, ParamSpec>>;
  readonly env: Readonly<Record<string, string>>;
  readonly policy: RunPolicy;
  /** In file order; empty while `generate` has not been asked. */
  readonly modules: readonly PipelineModule[];
  readonly origin: Origin;
  /** Set when the modules depend on the parameters: gives this pipeline with them. `expandPipeline` calls it. */
  readonly generate?: (params: Params) => Promise<Pipeline>;
}

/** Where a pipeline comes from, for later messages and for relative paths. */
export interface Origin {
  /** As people named it. */
  readonly file: string;
  /** Folder that `uses: ./…` starts from; null = there is none, and such modules are refused. */
  readonly directory: string | null;
  /** '' for a builder. */
  readonly text: string;
  /** Place of each module's `run`, `uses` or `call` value. */
  readonly actionSpans: ReadonlyMap<string, Span>;
}

export const DEFAULT_TIMEOUT_MS = 30 * 60_000;

export const DEFAULT_RETRY: RetrySpec = { attempts: 1, backoffMs: 5000, factor: 2, jitter: true, capMs: 300_000 };

export const DEFAULT_REQUIRES: Requires = { cpu: 1, memory: 0, labels: [], tools: {}, os: [], arch: [] };
