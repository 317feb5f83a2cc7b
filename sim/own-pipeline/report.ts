/** What came of somebody's run, against the same run without faults. */
import type { RunRecord } from '../../src/core/cell/state.ts';
import { formatDuration } from '../../src/pipeline/units.ts';
import type { ExecutionRecord } from '../ledger.ts';
import type { Reign } from '../timeline/leadership.ts';
import { readable } from '../timeline/names.ts';
import type { OwnRun } from './own-run.ts';

/** Names in one line; more are counted. */
const NAMES_MAX = 8;

function named(names: readonly string[]): string {
  return names.length <= NAMES_MAX ? names.join(', ') : `${names.slice(0, NAMES_MAX).join(', ')} and ${names.length - NAMES_MAX} more`;
}

function plural(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`;
}

/** `label  text` lines. @param healthyMs the same run without faults; undefined when there was nothing to compare with. */
export function formatOwnRun(own: OwnRun, reigns: readonly Reign[], scripted: number, healthyMs: number | undefined): string[] {
  const record = own.record();
  const rows: [string, string][] = [['result', resultText(own, record, healthyMs)]];
  if (own.performed < scripted) rows.push(['faults', `${plural(scripted - own.performed, 'fault')} of ${scripted} would have come after the end of the run`]);
  rows.push(...workRows(own, record), ['leaders', leadersText(reigns, own)]);
  return rows.map(([label, text]) => `${label.padEnd(10)} ${text}`);
}

function resultText(own: OwnRun, record: RunRecord | undefined, healthyMs: number | undefined): string {
  if (record === undefined) return '✗ never accepted: no node could record it';
  if (own.durationMs === undefined) return `○ has not ended: ${pendingText(own, record)}`;
  const compared = healthyMs === undefined ? '' : `; without faults ${formatDuration(healthyMs)} (${own.durationMs >= healthyMs ? '+' : '−'}${formatDuration(Math.abs(own.durationMs - healthyMs))})`;
  return `${record.phase === 'succeeded' ? '✓' : '✗'} ${record.phase} after ${formatDuration(own.durationMs)}${compared}${record.reason === '' ? '' : `: ${readable(record.reason)}`}`;
}

/** Why it goes no further, as far as the cluster can say. */
function pendingText({ cluster }: OwnRun, record: RunRecord): string {
  const open = record.modules.filter(({ phase }) => phase !== 'succeeded');
  const leader = cluster.leader();
  const who = leader === undefined ? 'nobody leads' : `${leader.name} leads`;
  const states = cluster.nodes.filter(({ state }) => state !== 'up').map(({ name, state }) => `${name} ${state}`);
  const { cuts } = cluster.network;
  const broken = [...states, ...(cuts === 0 ? [] : [`${plural(cuts, 'path')} cut`])];
  return `${open.length} of ${record.modules.length} modules open; ${who}; ${broken.length === 0 ? 'nothing is broken any more' : broken.join(', ')}`;
}

function workRows({ cluster, runId }: OwnRun, record: RunRecord | undefined): [string, string][] {
  if (record === undefined || runId === undefined) return [];
  const byModule = new Map<string, ExecutionRecord[]>();
  let count = 0;
  for (const execution of cluster.ledger.records()) {
    if (execution.runId !== runId) continue;
    count += 1;
    byModule.set(execution.name, [...(byModule.get(execution.name) ?? []), execution]);
  }
  const again = [...byModule].filter(([, executions]) => executions.length > 1).map(([name, executions]) => `${name} (${executions.map((execution) => executionText(execution, record)).join(', then ')})`);
  const recorded = record.modules.filter(({ phase }) => phase === 'succeeded').length;
  const extra = count - byModule.size;
  return [
    ['modules', `${recorded} of ${record.modules.length} recorded${cluster.violation === undefined ? ', none twice' : ''}; ${plural(count, 'execution')}${extra === 0 ? ', none repeated' : `, ${extra} repeated`}`],
    ...(again.length === 0 ? [] : [['repeated', named(again)] as [string, string]]),
  ];
}

function executionText({ node, end, ok, module, fence }: ExecutionRecord, record: RunRecord): string {
  const how = record.modules[module]?.acceptedFence === fence ? ' recorded' : end === 'finished' ? (ok ? ' came too late' : ' failed') : end === 'killed' ? ' died with it' : end === 'running' ? ' still running' : ' stopped';
  return `${readable(node)}${how}`;
}

/** `n1 to 5.2 s, nobody for 1.1 s, n3 to the end`. */
function leadersText(reigns: readonly Reign[], { cluster, originMs }: OwnRun): string {
  const endMs = cluster.kernel.now - originMs;
  const parts: string[] = [];
  let leaderlessMs = 0;
  for (const [i, { node, since, until }] of reigns.entries()) {
    const next = reigns[i + 1];
    parts.push(`${node} ${until === undefined && next === undefined ? 'to the end' : `to ${formatDuration(until ?? next?.since ?? endMs)}`}`);
    const gap = until === undefined ? 0 : (next?.since ?? endMs) - Math.max(until, since);
    if (gap <= 0) continue;
    leaderlessMs += gap;
    parts.push(`nobody for ${formatDuration(gap)}`);
  }
  const text = parts.length <= 2 * NAMES_MAX ? parts.join(', ') : `${parts.slice(0, NAMES_MAX).join(', ')}, … ${parts.at(-1)}`;
  return leaderlessMs === 0 ? text : `${text}; without a leader ${formatDuration(leaderlessMs)} in all`;
}
