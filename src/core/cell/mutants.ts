/**
 * Test-only switches of the reducer, one per rule of PROTOCOL §6: each breaks it in the way its sentence says, and the
 * simulator must notice (`npm run sim:mutants`). They come in with the hooks, so a cell without them pays one comparison.
 */
import type { CellState } from './state.ts';

export const cellMutants = [
  { name: 'stale-fence-accepted', rule: '§6 fence', breaks: 'A result counts under whatever fence it comes, also one that was never issued for that module or is not the last.' },
  { name: 'effectful-late-result', rule: '§6 effectful', breaks: 'A late result of an effectful module is taken under an earlier fence, though another execution has begun since.' },
  { name: 'effectful-released-early', rule: '§6 effectful', breaks: 'An effectful module goes to another node when the connection of its node closes, not when the session ends.' },
  { name: 'result-recorded-twice', rule: '§6 once', breaks: 'A second result of a module that is final is recorded over the first one.' },
  { name: 'failure-counted-twice', rule: '§6 once', breaks: 'The same failed execution, reported twice, counts as two attempts.' },
  { name: 'dedupe-off', rule: '§6 request keys', breaks: 'The table of request keys is not looked at: a retry makes a second run.' },
  { name: 'dedupe-not-restored', rule: '§6 request keys', breaks: 'A restored snapshot comes without the table of request keys.' },
  { name: 'claim-before-needs', rule: 'planner readiness', breaks: 'A module is ready as soon as one of its needs is done.' },
  { name: 'copies-not-demanded', rule: '§6 copies', breaks: 'A result counts however few nodes have the files that it reports.' },
  { name: 'invalidate-keeps-generation', rule: '§6 Invalidate', breaks: 'A module whose files were lost runs again under the generation that it had.' },
  { name: 'foresight-kept', rule: '§6 plan on append', breaks: 'The planner goes on counting with what it foresaw after the result was applied: a slot is free twice.' },
  { name: 'cache-ignores-inputs', rule: '§6 cache', breaks: 'A result stands for the execution of the same module on other inputs.' },
] as const;

/** Rules of scheduling, caught by the slow model of test/core/cell. */
export const policyMutants = [
  { name: 'limit-ignored', rule: '§6 limits', breaks: 'A module is claimed though as many claims hold its key as may.' },
  { name: 'limit-released-early', rule: '§6 limits', breaks: 'A key is free as soon as its holder is told to stop, or the connection of its node closes.' },
  { name: 'run-pause-ignored', rule: '§6 pause', breaks: 'Modules of a paused run are claimed.' },
  { name: 'queue-pause-ignored', rule: '§6 pause', breaks: 'Modules are claimed while the queue is paused.' },
  { name: 'parallel-ignored', rule: '§6 parallelism', breaks: 'More modules of a run are claimed at a time than it allows.' },
  { name: 'barrier-ignored', rule: '§6 barrier', breaks: 'A module of a run with a barrier begins before its wave.' },
  { name: 'fail-fast-ignored', rule: '§6 foreach', breaks: 'When an item fails, the others of its list go on, though its module says fail-fast.' },
  { name: 'hedge-unasked', rule: '§6 hedges', breaks: 'A second copy is claimed of modules that do not ask for it, effectful ones and those with limits among them.' },
  { name: 'hedge-without-end', rule: '§6 hedges', breaks: 'The copy that is left is copied again, so that a module whose copies end badly one after the other never fails.' },
  { name: 'hedge-loser-goes-on', rule: '§6 hedges', breaks: 'When one copy has won, the node of the other one is not told to stop it.' },
  { name: 'hedge-failure-counted', rule: '§6 hedges', breaks: 'One copy that fails ends the attempt, though the other one lives.' },
] as const;

export type CellMutant = (typeof cellMutants)[number]['name'] | (typeof policyMutants)[number]['name'];

export function cellMutant(state: CellState, name: CellMutant): boolean {
  return state.hooks.mutants?.has(name) === true;
}
