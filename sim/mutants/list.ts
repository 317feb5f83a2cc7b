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

/** The rules of second copies have no drills yet: the slow model of test/core/cell catches them. */
export const mutants: readonly Mutant[] = [...raftMutants, ...cellMutants, ...policyMutants.filter(({ rule }) => rule !== '§6 hedges'), ...runtimeMutants, ...portMutants];
