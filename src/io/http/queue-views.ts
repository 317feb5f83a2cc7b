/** What answers about the queue and about modules that do not run hold. */
import { z } from 'zod';
import type { Pause } from '../../core/cell/state.ts';
import type { Explanation } from '../../core/plan/explain.ts';
import type { ModuleExplanation, Paused, QueueView, RunExplanation, RunSummary } from '../../runtime/api.ts';
import { count, modulePhase, pauseSchema, presentPause, presentSummary, runPhase, runSummaryShape, time, timeText, type RunSummaryJson } from './views.ts';

const reasonCodes = [
  'needs', 'barrier', 'retry', 'queue-paused', 'run-paused', 'parallel', 'limit',
  'again', 'inputs', 'no-nodes', 'unfit', 'drained', 'silent', 'closed', 'full', 'holder', 'soon', 'no-leader', 'items', 'executing', 'ended',
] as const;
const verdicts = ['executes', 'unfit', 'drained', 'silent', 'closed', 'full', 'behind', 'room'] as const;

const ms = z.number().meta({ description: 'Milliseconds' });
const placementSchema = z
  .strictObject({
    node: z.string().meta({ description: 'Empty: no node fits' }),
    nodeId: z.string(),
    why: z.string(),
    waits: z.boolean().meta({ description: 'It waits for that node, which is full, though others have room' }),
    waitedMs: ms,
    inputBytes: z.number().meta({ description: 'All that it takes' }),
    nodes: z
      .array(
        z.strictObject({
          node: z.string(),
          nodeId: z.string(),
          waitMs: ms.nullable().meta({ description: 'Until the node has room; null: nobody knows' }),
          bytesToMove: z.number().meta({ description: 'Of its inputs, that the node lacks' }),
          bytesPerSecond: z.number().meta({ description: 'Of blobs, as the node measured it, or what is taken until it has' }),
          moveMs: ms,
          predictedMs: ms.meta({ description: 'Declared, learned from earlier runs, or the average of the run' }),
          sumMs: ms.nullable(),
        }),
      )
      .meta({ description: 'Smallest sum first; of many nodes those that matter' }),
  })
  .meta({ id: 'Placement' });

const explanationShape = {
  summary: z.string().meta({ description: 'The reasons in one line' }),
  reasons: z.array(z.strictObject({ code: z.enum(reasonCodes), text: z.string() })).meta({ description: 'All that holds now; what would have to change first comes first' }),
  nodes: z.array(z.strictObject({ node: z.string(), nodeId: z.string(), verdict: z.enum(verdicts), text: z.string() })).meta({ description: 'What each node could do for it' }),
  placement: placementSchema.nullable().meta({ description: 'Where it goes, or went when it was claimed, and what that costs on each node; null where nobody knows' }),
};
const ofRun = { runId: z.string(), shortId: z.string() };

export const moduleExplanationSchema = z.strictObject({ ...ofRun, module: z.string(), phase: modulePhase, ...explanationShape }).meta({ id: 'ModuleExplanation' });
export const runExplanationSchema = z
  .strictObject({
    ...ofRun,
    phase: runPhase,
    summary: z.string(),
    groups: z.array(z.strictObject({ modules: z.array(z.string()), count, ...explanationShape })).meta({ description: 'Ready modules, together where the same keeps them' }),
  })
  .meta({ id: 'RunExplanation' });

const queueShape = {
  paused: pauseSchema,
  runs: count,
  pausedRunsCount: count,
  pausedRuns: z.array(z.strictObject({ ...ofRun, name: z.string(), paused: pauseSchema })),
  modules: z.strictObject({ waiting: count, ready: count, claimed: count }),
  priorities: z.array(z.strictObject({ priority: count, waiting: count, ready: count, claimed: count })),
  oldest: z.strictObject({ ...ofRun, module: z.string(), since: time }).nullable(),
  slots: z.strictObject({ total: z.number(), used: z.number(), free: z.number() }),
  limitsCount: count,
  limits: z.array(
    z.strictObject({ key: z.string(), max: count, held: count, holders: z.array(z.strictObject({ runId: z.string(), module: z.string(), node: z.string(), text: z.string() })) }),
  ),
};
const changed = z.boolean().meta({ description: 'false: it was so already' });

export const queueSchema = z.strictObject(queueShape).meta({ id: 'Queue' });
export const queuePausedSchema = z.strictObject({ ...queueShape, changed }).meta({ id: 'QueuePaused' });
export const runPausedSchema = z.strictObject({ ...runSummaryShape, changed }).meta({ id: 'RunPaused' });

export type QueueJson = z.infer<typeof queueSchema>;
export type QueuePausedJson = z.infer<typeof queuePausedSchema>;
export type RunPausedJson = z.infer<typeof runPausedSchema>;
export type ModuleExplanationJson = z.infer<typeof moduleExplanationSchema>;
export type RunExplanationJson = z.infer<typeof runExplanationSchema>;

export function presentQueue(queue: QueueView): QueueJson {
  const { paused, runs, pausedRunsCount, pausedRuns, modules, priorities, oldest, slots, limitsCount, limits } = queue;
  return {
    paused: presentPause(paused),
    runs,
    pausedRunsCount,
    pausedRuns: pausedRuns.map(({ runId, shortId, name, paused: of }: { runId: string; shortId: string; name: string; paused: Pause }) => ({ runId, shortId, name, paused: presentPause(of) })),
    modules,
    priorities: [...priorities],
    oldest: oldest === null ? null : { ...oldest, since: timeText(oldest.since) },
    slots,
    limitsCount,
    limits: limits.map((limit) => ({ ...limit, holders: [...limit.holders] })),
  };
}

export function presentQueuePaused(queue: Paused<QueueView>): QueuePausedJson {
  return { ...presentQueue(queue), changed: queue.changed };
}

export function presentRunPaused(run: Paused<RunSummary>): RunSummaryJson & { changed: boolean } {
  return { ...presentSummary(run), changed: run.changed };
}

export function presentModuleExplanation(explanation: ModuleExplanation): ModuleExplanationJson {
  return { ...explanation, ...presentExplained(explanation) };
}

export function presentRunExplanation(explanation: RunExplanation): RunExplanationJson {
  return { ...explanation, groups: explanation.groups.map((group) => ({ ...group, modules: [...group.modules], ...presentExplained(group) })) };
}

function presentExplained({ reasons, nodes, placement }: Explanation): Pick<ModuleExplanationJson, 'reasons' | 'nodes' | 'placement'> {
  return { reasons: [...reasons], nodes: [...nodes], placement: placement === null ? null : { ...placement, nodes: [...placement.nodes] } };
}
