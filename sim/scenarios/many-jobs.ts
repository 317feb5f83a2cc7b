/**
 * The ordinary case: more than five workers, more than twenty jobs. Every module is executed exactly once, no node stands
 * idle, and the whole takes little longer than its layers do.
 */
import { modulesOf } from '../stage.ts';
import type { Scenario } from './scenario.ts';

const LAYER = 10;

export const manyJobs: Scenario = {
  name: 'many-jobs',
  number: 'work 1',
  tells: 'seven workers, forty modules in four layers: each executed once, by everybody, in time',
  proof: { mutants: ['claim-before-needs'], invariants: ['S19'] },
  scenery: { nodes: 7, slots: 2 },
  play(scene) {
    const workload = scene.idle();
    const layer = modulesOf(LAYER, { kind: 'ok', durationMs: 400 });
    // Each needs two of the layer before.
    const modules = [0, 1, 2, 3].flatMap((depth) => layer.map((module, at) => ({ ...module, name: `m${depth}-${at}`, needs: depth === 0 ? [] : [(depth - 1) * LAYER + at, (depth - 1) * LAYER + ((at + 1) % LAYER)] })));
    const key = scene.submit(modules);
    const started = scene.cluster.kernel.now;
    scene.demandSuccess(key, 10_000);
    const tookMs = scene.cluster.kernel.now - started;
    scene.demand('L2', tookMs < 4000, `forty modules in four layers of 0.4 s took ${tookMs.toFixed(0)} ms on fourteen slots`);
    const executions = scene.executionsOf(key);
    scene.demand('S18', executions.length === modules.length && executions.every(({ end, ok }) => end === 'finished' && ok), `${executions.length} executions of ${modules.length} modules`);
    const idle = scene.cluster.nodes.filter(({ id }) => !executions.some(({ node }) => node === id));
    scene.demand('L2', idle.length === 0, `${idle.map(({ name }) => name).join(' ')} had nothing to do`);
    scene.demandAllIsWell(workload);
  },
};
