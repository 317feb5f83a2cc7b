/** Turns what was applied to a cell's state into lines about runs and modules. */
import { moduleName as nameOf } from '../../src/core/cell/accessors.ts';
import type { CellEvent, Command, ModuleSpec, Reply } from '../../src/core/cell/types.ts';
import type { RunRecord } from '../../src/core/cell/state.ts';
import { CLAIMS_PER_BATCH_MAX, type Fence, type RunNumber } from '../../src/core/lib/ids.ts';
import type { Applied } from '../checkers/checker.ts';
import type { EventKind } from './events.ts';
import { readable } from './names.ts';

type ModuleEvent = Extract<CellEvent, { readonly type: 'module' }>;
type Say = (kind: EventKind, who: string, text: string) => void;

/** `57.0`: the first claim of log entry 57. */
export function fenceText(fence: Fence): string {
  return `${Math.floor(fence / CLAIMS_PER_BATCH_MAX)}.${fence % CLAIMS_PER_BATCH_MAX}`;
}

/** Follows runs and claims of one cell. */
export class WorkStory {
  readonly #say: Say;
  /** Run and module → the node that claimed it last. */
  readonly #holders = new Map<string, string>();
  readonly #nodeOfSession = new Map<number, string>();
  readonly #submittedAt = new Map<RunNumber, number>();

  constructor(say: Say) {
    this.#say = say;
  }

  applied({ node, command, reply, events }: Applied, now: number): { readonly claims: number; readonly results: number } {
    const runs = node.replica?.state.runs;
    const runOf = (number: RunNumber): RunRecord | undefined => runs?.get(number);
    const claimed: ModuleEvent[] = [];
    let results = 0;
    for (const event of events) {
      if (event.type === 'module' && event.phase === 'claimed' && command?.type !== 'sessionOpen') claimed.push(event);
      else if (event.type === 'module') results += this.#module(event, runOf(event.run), command, node.name);
      else this.#other(event, runOf, now, node.name);
    }
    if (claimed.length > 0) this.#claims(claimed, runOf, node.name);
    this.#refusals(command, reply, runOf, node.name);
    return { claims: claimed.length, results };
  }

  #claims(claimed: readonly ModuleEvent[], runOf: (run: RunNumber) => RunRecord | undefined, who: string): void {
    const byRun = new Map<string, string[]>();
    for (const event of claimed) {
      const run = runOf(event.run);
      const to = this.#nodeOfSession.get(event.session) ?? readable(run?.modules[event.module]?.nodeId ?? `session ${event.session}`);
      const key = holderKey(event);
      const before = this.#holders.get(key);
      this.#holders.set(key, to);
      const how = before === undefined ? '' : before === to ? ', again' : `, moved from ${before}`;
      const text = `${moduleName(run, event.module)} → ${to} (fence ${fenceText(event.fence)}${how})`;
      byRun.set(runName(run, event), [...(byRun.get(runName(run, event)) ?? []), text]);
    }
    for (const [run, modules] of byRun) this.#say('plan', who, `plans ${run}: ${modules.join(', ')}`);
  }

  /** @returns 1 for a recorded result. */
  #module(event: ModuleEvent, run: RunRecord | undefined, command: Command | undefined, who: string): 0 | 1 {
    const name = `${runName(run, event)}: ${moduleName(run, event.module)}`;
    const on = this.#holders.get(holderKey(event)) ?? 'nobody';
    const note = event.note === '' ? '' : `: ${readable(event.note)}`;
    switch (event.phase) {
      // Its event says how many there are.
      case 'expanded':
        return 0;
      case 'succeeded':
        this.#say('result', who, `${name} succeeded on ${readable(run?.modules[event.module]?.nodeId ?? on)} (fence ${fenceText(event.fence)})`);
        return 1;
      case 'failed':
        this.#say('result', who, `${name} failed on ${on} (fence ${fenceText(event.fence)})${note}`);
        return 1;
      case 'claimed':
        this.#holders.set(holderKey(event), this.#nodeOfSession.get(event.session) ?? on);
        this.#say('plan', who, `${name} stays with ${this.#holders.get(holderKey(event))} in its new session (fence ${fenceText(event.fence)})`);
        return 0;
      case 'ready':
        // Ready for the first time is no news: its claim follows at once.
        if (event.fence !== 0) this.#say(command?.type === 'results' ? 'result' : 'plan', who, `${name} is free again after ${on} (fence ${fenceText(event.fence)})${note}`);
        return 0;
      case 'cancelled':
      case 'skipped':
        this.#say('detail', who, `${name} ${event.phase}${note}`);
        return 0;
      case 'waiting':
        return 0;
    }
  }

  #other(event: Exclude<CellEvent, ModuleEvent>, runOf: (run: RunNumber) => RunRecord | undefined, now: number, who: string): void {
    switch (event.type) {
      case 'expanded': {
        const run = runOf(event.run);
        this.#say('run', who, `${runName(run, event)}: ${moduleName(run, event.module)} has ${event.count} items`);
        return;
      }
      case 'runSubmitted': {
        const run = runOf(event.run);
        this.#submittedAt.set(event.run, now);
        this.#say('run', who, `${runName(run, event)} accepted: ${describeModules(run?.spec.modules ?? [])}`);
        return;
      }
      case 'runFinal': {
        const since = this.#submittedAt.get(event.run);
        const run = runOf(event.run);
        const reason = run === undefined || run.reason === '' ? '' : `: ${readable(run.reason)}`;
        this.#say('run', who, `${runName(run, event)} ${event.phase}${since === undefined ? '' : ` after ${((now - since) / 1000).toFixed(2)} s`}${reason}`);
        return;
      }
      case 'sessionOpened':
        this.#nodeOfSession.set(event.session, readable(event.node));
        return;
      case 'sessionClosed':
        this.#say(event.reason === 'superseded' ? 'detail' : 'note', who, `closes the session of ${readable(event.node)} (${event.reason})`);
        return;
      case 'claimEnded':
        this.#say('detail', who, `claim ${fenceText(event.fence)} ended: ${event.why}`);
        return;
      case 'nodeDrain':
        this.#say('note', who, `${readable(event.node)} ${event.on ? 'takes no more work' : 'takes work again'}`);
        return;
      case 'closed':
        this.#say('members', who, `cell closed; ${event.senior.slice(0, 8)} takes over`);
        return;
      case 'runPaused':
        this.#say('run', who, `${runName(runOf(event.run), event)} ${event.on ? 'is paused' : 'goes on'}`);
        return;
      case 'hedge':
        this.#say('detail', who, `module ${event.module} of ${runName(runOf(event.run), event)}: ${event.on ? 'a second copy' : 'one of two copies ended'}, claim ${fenceText(event.fence)}`);
        return;
      case 'queuePaused':
        this.#say('note', who, `the queue ${event.on ? 'is paused' : 'goes on'}`);
        return;
      case 'checkpointed':
        this.#say('detail', who, `${runName(runOf(event.run), event)}: a checkpoint of ${moduleName(runOf(event.run), event.module)} is recorded`);
        return;
      case 'runRetired':
        return;
    }
  }

  /** Results that came too late: the fence did its work. */
  #refusals(command: Command | undefined, reply: Reply | undefined, runOf: (run: RunNumber) => RunRecord | undefined, who: string): void {
    if (command?.type !== 'results' || reply?.type !== 'results') return;
    for (const [position, { run, module, fence }] of command.items.entries()) {
      const verdict = reply.verdicts[position];
      if (verdict === 'accepted' || verdict === undefined) continue;
      const record = runOf(run);
      this.#say(verdict === 'stale' ? 'result' : 'detail', who, `${runName(record, { run })}: ${moduleName(record, module)}: result under fence ${fenceText(fence)} refused (${verdict})`);
    }
  }
}

function holderKey({ run, module }: { readonly run: RunNumber; readonly module: number }): string {
  return `${run}/${module}`;
}

/** `pipeline-2#3f`: name and short id. */
export function runName(run: RunRecord | undefined, { run: number }: { readonly run: RunNumber }): string {
  return run === undefined ? `run ${number}` : `${run.spec.name}#${run.shortId}`;
}

function moduleName(run: RunRecord | undefined, module: number): string {
  const record = run?.modules[module];
  return record === undefined ? `module ${module}` : nameOf(record);
}

function describeModules(modules: readonly ModuleSpec[]): string {
  const effectful = modules.filter((module) => module.effectful).map(({ name }) => name);
  const count = modules.length === 1 ? '1 module' : `${modules.length} modules`;
  return effectful.length === 0 ? count : `${count}, effectful ${effectful.join(' ')}`;
}
