/**
 * Pipelines written in TypeScript. `definePipeline` takes the same words as the YAML format and gives the same model;
 * loops, functions and types are what TypeScript adds.
 */
import type { Json } from '../core/cell/types.ts';

/** `500ms`, `10s`, `5m`, `2h`, `7d`. */
export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;
/** `512MiB`, `2GiB`, `1GB`. */
export type Size = `${number}${'B' | 'KB' | 'MB' | 'GB' | 'TB' | 'KiB' | 'MiB' | 'GiB' | 'TiB'}`;

interface ParamBase {
  readonly description?: string;
  /** @default true when there is no `default` */
  readonly required?: boolean;
}
interface NumericParam extends ParamBase {
  readonly default?: number;
  /** Inclusive. */
  readonly min?: number;
  readonly max?: number;
  readonly enum?: readonly number[];
}
export interface StringParam extends ParamBase {
  readonly type?: 'string';
  readonly default?: string;
  readonly enum?: readonly string[];
}
export interface IntegerParam extends NumericParam {
  readonly type: 'integer';
}
export interface NumberParam extends NumericParam {
  readonly type: 'number';
}
export interface BooleanParam extends ParamBase {
  readonly type: 'boolean';
  readonly default?: boolean;
  readonly enum?: readonly boolean[];
}
/** Files of whoever submits: they are put on a node, and modules take them with `inputs`. */
export interface FileParam extends ParamBase {
  /** `file`: one file. `files`: a folder, or what a pattern fits, with paths. */
  readonly type: 'file' | 'files';
  /** A path or a pattern, relative to the pipeline file. */
  readonly default?: string;
}
export type ParamDefinition = StringParam | IntegerParam | NumberParam | BooleanParam | FileParam;

/** What a function for `modules` receives of files. */
export interface FileValue {
  readonly kind: 'file' | 'program' | 'tree';
  /** Name of the blob: the same for the same content. */
  readonly cid: string;
  /** Of the file; '' for `files`. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly count: number;
}

export interface RequiresDefinition {
  /** Cpu slots reserved while the module is claimed. @default 1 */
  readonly cpu?: number;
  /** Memory reserved while the module is claimed. @default none */
  readonly memory?: Size;
  /** `key` (present) or `key=value` (equal). */
  readonly labels?: string | readonly string[];
  /** Tool → version range such as `>=6`; a name or a list of names asks for any version. */
  readonly tools?: string | readonly string[] | Readonly<Record<string, string>>;
  /** `linux`, `darwin`, `win32`; any by default. */
  readonly os?: string | readonly string[];
  /** `x64`, `arm64`, …; any by default. */
  readonly arch?: string | readonly string[];
}

export interface RetryDefinition {
  /** Executions in all, the first one included. A lost node is not an attempt. @default 1 */
  readonly attempts?: number;
  /** Wait before the second attempt. @default '5s' */
  readonly backoff?: Duration;
  /** Each further wait is this many times longer. @default 2 */
  readonly factor?: number;
  /** Spread each wait over 0.5 to 1.5 of itself. @default true */
  readonly jitter?: boolean;
  /** Longest wait. @default '5m' */
  readonly cap?: Duration;
}

export interface LimitDefinition {
  /** Name that all runs of the cluster share. */
  readonly key: string;
  /** Modules with this key at a time. */
  readonly max: number;
}

export interface HedgeDefinition {
  /** Times the predicted duration after which a second copy starts. @default 2 */
  readonly factor?: number;
}

/** One module. Exactly one of `run`, `uses` and `call`. */
export interface ModuleDefinition {
  /** Needed in a list of modules; in a map the key is the name. */
  readonly name?: string;
  /** Shell command. `${{ … }}` in it becomes a variable, never shell code. */
  readonly run?: string;
  /** `./file.ts#function` relative to the pipeline file (`#default` if left out), or `fn:NAME`. */
  readonly uses?: string;
  /** A function that the program which embeds the nodes registered with `createNode({ modules })`. */
  readonly call?: string;
  readonly needs?: string | readonly string[];
  /** Same as `needs`. */
  readonly dependsOn?: string | readonly string[];
  readonly requires?: RequiresDefinition;
  /** 0 = none. @default '30m' */
  readonly timeout?: Duration | 0;
  readonly 'timeout-minutes'?: number;
  /** A number of attempts, or all of it. */
  readonly retry?: number | RetryDefinition;
  /** Touches the world outside: never executed by two nodes at once. @default false */
  readonly effectful?: boolean;
  /** A result of the same work, in whatever run of the cluster, stands for its execution. Not for effectful modules, nor with `call`. @default false */
  readonly cache?: boolean;
  /** `FOLDER [every DURATION]`: kept while the module is executed, and given to its next execution. @default every 30s */
  readonly checkpoint?: string;
  readonly env?: Readonly<Record<string, string | number | boolean>>;
  /** Estimate that the planner goes by until it has measured. */
  readonly duration?: Duration;
  /** 1 to 10, 10 first. @default that of the pipeline */
  readonly priority?: number;
  /** Names of which one module at a time holds each, over all runs of the cluster. */
  readonly mutex?: string | readonly string[];
  /** So many modules with this key at a time, over all runs of the cluster. */
  readonly limit?: LimitDefinition | readonly LimitDefinition[];
  /** A second copy on an idle node when an execution takes far longer than predicted. Not for effectful modules. @default false */
  readonly hedge?: boolean | HedgeDefinition;
  /** Variable → `${{ needs.MODULE.outputs.NAME }}` or `${{ params.NAME }}`: the files are put into place before it starts, and the variable (of a function: `context.inputs`) tells where. Not of registered functions. */
  readonly inputs?: Readonly<Record<string, string>>;
  /** Name → path or pattern below the work folder: files that it leaves. Not of registered functions. */
  readonly outputs?: Readonly<Record<string, string>>;
  /** Once for each item of a list: `${{ needs.MODULE.outputs.NAME }}` (files or a list), `${{ fromJSON(params.NAME) }}`, or the list itself. `${{ item }}` is the item. */
  readonly foreach?: string | readonly Json[];
  /** The first item of `foreach` that fails for good cancels the others. @default true */
  readonly 'fail-fast'?: boolean;
  /** Items of `foreach` at a time. @default as many as there is room for */
  readonly 'max-parallel'?: number;
}

export type ModulesDefinition = Readonly<Record<string, ModuleDefinition>> | readonly ModuleDefinition[];

type ParamValueOf<P extends ParamDefinition> = P extends { readonly type: 'integer' | 'number' } ? number : P extends { readonly type: 'boolean' } ? boolean : P extends { readonly type: 'file' | 'files' } ? FileValue : string;
/** Values as a function for `modules` receives them; a parameter that is neither required nor has a default may be null. */
export type ParamValues<P extends Readonly<Record<string, ParamDefinition>>> = {
  readonly [K in keyof P]: P[K] extends { readonly required: false; readonly default?: undefined } ? ParamValueOf<P[K]> | null : ParamValueOf<P[K]>;
};

export interface PipelineDefinition<P extends Readonly<Record<string, ParamDefinition>> = Readonly<Record<string, ParamDefinition>>> {
  /** @default the file's name */
  readonly name?: string;
  readonly params?: P;
  readonly env?: Readonly<Record<string, string | number | boolean>>;
  /** 1 to 10, 10 first. @default 5 */
  readonly priority?: number;
  /** Modules of a run at a time. @default as many as there is room for */
  readonly 'max-parallel'?: number;
  /** `wave`: modules of a wave start when all earlier waves have ended. @default 'none' */
  readonly barrier?: 'none' | 'wave';
  /** The modules, or a function that makes them from the parameters when a run is submitted. */
  readonly modules: ModulesDefinition | ((params: ParamValues<P>) => ModulesDefinition | Promise<ModulesDefinition>);
}

/** What `definePipeline` returns; the form of it is Skein's own. */
export interface DefinedPipeline {
  readonly [definitionMark]: true;
  readonly definition: unknown;
}

/** Shared by all copies of this library in one process: a pipeline file may be bundled with another one. */
export const definitionMark: unique symbol = Symbol.for('skein.pipeline') as never;

/**
 * Describes a pipeline; export it as the default of a file that `skein run` takes. It is checked when it is loaded, and
 * then every problem names its module and key.
 *
 * ```ts
 * export default definePipeline({
 *   name: 'hello',
 *   modules: { greet: { run: 'echo hello' } },
 * });
 * ```
 */
export function definePipeline<const P extends Readonly<Record<string, ParamDefinition>>>(definition: PipelineDefinition<P>): DefinedPipeline {
  return Object.freeze({ [definitionMark]: true as const, definition });
}

/** One module on its own, typed: for functions that make modules. */
export function defineModule<const M extends ModuleDefinition>(definition: M): M {
  return Object.freeze({ ...definition });
}

export function isDefinedPipeline(value: unknown): value is DefinedPipeline {
  return typeof value === 'object' && value !== null && (value as Partial<DefinedPipeline>)[definitionMark] === true;
}
