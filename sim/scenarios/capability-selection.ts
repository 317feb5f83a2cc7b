/**
 * Three plain machines, one with a GPU label, one with a tool in a version, one with another system. Modules that require one of
 * these run there and nowhere else; one that requires what nobody has waits, without being failed, until such a machine comes.
 */
import type { ModuleSpec, Requires } from '../../src/core/cell/types.ts';
import type { ExecutionRecord } from '../ledger.ts';
import type { SimNode } from '../sim-node.ts';
import { modulesOf } from '../stage.ts';
import type { Scenario } from './scenario.ts';

export const capabilitySelection: Scenario = {
  name: 'capability-selection',
  number: 'work 8',
  tells: 'modules go to machines that have what they require, and wait until there is one',
  proof: { argument: 'Every execution is looked up in the ledger, where the node stands on which it really ran; a module that nobody can execute is demanded to wait.' },
  scenery: { nodes: 6, absent: 3 },
  play(scene) {
    const workload = scene.idle();
    const [gpu, encoder, mac] = scene.cluster.nodes.slice(3) as [SimNode, SimNode, SimNode];
    gpu.capabilities = { labels: { gpu: 'a100' } };
    encoder.capabilities = { tools: { ffmpeg: '6.1.1' } };
    mac.capabilities = { os: 'darwin', arch: 'arm64' };
    scene.boot(gpu);
    scene.boot(encoder);
    scene.run(3000);
    const [module] = modulesOf(1, { kind: 'ok', durationMs: 300 });
    const wants = (name: string, requires: Partial<Requires>): ModuleSpec => ({ ...module!, name, requires: { ...module!.requires, ...requires } });
    const modules = [0, 1, 2].flatMap((at) => [wants(`train${at}`, { labels: ['gpu=a100'] }), wants(`encode${at}`, { tools: { ffmpeg: '>=6' } }), wants(`sign${at}`, { os: ['darwin'] }), wants(`any${at}`, {})]);
    const key = scene.submit(modules);
    scene.run(5000);
    const executions = (name: string): ExecutionRecord[] => scene.executionsOf(key).filter((one) => one.name.startsWith(name));
    scene.demand('S19', executions('sign').length === 0, 'a module that requires darwin was executed on something else');
    scene.demand('L2', executions('train').length === 3 && executions('encode').length === 3 && executions('any').length === 3, 'modules that could be executed were not');
    scene.boot(mac);
    scene.demandSuccess(key, 20_000);
    const wrong = [['train', gpu], ['encode', encoder], ['sign', mac]] as const;
    for (const [name, node] of wrong) scene.demand('S19', executions(name).every((one) => one.node === node.id), `${name} was executed on a machine without what it requires`);
    scene.demandAllIsWell(workload);
  },
};
