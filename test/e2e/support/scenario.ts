/** A test with a cluster of its own: started before, ended after, its story told when something fails. */
import test, { type TestContext } from 'node:test';
import { Cluster, type ClusterOptions } from './cluster.ts';
import { skip } from './processes.ts';

const TIMEOUT_MS = 180_000;

export interface ScenarioOptions extends ClusterOptions {
  /** Nodes that run from the start. @default 0 */
  readonly size?: number;
}

/** A part with a name of its own. What comes after a part that failed does not run: the cluster is in no known state. */
export type Step = (name: string, body: () => Promise<void>) => Promise<void>;

export function scenario(name: string, options: ScenarioOptions, body: (cluster: Cluster, step: Step, t: TestContext) => Promise<void>): void {
  test(name, { skip, timeout: TIMEOUT_MS }, async (t) => {
    const cluster = new Cluster(options);
    const step: Step = async (part, run) => {
      let failure: unknown;
      await t.test(part, async () => {
        try {
          await run();
        } catch (error) {
          failure = error;
          throw error;
        }
      });
      if (failure !== undefined) throw new Error(`not tried further: "${part}" failed`);
    };
    try {
      if (options.size !== undefined) await cluster.start(options.size);
      await body(cluster, step, t);
    } catch (error) {
      process.stderr.write(`${name}:\n${cluster.story()}\n`);
      throw error;
    } finally {
      await cluster.end();
    }
  });
}
