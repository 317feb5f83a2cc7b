/** Plays a mutant's drill with one seed after the other until a checker speaks. */
import type { Violation } from '../cluster.ts';
import type { Drill } from './drill.ts';
import { diskDrills } from './drills-disks.ts';
import { fileDrills } from './drills-files.ts';
import { electionDrills } from './drills-elections.ts';
import { logDrills } from './drills-log.ts';
import { policyDrills } from './drills-policies.ts';
import { workDrills } from './drills-work.ts';
import type { Hunt } from './hunts.ts';
import { Over, Stage, type StageInit } from '../stage.ts';

export const drills = { ...electionDrills, ...logDrills, ...workDrills, ...policyDrills, ...diskDrills, ...fileDrills } satisfies Readonly<Record<string, Drill>>;

export type DrillName = keyof typeof drills;

export interface Found extends Violation {
  readonly seed: string;
  /** Seeds that were tried, this one included. */
  readonly tried: number;
}

/** @returns what a checker says first. */
export function playDrill(name: DrillName, init: StageInit): Violation | undefined {
  const drill: Drill = drills[name];
  const stage = new Stage(init, drill.scenery);
  try {
    stage.form();
    drill.play(stage);
  } catch (error) {
    if (!(error instanceof Over)) throw error;
  }
  return stage.cluster.violation;
}

/** Once, with this seed. */
export function playHunt({ mutant, partner, drill }: Hunt, seed: string, print?: (line: string) => void): Violation | undefined {
  const mutants = new Set([mutant, ...(partner === undefined ? [] : [partner])]);
  return playDrill(drill, { seed, mutants, ...(print === undefined ? {} : { print }) });
}

/** The same story with the rule in force: it must end well, or the drill proves nothing. */
export function playControl({ partner, drill }: Hunt, seed: string): Violation | undefined {
  return playDrill(drill, { seed, mutants: new Set(partner === undefined ? [] : [partner]) });
}

/** @param seeds in this order. */
export function hunt(row: Hunt, seeds: Iterable<string>): Found | undefined {
  let tried = 0;
  for (const seed of seeds) {
    tried += 1;
    const violation = playHunt(row, seed);
    if (violation !== undefined) return { ...violation, seed, tried };
  }
  return undefined;
}
