/**
 * What must be true after whatever happened, counted from outside: the nodes' logs read from their files, the ledger
 * that the modules wrote, and what the API of every node says.
 */
import assert from 'node:assert/strict';
import type { RunJson } from '../../../src/io/http/views.ts';
import { agreement, readOfflineLog, type OfflineLog, type RecordedResult } from '../../../src/io/offline-log.ts';
import { readLedger } from './ledger.ts';
import type { TestNode } from './test-node.ts';
import { until } from './until.ts';

export interface Case {
  /** Nodes that live now. */
  readonly nodes: readonly TestNode[];
  /** Runs whose submit was answered, with the phase that they must end in. */
  readonly accepted: ReadonlyMap<string, RunJson['phase']>;
  readonly ledger: string;
}

export async function checkEvidence({ nodes, accepted, ledger }: Case): Promise<void> {
  const commit = await settled(nodes);
  const views = new Map<string, RunJson>();
  for (const node of nodes) {
    for (const [runId, phase] of accepted) {
      const view = await node.get<RunJson>(`/api/v1/runs/${runId}`);
      assert.equal(view.phase, phase, `run ${runId} as ${node.name} says`);
      assert.notEqual(view.finishedAt, null);
      const before = views.get(runId);
      if (before !== undefined) assert.deepEqual(factsOf(view), factsOf(before), `${node.name} says the same of run ${runId} as the others`);
      views.set(runId, view);
    }
  }
  const logs = nodes.map((node) => readOfflineLog(node.dataDir)).filter((log) => log.last >= commit);
  assert.ok(logs.length > 0, 'somebody has the whole log');
  for (const log of logs) assert.ok(agreement(logs[0]!, log) >= commit, `the logs are equal up to ${commit}`);
  const whole = logs.find((log) => log.first === 1);
  assert.ok(whole !== undefined, 'one log goes back to its first entry');
  checkResults(whole, commit, views, ledger);
}

/** What all nodes must say alike: not the notes, which only some can know. */
function factsOf(view: RunJson): unknown {
  return { ...view, moduleList: view.moduleList.map(({ name, phase, fence, nodeId, attempt, values }) => ({ name, phase, fence, nodeId, attempt, values })) };
}

function checkResults(log: OfflineLog, commit: number, views: ReadonlyMap<string, RunJson>, ledger: string): void {
  const executions = readLedger(ledger);
  const results = Map.groupBy(log.results(commit), (result) => result.runId);
  for (const [runId, view] of views) {
    const ofModule = Map.groupBy(results.get(runId) ?? [], (result: RecordedResult) => result.module);
    for (const module of view.moduleList) {
      const recorded = ofModule.get(module.name) ?? [];
      if (module.phase !== 'succeeded') {
        assert.ok(recorded.length <= 1, `module ${module.name} has ${recorded.length} results`);
        continue;
      }
      assert.equal(recorded.length, 1, `module ${module.name} of run ${runId} has exactly one recorded result`);
      assert.equal(recorded[0]!.fence, module.fence, `the log and the API name the same execution of ${module.name}`);
      const execution = executions.find((other) => other.runId === runId && other.module === module.name && other.fence === recorded[0]!.fence);
      assert.ok(execution?.ended, `the execution of ${module.name} whose result was recorded came to its end`);
    }
  }
}

/** All members have applied all that is committed, and nothing is under way. @returns the commit index. */
async function settled(nodes: readonly TestNode[]): Promise<number> {
  return until('the logs to be equal', async () => {
    const statuses = await Promise.all(nodes.map((node) => node.status()));
    const members = statuses.filter((status) => status.node.phase === 'member');
    const commit = Math.max(...members.map((status) => status.commitIndex));
    return members.length > 0 && members.every((status) => status.appliedIndex === commit && status.quorum) ? commit : undefined;
  });
}
