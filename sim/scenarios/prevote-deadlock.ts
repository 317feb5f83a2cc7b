/**
 * A long log with a low term against a short log with a high term: the first may be elected and is refused because of its
 * term, the second has the term and is refused because of its log (databendlabs/openraft#1796, etcd-io/etcd#8243, #8501).
 * The answer to a PreVote tells the term, and the asker takes it over. The same once more while the members change.
 */
import type { SimNode } from '../sim-node.ts';
import type { Scenario } from './scenario.ts';
import type { Scene } from './scene.ts';

export const prevoteDeadlock: Scenario = {
  name: 'prevote-deadlock',
  number: '12',
  tells: 'long log and low term against short log and high term, also in the middle of a change of members',
  proof: { mutants: ['no-term-adoption'], invariants: ['L1'] },
  scenery: { nodes: 4, network: { cutNoticedMinMs: 100, cutNoticedMaxMs: 200 } },
  play(scene) {
    const workload = scene.clients();
    meet(scene, false);
    scene.run(2000);
    meet(scene, true);
    scene.demandAllIsWell(workload);
  },
};

function meet(scene: Scene, changing: boolean): void {
  const a = scene.newLeader();
  const { config } = scene.replica(a);
  const [b, c] = config.voters.filter((member) => member !== scene.member(a)).map((member) => scene.nodeOf(member)) as [SimNode, SimNode];
  const d = scene.others(a, b, c)[0] as SimNode;
  // C misses entries that B has; then the old leader gets C's vote in a new term that B never hears of.
  scene.cut(c, a, b, d);
  scene.run(300);
  scene.isolate(b);
  // D is on the side of the old leader then, or it would be neither elected nor able to ask.
  if (changing) scene.call(a, (replica) => replica.changeConfig(scene.members(a, b, d), scene.members(c), []));
  else scene.cut(d, a);
  scene.until('the old leader steps down', () => scene.replica(a).raft.role !== 'leader');
  const { term } = scene.replica(a).raft;
  scene.heal(c, a);
  scene.until('a new term reaches the short log', () => scene.replica(c).raft.term > term, 10_000, 0.02);
  scene.crash(a, 'power');
  scene.heal(b, c, d);
  scene.heal(c, d);
  scene.demandLeader([b, c, d]);
  scene.boot(a);
  scene.healAll();
  scene.newLeader();
}
