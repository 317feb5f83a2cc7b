/** Drills for files: copies before a result counts, and what is made again when all of them are lost. */
import type { ModuleFiles } from '../../src/core/cell/types.ts';
import { bring, bundledRun } from '../bundles.ts';
import { modulesOf } from '../stage.ts';
import type { Drill } from './drill.ts';

const SHORT = { kind: 'ok', durationMs: 50 } as const;
const leaves = (...outputs: string[]): { files: ModuleFiles } => ({ files: { inputs: [], outputs: outputs.map((name) => ({ name, pattern: name })) } });

/** Who executes it can reach the leader alone, which has no room: nobody but the third node can keep a copy. */
const outOfReach: Drill = {
  scenery: { nodes: 3, network: { cutNoticedMinMs: 200, cutNoticedMaxMs: 400 } },
  play(stage) {
    const { leader } = stage;
    const [one, other] = stage.others(leader);
    leader.blobs.bytesMax = 0;
    stage.cut(one!, other!);
    stage.run(3000);
    stage.submit(modulesOf(8, SHORT, leaves('o')));
    stage.run(4000);
    stage.heal(one!, other!);
    stage.run(4000);
  },
};

/** All copies of a file are lost before the module that takes it begins. */
const lostFile: Drill = {
  scenery: { nodes: 3 },
  play(stage) {
    const [source, slow, taker] = modulesOf(3, SHORT);
    const files: ModuleFiles = { inputs: [{ variable: 'IN', module: 0, output: 'o' }], outputs: [] };
    stage.submit([{ ...source!, ...leaves('o') }, { ...slow!, action: { type: 'run', command: 'ok 3000' } }, { ...taker!, needs: [0, 1], files }]);
    stage.until('a copy on a second node', () => stage.cluster.nodes.filter(({ blobs }) => blobs.whole.size > 0).length > 1);
    for (const { blobs } of stage.cluster.nodes) for (const cid of blobs.whole.keys()) blobs.lose(cid);
    stage.until('that it is made again', () => stage.cluster.checkers.copies.invalidated > 0, 60_000);
    stage.run(6000);
  },
};

/** A node that never saw who submitted executes functions whose code is a blob. */
const codeElsewhere: Drill = {
  scenery: { nodes: 4 },
  play(stage) {
    const { leader } = stage;
    const spec = bundledRun('functions', modulesOf(12, SHORT));
    bring(leader, spec);
    stage.submitRun(spec);
    stage.until('that all has ended', () => [...(stage.leader.replica?.state.runs.values() ?? [])].some(({ phase }) => phase === 'succeeded'), 30_000);
    stage.run(2000);
  },
};

export const fileDrills = { outOfReach, lostFile, codeElsewhere };
