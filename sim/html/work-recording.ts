/** Runs, their modules and every execution, for the page. */
import type { RunId } from '../../src/core/lib/ids.ts';
import type { Applied } from '../checkers/checker.ts';
import type { Cluster } from '../cluster.ts';
import type { ExecutionRecord } from '../ledger.ts';
import type { Timeline } from '../timeline/timeline.ts';
import { fenceText, runName } from '../timeline/work.ts';
import { Changes } from './changes.ts';
import { EXECUTION_ENDS, MODULE_PHASES, RUN_PHASES, type ExecutionSpan, type ModuleChange, type ReplayData, type RunChange, type RunData } from './data.ts';

const MODULE_CHANGES_MAX = 60_000;
const RUN_CHANGES_MAX = 20_000;
const EXECUTIONS_MAX = 30_000;
/** Of one run, drawn and listed; more are counted. */
const MODULES_PER_RUN_MAX = 1000;

type WorkData = Pick<ReplayData, 'runs' | 'runChanges' | 'moduleChanges' | 'executions'> & { readonly cut: string };

export class WorkRecording {
  readonly #cluster: Cluster;
  readonly #timeline: Timeline;
  readonly #runs: RunData[] = [];
  readonly #indexOf = new Map<RunId, number>();
  readonly #modules = new Changes<ModuleChange>(MODULE_CHANGES_MAX, (change) => change[1] * MODULES_PER_RUN_MAX + change[2]);
  readonly #phases = new Changes<RunChange>(RUN_CHANGES_MAX, (change) => change[1]);
  readonly #begun = new Set<number>();
  #modulesLeftOut = 0;

  constructor(cluster: Cluster, timeline: Timeline) {
    this.#cluster = cluster;
    this.#timeline = timeline;
  }

  get completeFrom(): number {
    return Math.max(this.#modules.completeFrom, this.#phases.completeFrom);
  }

  applied({ node, events }: Applied): void {
    const { now } = this.#timeline;
    for (const event of events) {
      if (event.type === 'runSubmitted') {
        const record = node.replica?.state.runs.get(event.run);
        const all = record?.spec.modules ?? [];
        this.#modulesLeftOut += Math.max(0, all.length - MODULES_PER_RUN_MAX);
        const modules = all.slice(0, MODULES_PER_RUN_MAX).map(({ name, needs, effectful }) => ({ name, needs: needs.filter((need) => need < MODULES_PER_RUN_MAX), effectful }));
        this.#indexOf.set(event.runId, this.#runs.push({ name: runName(record, event), at: now, modules }) - 1);
        this.#phases.push([now, this.#runs.length - 1, RUN_PHASES.indexOf('queued')]);
      } else if (event.type === 'expanded') {
        this.#addItems(this.#indexOf.get(event.runId), event.module, event.count);
      } else if (event.type === 'runFinal') {
        const run = this.#indexOf.get(event.runId);
        if (run !== undefined) this.#phases.push([now, run, RUN_PHASES.indexOf(event.phase)]);
      } else if (event.type === 'module') {
        const run = this.#indexOf.get(event.runId);
        if (run === undefined || event.module >= MODULES_PER_RUN_MAX) continue;
        const holder = node.replica?.state.runs.get(event.run)?.modules[event.module]?.nodeId ?? '';
        const at = this.#cluster.nodes.findIndex(({ id }) => id === holder);
        this.#modules.push([now, run, event.module, MODULE_PHASES.indexOf(event.phase), at, event.fence === 0 ? '' : fenceText(event.fence)]);
        if (event.phase !== 'claimed' || this.#begun.has(run)) continue;
        this.#begun.add(run);
        this.#phases.push([now, run, RUN_PHASES.indexOf('running')]);
      }
    }
  }

  /** They come after the modules of the specification, as in the state. */
  #addItems(run: number | undefined, template: number, count: number): void {
    const modules = run === undefined ? undefined : this.#runs[run]?.modules;
    const of = modules?.[template];
    if (modules === undefined || of === undefined) return;
    const room = Math.max(0, Math.min(count, MODULES_PER_RUN_MAX - modules.length));
    this.#modulesLeftOut += count - room;
    for (let item = 0; item < room; item++) modules.push({ ...of, name: `${of.name}[${item}]` });
  }

  since(fromMs: number): WorkData {
    const executions = this.#executions(fromMs);
    const left = executions.length - EXECUTIONS_MAX;
    const cuts = [left > 0 ? `The first ${left} executions are not drawn.` : '', this.#modulesLeftOut > 0 ? `Of runs with more than ${MODULES_PER_RUN_MAX} modules only the first ${MODULES_PER_RUN_MAX} are shown.` : ''];
    return {
      runs: this.#runs,
      runChanges: this.#phases.since(fromMs),
      moduleChanges: this.#modules.since(fromMs),
      executions: left > 0 ? executions.slice(left) : executions,
      cut: cuts.filter((text) => text !== '').join(' '),
    };
  }

  #executions(fromMs: number): ExecutionSpan[] {
    const { nodes, ledger } = this.#cluster;
    const { now, originMs } = this.#timeline;
    const spans: ExecutionSpan[] = [];
    for (const record of ledger.records()) {
      const end = record.end === 'running' ? now : record.endedAt - originMs;
      const run = this.#indexOf.get(record.runId);
      if (end < fromMs || run === undefined || record.module >= MODULES_PER_RUN_MAX) continue;
      const node = nodes.findIndex(({ id }) => id === record.node);
      spans.push([Math.round(record.startedAt - originMs), Math.round(end), node, run, record.module, EXECUTION_ENDS.indexOf(endOf(record)), record.effectful ? 1 : 0]);
    }
    return spans.sort((a, b) => a[0] - b[0]);
  }
}

function endOf({ end, ok }: ExecutionRecord): (typeof EXECUTION_ENDS)[number] {
  return end === 'finished' ? (ok ? 'succeeded' : 'failed') : end;
}
