/** What a scenario is. */
import type { Invariant } from '../checkers/checker.ts';
import type { Scenery } from '../stage.ts';
import type { Scene } from './scene.ts';

/**
 * A story that went wrong somewhere, told to a healthy cluster, which must come out of it well. All checkers look on; what
 * this story is about is demanded beside them.
 */
export interface Scenario {
  /** As its file is called. */
  readonly name: string;
  /** Row of the table in PROTOCOL §10; `work 1` … for what a flock of workers must be able to do; `near` for its relatives. */
  readonly number: string;
  /** One line for the list. */
  readonly tells: string;
  /** Why it can fail: rules that, switched off when the story begins, make it fail with one of these; or an argument. */
  readonly proof: { readonly mutants: readonly string[]; readonly invariants: readonly Invariant[] } | { readonly argument: string };
  readonly scenery: Scenery;
  readonly play: (scene: Scene) => void;
}
