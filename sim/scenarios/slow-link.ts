/**
 * A burst of big submits over links of eight megabits a second. Whatever the leader has under way to its followers stands
 * between them and its heartbeats: with windows of megabytes the followers elected another leader before the first answer,
 * which did the same with the same entries, for ever. So the window follows the answers.
 */
import { bigRun } from './big-run.ts';
import type { Scenario } from './scenario.ts';

/** 180 KB each. */
const RUNS = 15;

export const slowLink: Scenario = {
  name: 'slow-link',
  number: 'near',
  tells: 'a burst of megabytes over slow links costs nobody the office',
  proof: { mutants: ['window-unbounded'], invariants: ['L10', 'L2', 'S26'] },
  scenery: { nodes: 3, network: { bytesPerMs: 1000 } },
  play(scene) {
    const workload = scene.idle();
    const leader = scene.newLeader();
    scene.cluster.checkers.stability.demand('L10', 'only the links are slow', scene.cluster.nodes);
    const keys = Array.from({ length: RUNS }, () => scene.submit(bigRun(), { node: leader }));
    scene.demandWithin('L2', 30_000, () => keys.every((key) => scene.runOf(key, leader)?.phase === 'succeeded'), 'big runs over slow links do not come to their end');
    scene.cluster.checkers.stability.release();
    scene.demandAllIsWell(workload);
  },
};
