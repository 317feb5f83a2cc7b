/** What a drill is. */
import type { Scenery, Stage } from '../stage.ts';

/** A story on a formed cluster. It ends well, unless a rule that it leans on is switched off. */
export interface Drill {
  readonly scenery: Scenery;
  readonly play: (stage: Stage) => void;
}
