/** Plays one scenario with one seed. */
import type { Cluster, Violation } from '../cluster.ts';
import { Over, type StageInit } from '../stage.ts';
import { Scene } from './scene.ts';
import type { Scenario } from './scenario.ts';

export interface Played {
  readonly violation: Violation | undefined;
  readonly cluster: Cluster;
}

/**
 * @param init its mutants are at work from the moment when the story begins: forming a healthy cluster is no part of it.
 * @param attach gets the cluster before anything happens.
 */
export function playScenario(scenario: Scenario, init: StageInit, attach: (cluster: Cluster) => void = () => {}): Played {
  const mutants = new Set<string>();
  const scene = new Scene({ ...init, mutants }, scenario.scenery);
  const { cluster } = scene;
  attach(cluster);
  try {
    scene.form();
    for (const mutant of init.mutants) mutants.add(mutant);
    cluster.line('world', `${scenario.name}: ${scenario.tells}`);
    scenario.play(scene);
  } catch (error) {
    if (!(error instanceof Over)) throw error;
  }
  return { violation: cluster.violation, cluster };
}
