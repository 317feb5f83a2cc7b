/** Policies on their way from a pipeline file to a run: what is ordinary is left out, and whoever submits may overrule the file. */
import { ordinaryRun, runPolicy } from '../core/cell/policy.ts';
import type { ModulePolicy, RunPolicy, RunSpec } from '../core/cell/types.ts';

/** What `--priority` and `--max-parallel` say. */
export interface PolicyOverrides {
  readonly priority?: number | undefined;
  /** 0 = as many as there is room for, whatever the file says. */
  readonly maxParallel?: number | undefined;
}

/** Absent for an ordinary one. */
export function runPolicyField(policy: RunPolicy): { readonly policy?: RunPolicy } {
  const { priority, parallelMax, barrier } = policy;
  const ordinary = priority === ordinaryRun.priority && parallelMax === ordinaryRun.parallelMax && barrier === ordinaryRun.barrier;
  return ordinary ? {} : { policy };
}

/** Absent for an ordinary one. */
export function modulePolicyField(policy: ModulePolicy): { readonly policy?: ModulePolicy } {
  return policy.priority === 0 && policy.limits.length === 0 && policy.hedgeFactor === 0 ? {} : { policy };
}

/** The run as submitted with other words than those of its file. */
export function withOverrides(spec: RunSpec, { priority, maxParallel }: PolicyOverrides): RunSpec {
  if (priority === undefined && maxParallel === undefined) return spec;
  const before = runPolicy(spec);
  const { policy: _policy, ...rest } = spec;
  return { ...rest, ...runPolicyField({ ...before, priority: priority ?? before.priority, parallelMax: maxParallel ?? before.parallelMax }) };
}
