/** The words of a followed run: lines of transitions, the block of what runs now, the summary at the end. */
import { secondsText } from '../core/lib/seconds-text.ts';
import { sizeText } from '../core/lib/size-text.ts';
import type { ModuleExplanationJson, RunExplanationJson } from '../io/http/queue-views.ts';
import type { ModuleJson, RunEventJson, RunJson, RunProgressJson } from '../io/http/views.ts';
import { clock, estimate, harmless, oneLine, pausedText, timeOf, type Colour } from './format.ts';
import { EXPLAINED_NODES_MAX } from './limits.ts';
import { table, type Column } from './table.ts';
import type { RunTracker, TrackedModule, Transition } from './tracker.ts';

export type Paint = (colour: Colour, text: string) => string;

/** Running modules shown in the live block; the rest is counted. */
const BLOCK_ROWS_MAX = 12;
/** Names of modules that are kept by the same. */
const GROUP_NAMES_SHOWN_MAX = 3;
/** Modules whose end is told at the end of a failed run. */
const FAILURES_SHOWN_MAX = 10;
const TAIL_LINES_MAX = 20;
const BAR_WIDTH = 10;

/** `00:00:02 FetchData succeeded in 00:00:02 on node1`; undefined for what needs no line (a module becomes ready). */
export function transitionLine(tracker: RunTracker, { at, before, module }: Transition, paint: Paint): string | undefined {
  const words = transitionWords(module, before, paint);
  return words === undefined ? undefined : `${paint('dim', clock(at === 0 ? 0 : at - tracker.submittedAt))} ${oneLine(module.name)} ${words}`;
}

/** `00:00:40 encode: a second copy was started on node2` */
export function copyLine(tracker: RunTracker, { at, module, node, note }: RunEventJson, paint: Paint): string {
  return `${paint('dim', clock(at === null ? 0 : timeOf(at) - tracker.submittedAt))} ${oneLine(module)}: ${oneLine(note)}${node === '' ? '' : ` on ${oneLine(node)}`}`;
}

function transitionWords(module: TrackedModule, before: ModuleJson['phase'], paint: Paint): string | undefined {
  const on = module.node === '' ? '' : ` on ${oneLine(module.node)}`;
  const attempt = module.attempt > 1 ? ` (attempt ${module.attempt})` : '';
  const why = module.note === '' ? '' : `: ${oneLine(module.note)}`;
  switch (module.phase) {
    case 'claimed':
    case 'running':
      // One with `foreach` is not claimed: its note says how many items it has.
      return `${paint('cyan', 'started')}${on}${attempt}${module.attempt === 0 ? why : ''}`;
    case 'succeeded':
      return `${paint('green', 'succeeded')} in ${clock(module.durationMs)}${on}${attempt}`;
    case 'cached':
      return `${paint('green', 'cached')}${why}`;
    case 'failed':
      return `${paint('red', 'failed')}${on}${attempt}${why}`;
    case 'cancelled':
      return `${paint('yellow', 'cancelled')}${why}`;
    case 'skipped':
      return `${paint('yellow', 'skipped')}${why}`;
    default:
      return before === 'waiting' || before === 'ready' ? undefined : `${paint('yellow', 'waits again')}${why}`;
  }
}

/** `run 7f01 transcode 12/40 ▓▓▓░░░░░░░ 30% ETA 4m10s 6 nodes` */
function headerLine(view: Pick<RunJson, 'shortId' | 'name'>, tracker: RunTracker, now: number, paint: Paint): string {
  const { total, done } = tracker.counts;
  const { share } = tracker;
  const filled = Math.floor(share * BAR_WIDTH);
  const bar = paint('green', '▓'.repeat(filled)) + '░'.repeat(BAR_WIDTH - filled);
  const elapsed = now - tracker.submittedAt;
  // Without durations of earlier runs: as if the rest took as long as what is done.
  const etaMs = tracker.etaMs ?? (share > 0 ? (elapsed / share) * (1 - share) : undefined);
  const eta = etaMs !== undefined && done < total ? ` ETA ${estimate(etaMs)}` : '';
  const nodes = tracker.nodeCount === 1 ? '1 node' : `${tracker.nodeCount} nodes`;
  return `${paint('bold', `run ${view.shortId} ${oneLine(view.name)}`)} ${done}/${total} ${bar} ${Math.floor(share * 100)}%${eta} ${nodes}`;
}

/** ` 42% packing`; '' when it says nothing. */
export function progressWords(progress: Pick<RunProgressJson['modules'][number], 'fraction' | 'message'> | undefined): string {
  const { fraction = null, message = '' } = progress ?? {};
  return [fraction === null ? '' : ` ${Math.floor(fraction * 100)}%`, message === '' ? '' : ` ${oneLine(message)}`].join('');
}

/** Header, then one line for each running module. */
export function liveBlock(view: Pick<RunJson, 'shortId' | 'name'>, tracker: RunTracker, now: number, paint: Paint, waiting: string): string {
  const { running } = tracker;
  const rows = running.slice(0, BLOCK_ROWS_MAX).map((module) => `  ${paint('cyan', '●')} ${oneLine(module.name)}  ${paint('dim', `${oneLine(module.node)} ${clock(now - module.startedAt)}${progressWords(tracker.progressOf(module.name))}`)}`);
  if (running.length > BLOCK_ROWS_MAX) rows.push(`  … and ${running.length - BLOCK_ROWS_MAX} more`);
  if (waiting !== '') rows.push(`  ${paint('yellow', `waits: ${waiting}`)}`);
  return [headerLine(view, tracker, now, paint), ...rows].join('\n');
}

/** The line that shows every 30 s, where nothing is repainted, that the run still goes on. */
export function progressLine(tracker: RunTracker, now: number): string {
  const { total, done, ready, waiting } = tracker.counts;
  const { running } = tracker;
  const names = running.slice(0, 3).map((module) => `${oneLine(module.name)} on ${oneLine(module.node)}${progressWords(tracker.progressOf(module.name))}`);
  const shown = `${names.join(', ')}${running.length > names.length ? ' …' : ''}`;
  return `${clock(now - tracker.submittedAt)} ${done}/${total} done, ${running.length} running${shown === '' ? '' : ` (${shown})`}, ${ready} ready, ${waiting} waiting`;
}

const words: { readonly [phase in RunJson['phase']]: string } = { succeeded: 'Success', failed: 'Failed', cancelled: 'Cancelled', running: 'Running', queued: 'Queued', paused: 'Paused' };

export function durationOf(run: Pick<RunJson, 'submittedAt' | 'startedAt' | 'finishedAt'>, now: number): number {
  const start = timeOf(run.startedAt ?? run.submittedAt);
  return (run.finishedAt === null ? now : timeOf(run.finishedAt)) - start;
}

export function summaryBlock(run: RunJson, now: number, paint: Paint): string {
  const colour: Colour = run.phase === 'succeeded' ? 'green' : run.phase === 'failed' ? 'red' : 'yellow';
  const lines = ['Pipeline Summary', `   Status: ${paint(colour, words[run.phase])}`, `   Duration: ${clock(durationOf(run, now))}`, `   Modules: ${run.modules.total}`];
  if (run.reason !== '' && run.phase !== 'succeeded') lines.push(`   Reason: ${oneLine(run.reason)}`);
  return lines.join('\n');
}

/** How a run stands beside others, where it is not as usual; '' otherwise. */
export function policyLine({ policy, paused }: Pick<RunJson, 'policy' | 'paused'>, now: number, paint: Paint): string {
  const parts = [
    policy.priority === 5 ? '' : `priority ${policy.priority}`,
    policy.parallelMax === 0 ? '' : `at most ${policy.parallelMax} at a time`,
    policy.barrier === 'none' ? '' : 'waves are barriers',
    paused === null ? '' : paint('yellow', `paused ${pausedText(paused, now)}`),
  ];
  return parts.filter((part) => part !== '').join(', ');
}

/** `b, c and 4 more`: names of a group of modules. */
export function groupNames({ modules, count }: Pick<RunExplanationJson['groups'][number], 'modules' | 'count'>): string {
  const shown = modules.slice(0, GROUP_NAMES_SHOWN_MAX).map(oneLine);
  return count > shown.length ? `${shown.join(', ')} and ${count - shown.length} more` : shown.join(', ');
}

/** One line for each node: what it could do for a module. */
export function explainedLines(nodes: ModuleExplanationJson['nodes']): string[] {
  const lines = nodes.slice(0, EXPLAINED_NODES_MAX).map(({ node, text }) => `  ${oneLine(node)}: ${oneLine(text)}`);
  return nodes.length > lines.length ? [...lines, `  … and ${nodes.length - lines.length} more nodes`] : lines;
}

/** Where a module goes and why, with what each node would cost; nothing when nobody knows. */
export function placementLines(placement: ModuleExplanationJson['placement']): string[] {
  // Where no node fits, each has said so.
  if (placement === null || placement.nodes.length === 0) return [];
  const { node, why, nodes } = placement;
  const shown = nodes.slice(0, EXPLAINED_NODES_MAX);
  const head = `placement: ${node === '' ? '' : `${oneLine(node)}, since `}${oneLine(why)}`;
  return [head, ...table(shown, estimateColumns, false).split('\n').map((text) => `  ${text}`)];
}

const estimateColumns: Column<NonNullable<ModuleExplanationJson['placement']>['nodes'][number]>[] = [
  { head: 'NODE', cell: ({ node }) => oneLine(node) },
  { head: 'WAIT', cell: ({ waitMs }) => spanText(waitMs) },
  { head: 'TO MOVE', cell: ({ bytesToMove }) => sizeText(bytesToMove) },
  { head: 'BANDWIDTH', cell: ({ bytesPerSecond }) => `${sizeText(bytesPerSecond)}/s` },
  { head: 'MOVE', cell: ({ moveMs }) => spanText(moveMs) },
  { head: 'PREDICTED', cell: ({ predictedMs }) => spanText(predictedMs) },
  { head: 'SUM', cell: ({ sumMs }) => spanText(sumMs) },
];

function spanText(ms: number | null): string {
  return ms === null ? 'unknown' : secondsText(ms);
}

/** Why the ready modules of a run are not running. */
export function explainedBlocks({ groups }: RunExplanationJson): string[] {
  return groups.map((group) => [`why ${groupNames(group)} ${group.count === 1 ? 'is' : 'are'} not running: ${oneLine(group.summary)}`, ...explainedLines(group.nodes), ...placementLines(group.placement)].join('\n'));
}

/**
 * Each failed module with the end of its output, unless that was shown.
 * @param groups fold the output as GitHub Actions understands it.
 */
export function failureBlocks(run: RunJson, paint: Paint, { groups = false, tails = true } = {}): string[] {
  const failed = run.moduleList.filter((module) => module.phase === 'failed');
  const blocks = failed.slice(0, FAILURES_SHOWN_MAX).map((module) => {
    const error = module.error === null ? '' : `: ${module.error.code} ${oneLine(module.error.message)}`;
    const title = `${paint('red', 'FAILED')} ${oneLine(module.name)}${module.node === '' ? '' : ` on ${oneLine(module.node)}`}${error}`;
    const tail = tails ? harmless(module.tail).trimEnd().split('\n').filter((text) => text !== '').slice(-TAIL_LINES_MAX) : [];
    if (tail.length === 0) return title;
    return groups ? [title, `::group::output of ${oneLine(module.name)}`, ...tail, '::endgroup::'].join('\n') : [title, ...tail.map((text) => `   | ${text}`)].join('\n');
  });
  if (failed.length > FAILURES_SHOWN_MAX) blocks.push(`… and ${failed.length - FAILURES_SHOWN_MAX} more failed`);
  return blocks;
}
