/**
 * Sixteen MiB that one machine has, on a network where they take seconds. Four modules want them and that machine has two
 * slots. If the modules are short, all four are executed there, two after the other two, though another machine is idle; if
 * they are long, two of them go to the other one and bring the files. Modules without files take the idle slots meanwhile.
 */
import type { ModuleSpec } from '../../src/core/cell/types.ts';
import { LARGE_OUTPUT } from '../files.ts';
import type { SimNode } from '../sim-node.ts';
import { modulesOf } from '../stage.ts';
import type { Scene } from './scene.ts';
import type { Scenario } from './scenario.ts';

const FILES = [0, 1, 2, 3].map((at) => `${LARGE_OUTPUT}${at}`);
const TAKERS = 4;

function named(name: string, durationMs: number, label: string, change: Partial<ModuleSpec> = {}): ModuleSpec {
  const [module] = modulesOf(1, { kind: 'ok', durationMs }, { name, durationMs, ...change });
  return { ...module!, requires: { ...module!.requires, labels: [label] } };
}

/** One that leaves all files, on the holder; and those that take them. @param maker its name is in the files: others leave other files. */
function graph(maker: string, takers: readonly ModuleSpec[]): ModuleSpec[] {
  const make = named(maker, 50, 'holder', { files: { inputs: [], outputs: FILES.map((name) => ({ name, pattern: name })) } });
  const inputs = FILES.map((output) => ({ variable: output.toUpperCase(), module: 0, output }));
  return [make, ...takers.map((module) => ({ ...module, needs: [0], files: { inputs, outputs: [] } }))];
}

/** How many modules whose name begins so each machine executed. */
function countOn(scene: Scene, key: string, node: SimNode, begin = 'take'): number {
  return scene.executionsOf(key).filter((one) => one.node === node.id && one.name.startsWith(begin)).length;
}

export const queueAtHolder: Scenario = {
  name: 'queue-at-holder',
  number: 'work 9',
  tells: 'large inputs bring work to the machine that has them; a long queue there makes it go elsewhere with them',
  proof: { argument: 'The same graph is played twice, with durations as the only difference, and must be executed in different places; the ledger says where each module really ran.' },
  scenery: { nodes: 5, slots: 2, absent: 2, network: { bytesPerMs: 4_000 } },
  play(scene) {
    const workload = scene.idle();
    const [holder, other] = scene.cluster.nodes.slice(3) as [SimNode, SimNode];
    // Files here are zeros, which would be compressed to nothing: this story is about how long files take.
    for (const node of [holder, other]) node.compresses = false;
    holder.capabilities = { labels: { holder: '', worker: '' } };
    other.capabilities = { labels: { other: '', worker: '' } };
    scene.boot(holder);
    scene.boot(other);
    scene.run(3000);
    // The other machine learns what the network gives.
    scene.demandSuccess(scene.submit(graph('first', [named('look', 10, 'other')])), 60_000);
    const measured = other.runtime?.blobs.receiveBytesPerSecond ?? 0;
    scene.demand('L2', measured > 1_000_000 && measured < 8_000_000, () => `the network gives 4 MB a second at most, and ${other.name} measured ${measured}`);
    scene.run(2 * 1000);

    const takers = (durationMs: number): ModuleSpec[] => Array.from({ length: TAKERS }, (_, at) => named(`take${at}`, durationMs, 'worker'));
    const short = scene.submit(graph('second', takers(600)));
    scene.until('the holder is full', () => countOn(scene, short, holder) === 2, 10_000, 1);
    const small = scene.submit(modulesOf(2, { kind: 'ok', durationMs: 100 }, { name: 'small' }).map((module, at) => ({ ...module, name: `small${at}`, requires: { ...module.requires, labels: ['worker'] } })));
    scene.demandSuccess(short, 20_000);
    scene.demand('L2', countOn(scene, short, holder) === TAKERS && countOn(scene, short, other) === 0, () => `of ${TAKERS} short modules ${countOn(scene, short, other)} went away from their files`);
    scene.demandSuccess(small, 20_000);
    scene.demand('L2', countOn(scene, small, other, 'small') === 2, 'what has no files did not get the slots that were idle');

    const long = scene.submit(graph('third', takers(20_000)));
    scene.demandSuccess(long, 120_000);
    scene.demand('L2', countOn(scene, long, holder) === 2 && countOn(scene, long, other) === 2, () => `of ${TAKERS} long modules ${countOn(scene, long, other)} went where there was room`);
    scene.demandAllIsWell(workload);
  },
};
