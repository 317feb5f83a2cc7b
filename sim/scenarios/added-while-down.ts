/**
 * A node is added while another one is down, which makes a cluster of four with two missing in other systems
 * (canonical/microk8s#2348, #2898, #4252). Here the new one takes the place of the dead one in one step. Then two of the three
 * vanish: nothing can repair that, so the third says that it is stalled, refuses writes and changes nothing; the one that was
 * replaced long ago is no help. One of the two comes back, and all goes on. (Founding a cell beside it belongs to cells that meet.)
 */
import type { RunSpec } from '../../src/core/cell/types.ts';
import { modulesOf } from '../stage.ts';
import type { Scenario } from './scenario.ts';

function oneModule(): RunSpec {
  return { name: 'stalled', params: {}, env: {}, modules: modulesOf(1, { kind: 'ok', durationMs: 10 }), bundles: {} };
}

export const addedWhileDown: Scenario = {
  name: 'added-while-down',
  number: '21',
  tells: 'a node is added while another is down; then two of three vanish',
  proof: { mutants: ['joint-not-finished'], invariants: ['L4'] },
  scenery: { nodes: 4, absent: 1 },
  play(scene) {
    const workload = scene.clients();
    const [a, b, c] = scene.three();
    const d = scene.cluster.nodes[3]!;
    scene.crash(c, 'power');
    scene.boot(d);
    const voters = (): readonly string[] => scene.cluster.leader()?.replica?.config.voters ?? [];
    const swapped = (): boolean => d.replica !== undefined && voters().length === 3 && voters().includes(scene.member(d));
    scene.demandWithin('L4', 30_000, () => swapped() && !scene.leader.replica!.raft.configChangePending, 'the new node does not take the place of the dead one');
    scene.blackout([a, b]);
    scene.boot(c);
    const { cell } = scene.replica(d);
    scene.run(100);
    const committed = scene.cluster.checkers.logs.history(cell).commitIndex;
    const stalled = (): boolean => d.runtime?.phase === 'stalled';
    scene.demandWithin('L9', scene.cluster.init.timing.stalledMs + 5000, stalled, `${d.name} is alone and does not say that it is stalled`);
    let code = '';
    d.incarnation?.process.run(() => d.runtime?.submit(oneModule(), 'stalled-1', (error) => void (code = error?.code ?? 'accepted')));
    scene.demandWithin('L9', 35_000, () => code !== '', 'a client of a stalled cell gets no answer');
    scene.demand('S5', code === 'NO_QUORUM', `a client of a stalled cell is told ${code}`);
    scene.demandNever('S5', 5000, () => scene.cluster.checkers.logs.history(cell).commitIndex > committed, 'one of three voters commits something');
    scene.boot(a);
    scene.newLeader();
    scene.demandAllIsWell(workload, new Map([[b, 'dead']]));
  },
};
