/** The library: what programs, pipeline files and module functions import from `skein`. */

// Pipelines
export { defineModule, definePipeline } from './pipeline/builder.ts';
export type { DefinedPipeline, Duration, HedgeDefinition, LimitDefinition, ModuleDefinition, ModulesDefinition, FileParam, FileValue, ParamDefinition, ParamValues, PipelineDefinition, RequiresDefinition, RetryDefinition, Size } from './pipeline/builder.ts';
export { compileRun } from './pipeline/compile.ts';
export type { BlobPlace } from './pipeline/param-files.ts';
export type { FileOptions } from './pipeline/submit-files.ts';
export { expandPipeline, loadPipeline, type PipelineText } from './pipeline/load.ts';
export type { ParamSpec, Pipeline, PipelineModule } from './pipeline/model.ts';
export { resolveParams } from './pipeline/params.ts';
export type { Problem } from './pipeline/problems.ts';
export { pipelineSchema } from './pipeline/schema.ts';
export type { ModuleContext, ModuleFunction } from './ports/module-function.ts';

// What they work on
export type { Json, Limit, ModulePolicy, ModuleSpec, RunPolicy, RunSpec } from './core/cell/types.ts';
export { errorCodes, isSkeinError, SkeinError, type ErrorCode } from './errors.ts';

// Nodes
export { createNode, type CreateNodeOptions } from './io/create-node.ts';
export type { NodeExit, RunningNode, StopMode } from './io/running-node.ts';
export type { NodeOptions } from './options.ts';
export type { ClusterStatus, ModuleExplanation, ModuleView, NodeApi, NodeView, NodeWork, Paused, QueueView, RunEvent, RunExplanation, RunSummary, RunView, SubmitAnswer } from './runtime/api.ts';
