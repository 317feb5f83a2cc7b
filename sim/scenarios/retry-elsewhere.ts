/**
 * A connection dies after the commit and before the answer, the client asks again at a node that the next leader serves: lost,
 * doubled, or answered with another run (redisraft#52, chapter 6 of the thesis). The request key finds the first run; what
 * clients were told has one order (S23).
 */
import type { RunSpec } from '../../src/core/cell/types.ts';
import { checkHistory } from '../history/check-history.ts';
import { Recorder } from '../history/recorder.ts';
import { SimClient, type KnownRun } from '../history/sim-client.ts';
import type { SimNode } from '../sim-node.ts';
import { modulesOf } from '../stage.ts';
import type { Scenario } from './scenario.ts';

export const retryElsewhere: Scenario = {
  name: 'retry-elsewhere',
  number: '24',
  tells: 'the leader dies between the commit and the answer; the client asks again elsewhere',
  proof: { mutants: ['dedupe-off'], invariants: ['S21', 'S23'] },
  scenery: { nodes: 5, network: { delayMinMs: 5 } },
  play(scene) {
    const workload = scene.clients();
    const recorder = new Recorder({ now: () => scene.cluster.kernel.now });
    const client = new SimClient(recorder, 'client');
    const spec: RunSpec = { name: 'once', params: {}, env: {}, modules: modulesOf(2, { kind: 'ok', durationMs: 2000 }), bundles: {} };
    const known: KnownRun[] = [];
    for (let round = 0; round < 3; round += 1) {
      const leader = scene.newLeader();
      const [near, far] = scene.others(leader) as [SimNode, SimNode];
      const key = `once-${round}`;
      let told: KnownRun | undefined;
      const ask = (node: SimNode): void => {
        client.submit(node, spec, key, (_error, value) => void (told ??= value));
      };
      ask(near);
      const recorded = (): boolean => [...scene.replica(leader).state.runs.values()].some(({ requestKey }) => requestKey === key);
      scene.until('the submit is committed', recorded, 5000, 0.02);
      scene.demand('S8', told === undefined, 'the story needs a client that was not told yet');
      scene.crash(leader);
      ask(far);
      scene.demandWithin('L9', 5000, () => told !== undefined, `the client that asked again for ${key} is not answered`);
      known.push(told!);
      client.cancel(far, told!, () => undefined);
      client.read(near, told!, 'strong');
      scene.run(500);
      scene.boot(leader);
      scene.run(1500);
      const runs = [...scene.replica(scene.newLeader()).state.runs.values()].filter(({ requestKey }) => requestKey === key);
      scene.demand('S21', runs.length === 1 && runs[0]!.runId === told!.runId, () => `request ${key} made ${runs.length} runs`);
    }
    for (const run of known) client.read(scene.newLeader(), run, 'strong');
    scene.run(100);
    const { verdict, problems } = checkHistory(recorder.events);
    scene.demand('S23', verdict === 'ok', () => problems.join('; '));
    scene.demandAllIsWell(workload);
  },
};
