/**
 * A program that embeds a node, as a bench drives it: one process a node, a no-op function registered, commands over IPC.
 * What is measured inside it is what a library client in a node's process sees.
 */
import { createNode } from '../src/io/create-node.ts';
import { timingProfiles } from '../src/options/timing.ts';
import type { RunSpec } from '../src/core/cell/types.ts';

export interface ProgramInit {
  readonly name: string;
  readonly dataDir: string;
  readonly bootstrap: readonly string[];
  readonly slots: number;
  readonly keyFile: string;
}

export type ProgramCommand =
  | { readonly id: number; readonly op: 'status' }
  /** Submits and waits, `rounds` times one after the other; answers with the ms of each. */
  | { readonly id: number; readonly op: 'run'; readonly spec: RunSpec; readonly rounds: number }
  /** Submits only. */
  | { readonly id: number; readonly op: 'submit'; readonly spec: RunSpec }
  /** Starts to collect the stamps (wall ms) at which modules are claimed, as this node sees them. */
  | { readonly id: number; readonly op: 'watch' }
  | { readonly id: number; readonly op: 'claims' }
  | { readonly id: number; readonly op: 'cancelAll' };

const init = JSON.parse(process.argv[2]!) as ProgramInit;
const node = await createNode({
  name: init.name,
  dataDir: init.dataDir,
  bootstrap: init.bootstrap,
  keyFile: init.keyFile,
  slots: init.slots,
  clusterName: 'bench',
  mdns: false,
  p2pPort: { port: 0, fixed: false },
  httpPort: { port: 0, fixed: false },
  timing: timingProfiles.default,
  modules: {
    noop: () => undefined,
    pause: () => new Promise((resolve) => setTimeout(resolve, 20)),
    // A timer takes whole milliseconds: half of them go up, half down.
    sleep: ({ env }) => {
      const ms = Math.round(Number(env['MS']));
      return ms === 0 ? undefined : new Promise((resolve) => setTimeout(resolve, ms));
    },
  },
});
const claims: number[] = [];

async function perform(command: ProgramCommand): Promise<unknown> {
  switch (command.op) {
    case 'status':
      return node.api.status();
    case 'submit':
      return node.api.submit(command.spec);
    case 'watch':
      node.api.watch('', undefined, (event) => {
        if (event.type === 'module' && event.phase === 'running') claims.push(event.at);
      });
      return undefined;
    case 'claims':
      return claims.splice(0);
    case 'cancelAll':
      for (const run of await node.api.runs()) if (run.finishedAt === 0) await node.api.cancel(run.runId).catch(() => undefined);
      return undefined;
    case 'run': {
      const times: number[] = [];
      for (let round = 0; round < command.rounds; round += 1) {
        const began = performance.now();
        const { runId } = await node.api.submit(command.spec);
        const view = await node.api.wait(runId);
        times.push(performance.now() - began);
        if (view.phase !== 'succeeded') throw new Error(`run ${runId} ${view.phase}`);
      }
      return times;
    }
  }
}

process.on('message', (command: ProgramCommand) => {
  void perform(command).then(
    (value) => process.send?.({ id: command.id, value }),
    (error: unknown) => process.send?.({ id: command.id, error: String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.({ id: 0, value: { addresses: node.addresses, httpUrl: node.httpUrl, nodeId: node.nodeId } });
