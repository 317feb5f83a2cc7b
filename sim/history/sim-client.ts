/** One client in the simulator: asks a node's runtime and has everything that it asks and is told written down. */
import { isRunFinal } from '../../src/core/cell/state.ts';
import type { Json, RunPhase, RunSpec } from '../../src/core/cell/types.ts';
import type { RunId, RunNumber } from '../../src/core/lib/ids.ts';
import type { SkeinError } from '../../src/errors.ts';
import type { NodeRuntime } from '../../src/runtime/node-runtime.ts';
import type { SimNode } from '../sim-node.ts';
import type { Call } from './events.ts';
import type { Pending, Recorder } from './recorder.ts';
import { runSeen, type RunShown } from './run-seen.ts';

export interface KnownRun {
  readonly runId: RunId;
  readonly run: RunNumber;
}

/** Either an error or what was asked for. */
export type Told<T> = (error: SkeinError | undefined, value?: T) => void;

/** Every method returns false, and nothing is recorded, when the node is down: nobody listens there. */
export class SimClient {
  readonly name: string;
  readonly #recorder: Recorder;

  constructor(recorder: Recorder, name: string) {
    this.name = name;
    this.#recorder = recorder;
  }

  submit(node: SimNode, spec: RunSpec, key: string, told: Told<KnownRun>): boolean {
    return this.#at(node, { type: 'submit', key }, (runtime, pending) => {
      runtime.submit(spec, key, (error, value) => {
        if (value === undefined) pending.lost(codeOf(error));
        else pending.returned({ type: 'accepted', run: value.runId, duplicate: value.duplicate });
        told(error, value);
      });
    });
  }

  /** For the history it is a submit like any other. */
  rerun(node: SimNode, before: KnownRun, failedOnly: boolean, key: string, told: Told<KnownRun>): boolean {
    if (node.incarnation !== undefined && !before.runId.endsWith(`-${node.incarnation.runtime.cell}`)) return false;
    return this.#at(node, { type: 'submit', key }, (runtime, pending) => {
      runtime.rerun(before.run, failedOnly, key, (error, value) => {
        if (value === undefined) pending.lost(codeOf(error));
        else pending.returned({ type: 'accepted', run: value.runId, duplicate: value.duplicate });
        told(error, value);
      });
    });
  }

  cancel(node: SimNode, { runId, run }: KnownRun, told: Told<void>): boolean {
    return this.#at(node, { type: 'cancel', run: runId }, (runtime, pending) => {
      runtime.cancelRun(run, 'the client changed its mind', (error) => {
        if (error === undefined) pending.returned({ type: 'cancelled' });
        else if (error.code === 'RUN_FINAL') pending.returned({ type: 'final' });
        else if (error.code === 'RUN_NOT_FOUND' && !isForeign(runtime, pending.call)) pending.returned({ type: 'unknownRun' });
        else pending.lost(error.code);
        told(error);
      });
    });
  }

  read(node: SimNode, { runId }: KnownRun, consistency: 'strong' | 'local'): boolean {
    return this.#at(node, { type: 'read', run: runId, consistency, session: sessionOf(node) }, (runtime, pending) => {
      runtime.read('run', runId, consistency === 'strong', readInto(runtime, pending));
    });
  }

  /** Waits for the end of the run, as told by the events of this node. */
  result(node: SimNode, { runId, run }: KnownRun): boolean {
    return this.#at(node, { type: 'result', run: runId }, (runtime, pending) => {
      const end = runtime.watches.watch(run, 0, (event) => {
        if (event.type !== 'run' || !isRunFinal(event.phase as RunPhase)) return;
        end();
        pending.returned({ type: 'run', phase: event.phase as RunPhase, modules: [] });
      });
    });
  }

  /** A node in another cell than the run's knows nothing of it: not yet anybody's answer (PROTOCOL §7). */
  #at({ incarnation }: SimNode, call: Call, ask: (runtime: NodeRuntime, pending: Pending) => void): boolean {
    if (incarnation === undefined || isForeign(incarnation.runtime, call)) return false;
    const pending = this.#recorder.invoke(this.name, call);
    incarnation.process.run(() => ask(incarnation.runtime, pending));
    return true;
  }
}

function isForeign(runtime: NodeRuntime, call: Call): boolean {
  return call.type !== 'submit' && !call.run.endsWith(`-${runtime.cell}`);
}

/** One process of one node. */
function sessionOf(node: SimNode): string {
  return `${node.name}.${node.boot}`;
}

function readInto(runtime: NodeRuntime, pending: Pending): Told<Json> {
  return (error, value) => {
    if (value !== undefined) pending.returned(runSeen(value as unknown as RunShown));
    else if (error?.code === 'RUN_NOT_FOUND' && !isForeign(runtime, pending.call)) pending.returned({ type: 'unknownRun' });
    else pending.lost(codeOf(error));
  };
}

function codeOf(error: SkeinError | undefined): string {
  return error?.code ?? '';
}
