/**
 * What answers hold: the views of src/runtime/api.ts with times as RFC 3339 text (null = not yet). The schemas describe
 * them in the OpenAPI document; tests hold real answers against them.
 */
import { z } from 'zod';
import type { SweepReport } from '../../runtime/blobs/housekeeper.ts';
import type { StoredBlob } from '../../ports/blobs.ts';
import type { Pause } from '../../core/cell/state.ts';
import type { ClusterStatus, ModuleView, NodeView, NodeWork, RunEvent, RunSummary, RunView } from '../../runtime/api.ts';

export const time = z.iso.datetime().nullable();
export const count = z.int().min(0);
const status = z.enum(['pending', 'running', 'completed', 'failed']);
export const runPhase = z.enum(['queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled']);
export const modulePhase = z.enum(['waiting', 'ready', 'claimed', 'running', 'succeeded', 'cached', 'failed', 'skipped', 'cancelled']);
const names = z.record(z.string(), z.string());
const values = z.record(z.string(), z.json());

export const pauseSchema = z.strictObject({ reason: z.string(), at: time }).nullable().meta({ description: 'Since when and why nothing new is executed; null when it is not paused' });

export const runSummaryShape = {
  runId: z.string(),
  shortId: z.string(),
  name: z.string(),
  phase: runPhase,
  status,
  submittedAt: time,
  startedAt: time,
  finishedAt: time,
  modules: z.strictObject({ total: count, succeeded: count, failed: count, claimed: count, ready: count, waiting: count, cancelled: count, skipped: count }),
  reason: z.string(),
  priority: count,
  paused: pauseSchema,
  rerunOf: z.string().meta({ description: 'The run that this one runs again, or empty' }),
};

const filesRef = z
  .strictObject({ kind: z.enum(['file', 'program', 'tree']), cid: z.string(), name: z.string(), size: count, count })
  .meta({ description: 'file, program: the blob is the file. tree: the blob lists files' });

const logRef = z.strictObject({ cid: z.string(), size: count, cut: count.meta({ description: 'Bytes that were not kept' }), cutAt: count }).nullable().meta({ description: 'The blob with all that it printed; null: the tail is all' });

const moduleView = z.strictObject({
  name: z.string(),
  item: z.strictObject({ of: z.string(), index: count }).nullable().meta({ description: 'Of an item of a foreach: which module it is an item of, and where it stands in its list' }),
  items: count.nullable().meta({ description: 'How many items it has, once the list of its foreach is known' }),
  phase: modulePhase,
  status,
  needs: z.array(z.string()),
  node: z.string(),
  nodeId: z.string(),
  attempt: count,
  losses: count,
  fence: count,
  startedAt: time,
  durationMs: z.number(),
  values,
  exitCode: z.int().nullable(),
  error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
  tail: z.string(),
  log: logRef,
  earlierExecutions: count.meta({ description: 'Executions that do not count, whose output can be read too, or is lost' }),
  files: z.record(z.string(), filesRef),
  holders: z.array(z.strictObject({ node: z.string(), nodeId: z.string(), alive: z.boolean() })).meta({ description: 'Nodes that have the files' }),
  generation: count,
  note: z.string(),
  priority: count,
  limits: z.array(z.strictObject({ key: z.string(), max: count })),
  copy: z.strictObject({ node: z.string(), nodeId: z.string(), fence: count, startedAt: time }).nullable().meta({ description: 'The second copy of a hedged module, executed beside the first' }),
});

const policy = z.strictObject({ priority: count, parallelMax: count.meta({ description: '0 = as many as there is room for' }), barrier: z.enum(['none', 'wave']) });

export const runSummarySchema = z.strictObject(runSummaryShape).meta({ id: 'RunSummary' });
export const runViewSchema = z.strictObject({ ...runSummaryShape, policy, params: values, moduleList: z.array(moduleView) }).meta({ id: 'Run' });
export const moduleListSchema = z.strictObject({ count, modules: z.array(moduleView) }).meta({ id: 'ModuleList' });
export const runListSchema = z.strictObject({ count, runs: z.array(runSummarySchema), nextCursor: z.string().nullable() }).meta({ id: 'RunList' });

export const runEventSchema = z
  .strictObject({
    sequence: count,
    at: time,
    type: z.enum(['run', 'module', 'copy']),
    runId: z.string(),
    runName: z.string(),
    phase: z.union([runPhase, modulePhase]),
    module: z.string(),
    node: z.string(),
    attempt: count,
    fence: count,
    durationMs: z.number(),
    note: z.string(),
    printed: z.boolean(),
    items: count.nullable().meta({ description: 'The module has so many items from now on: modules NAME[0], NAME[1], …, ready to run' }),
  })
  .meta({ id: 'RunEvent' });

export const runProgressSchema = z
  .strictObject({
    runId: z.string(),
    etaMs: z.number().nullable().meta({ description: 'Until the run ends, as far as is known' }),
    modules: z.array(z.strictObject({ module: z.string(), fraction: z.number().nullable(), message: z.string(), etaMs: z.number().nullable() })),
  })
  .meta({ id: 'RunProgress' });

export const logEventSchema = z
  .union([
    z.strictObject({ type: z.literal('execution'), fence: count, attempt: count, node: z.string(), nodeId: z.string(), running: z.boolean() }),
    z
      .strictObject({ type: z.literal('output'), fence: count, attempt: count, offset: count, next: count, text: z.string().optional(), base64: z.string().optional() })
      .meta({ description: 'text; base64 where it is no UTF-8' }),
    z.strictObject({ type: z.literal('lost'), fence: count, attempt: count, node: z.string(), why: z.enum(['node', 'dropped', 'silent']) }),
    z.strictObject({ type: z.literal('idle') }),
    z.strictObject({ type: z.literal('end'), phase: modulePhase, final: z.boolean() }),
  ])
  .meta({ id: 'LogEvent' });

export const nodeViewSchema = z
  .strictObject({
    nodeId: z.string(),
    name: z.string(),
    state: z.enum(['alive', 'suspect', 'draining', 'dead']),
    role: z.enum(['leader', 'voter', 'standby', 'worker']),
    self: z.boolean(),
    addresses: z.array(z.string()),
    capabilities: z.strictObject({ os: z.string(), arch: z.string(), slots: count, memory: z.number(), gpus: z.array(z.string()), tools: names, labels: names, functions: z.array(z.string()) }),
    slotsUsed: z.number(),
    load: z.number(),
    receiveBytesPerSecond: z.number().meta({ description: 'Bytes of blobs a second, measured by what it fetched; 0: not yet' }),
    lastSeenMs: z.number(),
    version: z.string(),
  })
  .meta({ id: 'Node' });
export const nodeListSchema = z.strictObject({ count, nodes: z.array(nodeViewSchema) }).meta({ id: 'NodeList' });

export const nodeWorkSchema = z
  .strictObject({ count, modules: z.array(z.strictObject({ runId: z.string(), shortId: z.string(), run: z.string(), module: z.string(), attempt: count, startedAt: time })) })
  .meta({ id: 'NodeWork' });

const seat = z.strictObject({ nodeId: z.string(), name: z.string(), alive: z.boolean() });
export const statusSchema = z
  .strictObject({
    clusterName: z.string(),
    node: z.strictObject({ nodeId: z.string(), name: z.string(), phase: z.enum(['seeking', 'joining', 'member', 'worker', 'stalled', 'stopping', 'damaged']), version: z.string() }),
    cellId: z.string(),
    term: count,
    leader: z.string(),
    leaderId: z.string(),
    voters: z.array(seat),
    standbys: z.array(seat),
    quorum: z.boolean(),
    lossesTolerated: count,
    advice: z.string(),
    commitIndex: count,
    appliedIndex: count,
    nodes: count,
    slots: z.strictObject({ total: z.number(), used: z.number() }),
    runs: z.strictObject({ live: count, finished: count }),
    queuePaused: pauseSchema,
    httpUrl: z.string(),
  })
  .meta({ id: 'Status' });

const standing = z.enum(['pinned', 'live', 'kept', 'expired']).nullable().meta({ description: 'Why it is here still; null when that was not asked, or the cell did not answer' });
const blob = z.strictObject({ cid: z.string(), size: count, usedAt: time, pinned: z.boolean(), standing });
export const blobListSchema = z.strictObject({ count, bytes: count, blobs: z.array(blob) }).meta({ id: 'BlobList', description: 'Least recently used first' });
export const blobPinnedSchema = z.strictObject({ cid: z.string(), pinned: z.boolean() }).meta({ id: 'BlobPinned' });
const victim = z.strictObject({ cid: z.string(), size: count, why: z.enum(['expired', 'quota']) });
export const blobSweepSchema = z.strictObject({ dryRun: z.boolean(), count, bytes: count, parts: count, blobs: z.array(victim) }).meta({ id: 'BlobSweep', description: 'What was removed, or would be' });
export const blobProgressSchema = z.strictObject({ cid: z.string(), size: count, bytesHere: count, whole: z.boolean() }).meta({ id: 'BlobProgress' });
export const blobStoredSchema = z.strictObject({ cid: z.string(), size: count }).meta({ id: 'BlobStored' });
export const uploadStateSchema = z.strictObject({ received: count, finishing: z.boolean(), stored: z.strictObject({ cid: z.string(), size: count }).nullable() }).meta({ id: 'UploadState' });
export const blobPackSchema = z.strictObject({ blobs: z.array(blobStoredSchema) }).meta({ id: 'BlobPack' });
const blobFile = z.strictObject({ path: z.string(), cid: z.string(), size: count, executable: z.boolean() });
export const blobFilesSchema = z.strictObject({ count, files: z.array(blobFile) }).meta({ id: 'BlobFiles' });
export const blobVerifiedSchema = z.strictObject({ cid: z.string(), fits: z.boolean() }).meta({ id: 'BlobVerified' });

export const acceptedSchema = z.strictObject({ runId: z.string(), requestKey: z.string(), duplicate: z.boolean(), status }).meta({ id: 'Accepted' });
export const healthSchema = z.looseObject({ status: z.enum(['healthy', 'unhealthy']) }).meta({ id: 'Health' });
export const problemSchema = z
  .looseObject({ type: z.string(), title: z.string(), status: z.int(), detail: z.string(), code: z.string().optional(), hint: z.string().optional(), problems: z.array(z.unknown()).optional() })
  .meta({ id: 'Problem', description: 'RFC 9457' });

export type RunSummaryJson = z.infer<typeof runSummarySchema>;
export type RunJson = z.infer<typeof runViewSchema>;
export type ModuleListJson = z.infer<typeof moduleListSchema>;
export type ModuleJson = RunJson['moduleList'][number];
export type RunListJson = z.infer<typeof runListSchema>;
export type RunProgressJson = z.infer<typeof runProgressSchema>;
export type LogEventJson = z.infer<typeof logEventSchema>;
export type RunEventJson = z.infer<typeof runEventSchema>;
export type NodeJson = z.infer<typeof nodeViewSchema>;
export type NodeWorkJson = z.infer<typeof nodeWorkSchema>;
export type NodeListJson = z.infer<typeof nodeListSchema>;
export type StatusJson = z.infer<typeof statusSchema>;
export type BlobListJson = z.infer<typeof blobListSchema>;
export type BlobPinnedJson = z.infer<typeof blobPinnedSchema>;
export type BlobSweepJson = z.infer<typeof blobSweepSchema>;
export type BlobProgressJson = z.infer<typeof blobProgressSchema>;
export type BlobStoredJson = z.infer<typeof blobStoredSchema>;
export type BlobPackJson = z.infer<typeof blobPackSchema>;
export type BlobFilesJson = z.infer<typeof blobFilesSchema>;
export type BlobVerifiedJson = z.infer<typeof blobVerifiedSchema>;
export type AcceptedJson = z.infer<typeof acceptedSchema>;

/** Wall ms → RFC 3339; 0 → null. A stamp outside of what Date can hold counts as unknown. */
export function timeText(ms: number): string | null {
  return ms > 0 && ms < 8.64e15 ? new Date(ms).toISOString() : null;
}

export function presentSummary(run: RunSummary): RunSummaryJson {
  const { runId, shortId, name, phase, status: word, submittedAt, startedAt, finishedAt, modules, reason, priority, paused, rerunOf } = run;
  return { runId, shortId, name, phase, status: word, submittedAt: timeText(submittedAt), startedAt: timeText(startedAt), finishedAt: timeText(finishedAt), modules, reason, priority, paused: presentPause(paused), rerunOf };
}

export function presentPause(pause: Pause | null): { readonly reason: string; readonly at: string | null } | null {
  return pause === null ? null : { reason: pause.reason, at: timeText(pause.at) };
}

export function presentRun(run: RunView): RunJson {
  return { ...presentSummary(run), policy: run.policy, params: run.params as RunJson['params'], moduleList: run.moduleList.map(presentModule) };
}

export function presentModule(module: ModuleView): ModuleJson {
  return { ...module, item: module.item && { ...module.item }, needs: [...module.needs], values: module.values as ModuleJson['values'], files: { ...module.files }, holders: module.holders.map((holder) => ({ ...holder })), limits: [...module.limits], copy: module.copy && { ...module.copy, startedAt: timeText(module.copy.startedAt) }, startedAt: timeText(module.startedAt) };
}

export function presentEvent(event: RunEvent): RunEventJson {
  return { ...event, at: timeText(event.at) };
}

export function presentBlob({ cid, size, usedAt, pinned }: StoredBlob, word: BlobListJson['blobs'][number]['standing']): BlobListJson['blobs'][number] {
  return { cid, size, usedAt: timeText(usedAt), pinned, standing: word };
}

export function presentSweep({ removed, bytes, parts }: SweepReport, dryRun: boolean): BlobSweepJson {
  return { dryRun, count: removed.length, bytes, parts, blobs: removed.map(({ blob: { cid, size }, why }) => ({ cid, size, why })) };
}

export function presentNode(node: NodeView): NodeJson {
  const { capabilities } = node;
  return { ...node, addresses: [...node.addresses], capabilities: { ...capabilities, gpus: [...capabilities.gpus], functions: [...capabilities.functions] } };
}

export function presentNodeWork({ count: total, modules }: NodeWork): NodeWorkJson {
  return { count: total, modules: modules.map((module) => ({ ...module, startedAt: timeText(module.startedAt) })) };
}

/** @param httpUrl where this node's HTTP listens, '' if only on its socket. */
export function presentStatus(cluster: ClusterStatus, httpUrl: string): StatusJson {
  return { ...cluster, voters: [...cluster.voters], standbys: [...cluster.standbys], queuePaused: presentPause(cluster.queuePaused), httpUrl };
}
