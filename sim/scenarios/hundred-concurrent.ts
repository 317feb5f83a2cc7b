/**
 * More than a hundred modules run at the same moment on five machines, in eleven runs, and each is executed once. One module of
 * each run waits for all others of it.
 */
import { modulesOf } from '../stage.ts';
import type { Scenario } from './scenario.ts';

export const hundredConcurrent: Scenario = {
  name: 'hundred-concurrent',
  number: 'work 4',
  tells: 'a hundred and ten modules at once, and one that waits for all of them',
  proof: { mutants: ['claim-before-needs'], invariants: ['S19'] },
  scenery: { nodes: 5, slots: 24 },
  play(scene) {
    const workload = scene.idle();
    const keys = Array.from({ length: 11 }, () => scene.submit([...modulesOf(10, { kind: 'ok', durationMs: 2000 }), ...modulesOf(1, { kind: 'ok', durationMs: 10 }, { name: 'last', needs: Array.from({ length: 10 }, (_, at) => at) })]));
    const running = (): number => [...scene.cluster.ledger.records()].filter(({ end }) => end === 'running').length;
    let most = 0;
    const hundred = (): boolean => (most = Math.max(most, running())) >= 100;
    scene.demandWithin('L2', 3000, hundred, () => `at most ${most} modules ran at once`);
    for (const key of keys) scene.demandSuccess(key, 20_000);
    for (const key of keys) {
      const executions = scene.executionsOf(key);
      const last = executions.at(-1);
      scene.demand('S18', executions.length === 11, `${executions.length} executions of eleven modules`);
      scene.demand('S19', last?.name === 'last' && executions.every((one) => one === last || one.endedAt <= last.startedAt), 'the last module did not wait for the others');
    }
    scene.demandAllIsWell(workload);
  },
};
