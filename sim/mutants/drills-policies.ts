/** Drills for limits, pauses, max-parallel and barriers: how runs stand beside each other. */
import type { RunPolicy } from '../../src/core/cell/types.ts';
import type { RunNumber } from '../../src/core/lib/ids.ts';
import type { SimNode } from '../sim-node.ts';
import { modulesOf, type Stage } from '../stage.ts';
import type { Drill } from './drill.ts';

const SCENERY = { nodes: 3, slots: 2 } as const;
const SECOND = { kind: 'ok', durationMs: 1000 } as const;
/** Goes on for the whole of its grace when it is told to stop. */
const STUBBORN = { kind: 'late', durationMs: 20_000 } as const;
const MUTEX = { policy: { priority: 0, limits: [{ key: 'printer', max: 1 }], hedgeFactor: 0 } };
const ORDINARY: RunPolicy = { priority: 5, parallelMax: 0, barrier: 'none' };

/** Everybody has room, and one may use the printer. */
const onePrinter: Drill = {
  scenery: SCENERY,
  play(stage) {
    stage.submit(modulesOf(4, SECOND, MUTEX));
    stage.run(6000);
  },
};

/** The run that uses the printer is cancelled, and takes its time to let go of it; another run waits for it. */
const printerInGrace: Drill = {
  scenery: SCENERY,
  play(stage) {
    stage.submit(modulesOf(1, STUBBORN, MUTEX));
    stage.until('somebody at the printer', () => stage.cluster.ledger.started > 0);
    stage.submit(modulesOf(1, SECOND, MUTEX));
    stage.run(500);
    const { leader } = stage;
    leader.incarnation?.process.run(() => leader.runtime?.cancelRun(firstRun(stage, leader), 'not needed any more', () => undefined));
    stage.run(6000);
  },
};

/** More modules than slots: some are ready when the run is paused. */
const pausedRun: Drill = {
  scenery: SCENERY,
  play(stage) {
    stage.submit(modulesOf(12, SECOND));
    stage.run(500);
    const { leader } = stage;
    leader.incarnation?.process.run(() => leader.runtime?.pauseRun(firstRun(stage, leader), true, 'not now', () => undefined));
    stage.run(4000);
  },
};

const pausedQueue: Drill = {
  scenery: SCENERY,
  play(stage) {
    stage.submit(modulesOf(12, SECOND));
    stage.run(500);
    const { leader } = stage;
    leader.incarnation?.process.run(() => leader.runtime?.pauseQueue(true, 'not now', () => undefined));
    stage.run(500);
    stage.submit(modulesOf(2, SECOND));
    stage.run(4000);
  },
};

const oneAtATime: Drill = {
  scenery: SCENERY,
  play(stage) {
    stage.submit(modulesOf(4, SECOND), { policy: { ...ORDINARY, parallelMax: 1 } });
    stage.run(6000);
  },
};

/** More items than slots: some are ready when the first ones fail. */
const failingList: Drill = {
  scenery: SCENERY,
  play(stage) {
    const [module] = modulesOf(1, { kind: 'fail', durationMs: 500 });
    stage.submit([{ ...module!, foreach: { source: { type: 'list', values: Array.from({ length: 12 }, (_, at) => at) }, failFast: true, parallelMax: 0 } }]);
    stage.run(4000);
  },
};

/** A pipeline twice, but for the name of its first module: on that depends what the second puts out and the third is given. */
const sameWorkOnOtherInputs: Drill = {
  scenery: SCENERY,
  play(stage) {
    const [module] = modulesOf(1, { kind: 'ok', durationMs: 50 });
    for (const name of ['one', 'two']) {
      stage.submit([{ ...module!, name }, { ...module!, name: 'middle', needs: [0] }, { ...module!, name: 'last', needs: [1], cache: true }]);
      stage.run(3000);
    }
  },
};

/** What the last module needs is done long before its wave begins. */
const unevenWaves: Drill = {
  scenery: SCENERY,
  play(stage) {
    const [fast] = modulesOf(1, { kind: 'ok', durationMs: 50 });
    const [slow] = modulesOf(1, { kind: 'ok', durationMs: 3000 });
    stage.submit([{ ...fast!, name: 'fast' }, { ...slow!, name: 'slow' }, { ...fast!, name: 'last', needs: [0] }], { policy: { ...ORDINARY, barrier: 'wave' } });
    stage.run(6000);
  },
};

function firstRun(stage: Stage, node: SimNode): RunNumber {
  return Math.min(...stage.replica(node).state.runs.keys());
}

export const policyDrills = { onePrinter, printerInGrace, pausedRun, pausedQueue, oneAtATime, failingList, sameWorkOnOtherInputs, unevenWaves };
