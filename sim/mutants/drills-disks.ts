/** Drills for disks that hang, and for logs that are damaged. */
import { flipLog } from '../scenarios/disks.ts';
import type { SimNode } from '../sim-node.ts';
import { modulesOf } from '../stage.ts';
import type { Drill } from './drill.ts';

/** Nothing that the leader writes comes to its end, while its heartbeats go on. */
const hungLeader: Drill = {
  scenery: { nodes: 5 },
  play(stage) {
    const { leader, cluster } = stage;
    leader.diskFault = () => ({ type: 'delay', delayMs: 30_000 });
    stage.submit(modulesOf(1, { kind: 'ok', durationMs: 10 }));
    stage.run(cluster.init.timing.diskStallMs + cluster.init.timing.electionMs);
    stage.demandLeader(stage.others(leader));
  },
};

/** One of three misses entries; of the two that have them, one is damaged and the other gone. */
const damagedVoter: Drill = {
  scenery: { nodes: 3 },
  play(stage) {
    const a = stage.leader;
    const [b, c] = stage.others(a) as [SimNode, SimNode];
    stage.busy();
    stage.isolate(c);
    stage.run(1500);
    flipLog(stage, b);
    stage.crash(a, 'power');
    stage.heal(c, b);
    stage.boot(b);
    stage.run(8000);
  },
};

export const diskDrills = { hungLeader, damagedVoter };
