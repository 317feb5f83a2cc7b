/** Every rule that can be switched off by a flag that only tests set, wherever it lives. */
import { cellMutants, policyMutants } from '../../src/core/cell/mutants.ts';
import { raftMutants } from '../../src/core/raft/mutants.ts';
import { runtimeMutants } from '../../src/runtime/mutants.ts';
import { portMutants } from './ports.ts';

export interface Mutant {
  readonly name: string;
  /** Where PROTOCOL has it. */
  readonly rule: string;
  readonly breaks: string;
}

/** Second copies are not in the workload yet: their rules are caught by the slow model of test/core/cell alone. */
export const mutants: readonly Mutant[] = [...raftMutants, ...cellMutants, ...policyMutants.filter(({ rule }) => rule !== '§6 hedges'), ...runtimeMutants, ...portMutants];
