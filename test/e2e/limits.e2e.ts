/** A mutex on a real cluster when its holder does not end in good order: nobody begins while somebody may still use what it protects. */
import assert from 'node:assert/strict';
import { runCli } from './support/cli.ts';
import type { Cluster } from './support/cluster.ts';
import { NOTE, readLedger, type Execution } from './support/ledger.ts';
import { ticking, working } from './support/pipelines.ts';
import { scenario } from './support/scenario.ts';
import { until } from './support/until.ts';

const STOP_SECONDS = 2;

function executionOf(cluster: Cluster, module: string): Execution | undefined {
  return readLedger(cluster.ledger).find((execution) => execution.module === module);
}

function begun(cluster: Cluster, module: string): Promise<Execution> {
  return until(`${module} begins`, () => executionOf(cluster, module));
}

// Patient timing: a node that did not get the processor for a moment would fence itself, and not let the module end in peace.
scenario('limits', { size: 3, profile: 'default' }, async (cluster, step) => {
  const submit = (name: string, run: string, phase?: 'cancelled'): Promise<string> => cluster.submit(cluster.alive[0]!, { ledger: cluster.ledger, name, modules: { [name]: { run, mutex: 'nas' } } }, phase);

  await step('a cancelled module holds it until its process has ended', async () => {
    const runId = await submit('stubborn', `${NOTE}; trap 'sleep ${STOP_SECONDS}; note end; exit 1' TERM; note begin; sleep 600 & wait`, 'cancelled');
    await begun(cluster, 'stubborn');
    const next = await submit('next', working(0.05));
    const { code, stderr } = await runCli(cluster, ['cancel', runId]);
    assert.equal(code, 0, stderr);
    await cluster.final(next);
    const [first, second] = [executionOf(cluster, 'stubborn')!, executionOf(cluster, 'next')!];
    assert.ok(first.ended, 'it was given the time to end');
    assert.ok(second.beganNs > first.lastNs, `next began ${Number(first.lastNs - second.beganNs) / 1e6} ms before the cancelled one had ended`);
  });

  await step('a module of a node that was killed holds it until the session has ended', async () => {
    await submit('lost', ticking(600), 'cancelled');
    const { node } = await begun(cluster, 'lost');
    await submit('heir', working(0.05));
    await cluster.kill(cluster.node(node));
    const held = await until('the run goes on elsewhere', () => readLedger(cluster.ledger).filter(({ module }) => module === 'lost' || module === 'heir').length > 1);
    assert.ok(held);
    const [first, second] = readLedger(cluster.ledger).filter(({ module }) => module === 'lost' || module === 'heir').toSorted((a, b) => Number(a.beganNs - b.beganNs));
    assert.ok(second!.beganNs > first!.lastNs, 'they never worked at the same time');
    const { code, stderr } = await runCli(cluster, ['cancel', first!.runId]);
    assert.equal(code, 0, stderr);
    await until('the heir has ended', () => executionOf(cluster, 'heir')?.ended);
  });
});
