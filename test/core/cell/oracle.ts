/**
 * The rules of claims and results once more, slow and obvious: every module keeps its whole history of claims, and
 * every question is answered by looking through all of it. No counters, no tables, nothing incremental.
 */
import { GENERATIONS_MAX, INPUTS_MISSED_MAX } from '../../../src/core/cell/limits.ts';
import type { Command, ResultItem, RunSpec } from '../../../src/core/cell/types.ts';
import { isMissed, needsCopies } from './oracle-files.ts';
import { OracleGrants } from './oracle-grants.ts';
import { isTemplate, listOf, newModule, type OracleModule, type PastClaim } from './oracle-module.ts';

export class Oracle extends OracleGrants {
  /** Fences told to stop by the last command. */
  private told: number[] = [];

  submitted(run: number, spec: RunSpec): void {
    this.specs.set(run, spec);
    this.runs.set(run, spec.modules.map((module) => newModule(module, undefined)));
    this.expandAll(run);
  }

  /** What nothing keeps any more. */
  private due(run: number, module: OracleModule): boolean {
    return module.spec.foreach !== undefined && module.of === undefined && module.items === undefined && module.final === '' && this.parentsDone(run, module) && this.waveBegan(run, module);
  }

  private expandAll(run: number): void {
    for (;;) {
      const due = this.runs.get(run)!.filter((module) => this.due(run, module));
      if (due.length === 0) return;
      for (const module of due) if (this.due(run, module)) this.expand(run, module);
    }
  }

  /** In the order of the file those that needed it, then those that needed what had an empty list. */
  private expandBehind(run: number, ended: OracleModule): void {
    const modules = this.runs.get(run)!;
    const queue = this.specs.get(run)!.policy?.barrier === 'wave' ? [] : [ended];
    for (const one of queue) {
      for (const module of modules.filter(({ spec, of }) => of === undefined && spec.needs.includes(modules.indexOf(one)))) {
        if (this.due(run, module) && this.expand(run, module)) queue.push(module);
      }
    }
    this.expandAll(run);
  }

  /** @returns whether it succeeded at once. */
  private expand(run: number, module: OracleModule): boolean {
    const list = listOf(this.runs.get(run)!, module);
    if (list === undefined) {
      this.finish(run, module, 'failed');
      return false;
    }
    module.items = list.map(() => newModule(module.spec, module));
    this.runs.get(run)!.push(...module.items);
    if (list.length > 0) return false;
    module.final = 'succeeded';
    return true;
  }

  private tellToStop(claim: PastClaim): void {
    if (claim.session === 0) return;
    claim.ending = claim.session;
    claim.session = 0;
    this.told.push(claim.fence);
  }

  /** The node of this execution says that it is over. */
  private stopped(run: number, index: number, fence: number): void {
    const modules = this.runs.get(run)?.[index] === undefined ? this.forgotten : [this.runs.get(run)![index]!];
    for (const module of modules) for (const claim of module.claims) if (claim.fence === fence) claim.ending = 0;
  }

  /** One of two copies is no more; nothing else changes. */
  private endCopy(module: OracleModule, claim: PastClaim, mayDeliver: boolean): void {
    claim.session = 0;
    module.current = this.lives(module)[0];
    if (mayDeliver) module.setAside.push(claim);
  }

  /** Fences told to stop since the last call. */
  takeTold(): number[] {
    const { told } = this;
    this.told = [];
    return told;
  }

  claimed(run: number, index: number, sessionId: number, fence: number): void {
    const { node } = this.sessions.get(sessionId)!;
    const module = this.module(run, index)!;
    const claim = { fence, node, session: sessionId, ending: 0, counted: false, lost: false, old: false };
    module.claims.push(claim);
    module.hedged = this.lives(module).length === 2;
    if (module.hedged) return;
    if (module.current?.counted === false) module.setAside.push(module.current);
    module.current = claim;
  }

  /** The answer to one result, and what it changes. `inputsHash` is the hash that counts. */
  result(item: ResultItem, inputsHash: string, tooBig: boolean): string {
    this.stopped(item.run, item.module, item.fence);
    const module = this.module(item.run, item.module);
    if (module === undefined) return 'unknown';
    if (module.final !== '') return 'duplicate';
    if (item.generation !== module.generation) return 'stale';
    const claim = module.claims.find((past) => past.fence === item.fence && !past.old);
    if (claim === undefined) return 'stale';
    const changed = inputsHash !== '' && item.inputsHash !== inputsHash && !module.spec.effectful && this.runs.get(item.run)!.some(({ generation }) => generation > 1);
    const underLast = claim === module.current || this.isCopy(module, claim);
    const ok = item.outcome.ok && !tooBig && !(underLast && changed);
    if (underLast) {
      if (!ok && claim.counted) return 'duplicate';
      if (ok && this.needsCopies(item.run, module, item)) return 'needCopies';
      if (!ok && this.isCopy(module, claim)) {
        this.endCopy(module, claim, false);
        return 'accepted';
      }
      module.current = claim;
      claim.session = 0;
      for (const other of this.lives(module)) this.tellToStop(other);
      if (ok && claim.lost) module.losses--;
      if (ok) this.end(item.run, module, 'succeeded', item);
      else this.failed(item.run, module, claim, tooBig ? 'MODULE_OUTPUT' : (item.outcome.error?.code ?? 'INPUT_MISSING'));
      return 'accepted';
    }
    if (!ok || !module.setAside.slice(-16).includes(claim) || module.spec.effectful || item.inputsHash !== inputsHash) return 'stale';
    if (this.needsCopies(item.run, module, item)) return 'needCopies';
    for (const past of module.claims) this.tellToStop(past);
    this.end(item.run, module, 'succeeded', item);
    return 'accepted';
  }

  private openNodes(): string[] {
    return [...this.sessions.values()].map(({ node }) => node);
  }

  private needsCopies(run: number, module: OracleModule, item: ResultItem): boolean {
    return needsCopies(this.runs.get(run)!, module, item, this.openNodes());
  }

  holder(run: number, index: number, generation: number, node: string, on: boolean): void {
    const module = this.module(run, index);
    if (module?.final !== 'succeeded' || !module.hasFiles || module.generation !== generation || module.holders.includes(node) === on) return;
    module.holders = on ? [...module.holders, node] : module.holders.filter((other) => other !== node);
  }

  /** @param ended its run has ended. */
  invalidated(run: number, index: number, generation: number, ended: boolean): void {
    const module = this.module(run, index);
    if (module?.final !== 'succeeded' || !module.hasFiles || module.generation !== generation || ended) return;
    if (module.holders.some((node) => this.openNodes().includes(node)) || !isMissed(this.runs.get(run)!, module, (other) => this.live(other) !== undefined)) return;
    if (module.spec.effectful || generation >= GENERATIONS_MAX) return this.cancelled(run);
    Object.assign(module, { final: '', generation: generation + 1, current: undefined, hedged: false, setAside: [], failures: 0, losses: 0, holders: [], hasFiles: false, inputsMissed: 0 });
    for (const claim of module.claims) claim.old = true;
  }

  private failed(run: number, module: OracleModule, claim: PastClaim, code: string): void {
    const handedBack = code === 'NODE_STOPPING' || code === 'MODULE_CANCELLED' || code === 'NODE_EXHAUSTED';
    claim.counted = true;
    // Counted as a loss when its session ended, and not else.
    if (code === 'MODULE_FENCED') return;
    if (claim.lost) module.losses--;
    claim.lost = false;
    if (handedBack) return;
    if (code === 'INPUT_MISSING' || (code === 'OUTPUT_LOST' && !module.spec.effectful)) {
      module.inputsMissed++;
      if (module.inputsMissed < INPUTS_MISSED_MAX) return;
      module.failures++;
      return this.end(run, module, 'failed');
    }
    module.failures++;
    if (module.failures >= module.spec.retry.attempts) this.end(run, module, 'failed');
  }

  private lose(run: number, module: OracleModule, claim: PastClaim): void {
    claim.session = 0;
    claim.lost = true;
    module.losses++;
    if (module.losses >= 3) this.end(run, module, 'failed');
  }

  private end(run: number, module: OracleModule, how: OracleModule['final'], item?: ResultItem): void {
    module.values = JSON.stringify(item?.outcome.values ?? {});
    module.hasFiles = item?.outcome.files !== undefined;
    module.holders = module.hasFiles ? [...new Set(item?.holders)] : [];
    this.finish(run, module, how);
    const { of } = module;
    if (of === undefined || of.final !== '') return;
    if (how === 'failed' && of.spec.foreach!.failFast) {
      for (const other of of.items!) {
        if (other.final !== '') continue;
        for (const claim of other.claims) this.tellToStop(claim);
        other.final = 'cancelled';
      }
    }
    if (of.items!.some((other) => other.final === '')) return;
    this.finish(run, of, of.items!.some((other) => other.final === 'failed') ? 'failed' : 'succeeded');
  }

  private finish(run: number, module: OracleModule, how: OracleModule['final']): void {
    module.final = how;
    if (how === 'failed' && module.of === undefined) this.skipBelow(run);
    if (module.of === undefined) this.expandBehind(run, module);
  }

  private skipBelow(run: number): void {
    const modules = this.runs.get(run)!;
    for (let again = true; again; ) {
      again = false;
      for (const other of modules) {
        const broken = other.of === undefined && other.spec.needs.some((need) => ['failed', 'skipped'].includes(modules[need]!.final));
        if (!broken || other.final !== '') continue;
        for (const past of other.claims) this.tellToStop(past);
        other.final = 'skipped';
        again = true;
      }
    }
  }

  opened(id: number, command: Extract<Command, { type: 'sessionOpen' }>): void {
    const old = [...this.sessions].find(([, session]) => session.node === command.node);
    this.sessions.set(id, { node: command.node, boot: command.bootId, capabilities: command.capabilities });
    for (const { run, module: index, fence } of command.running) {
      const module = this.module(run, index);
      for (const past of module?.claims ?? this.forgotten.flatMap((other) => other.claims)) {
        if (past.fence === fence && past.ending !== 0 && past.ending === old?.[0]) past.ending = id;
      }
      const moved = module?.claims.find((claim) => claim.fence === fence && claim.session !== 0 && claim.node === command.node);
      if (moved !== undefined && !moved.counted) {
        moved.session = id;
        continue;
      }
      const last = module?.current;
      if (module === undefined || last === undefined || module.final !== '' || last.fence !== fence || last.node !== command.node || last.counted || last.session !== 0) continue;
      if (!this.limitsHaveRoom(module)) continue;
      if (last.lost) module.losses--;
      last.lost = false;
      last.session = id;
    }
    if (old !== undefined) this.closed(old[0], old[1].boot === command.bootId);
  }

  closed(id: number, alive: boolean): void {
    for (const [run, modules] of this.runs) {
      for (const module of modules) {
        for (const claim of this.lives(module)) {
          if (claim.session !== id) continue;
          if (alive) this.told.push(claim.fence);
          if (this.isCopy(module, claim)) this.endCopy(module, claim, !alive);
          else if (alive) claim.session = 0;
          else this.lose(run, module, claim);
        }
      }
    }
    for (const module of [...this.runs.values(), this.forgotten].flat()) for (const claim of module.claims) if (claim.ending === id) claim.ending = 0;
    this.sessions.delete(id);
  }

  expired(id: number, reason: string): void {
    const session = this.sessions.get(id);
    if (session === undefined) return;
    this.closed(id, reason === 'left');
    if (reason === 'left') this.drained.delete(session.node);
  }

  drain(node: string, on: boolean): void {
    if (on) this.drained.add(node);
    else this.drained.delete(node);
  }

  released(command: Extract<Command, { type: 'release' }>): void {
    for (const { run, module: index, fence } of command.claims) {
      const module = this.module(run, index);
      if (command.reason === 'declined' || command.reason === 'released') this.stopped(run, index, fence);
      const claim = module === undefined ? undefined : this.lives(module).find((live) => live.fence === fence);
      if (module === undefined || claim === undefined) continue;
      if (command.reason === 'lost' && this.exclusive(module)) continue;
      if (this.isCopy(module, claim)) {
        if (command.reason === 'released' || command.reason === 'timeout') this.told.push(fence);
        this.endCopy(module, claim, command.reason === 'lost' || command.reason === 'timeout');
        continue;
      }
      if (command.reason === 'released') this.told.push(fence);
      if (command.reason === 'timeout') this.tellToStop(claim);
      claim.session = 0;
      if (command.reason === 'lost') this.lose(run, module, claim);
      if (command.reason !== 'timeout') continue;
      claim.counted = true;
      module.failures++;
      if (module.spec.effectful || module.failures >= module.spec.retry.attempts) this.end(run, module, 'failed');
    }
  }

  cancelled(run: number): void {
    for (const module of this.runs.get(run) ?? []) {
      if (module.final !== '') continue;
      for (const claim of module.claims) this.tellToStop(claim);
      module.final = 'cancelled';
    }
  }

  phase(run: number, module: OracleModule): string {
    if (module.final !== '') return module.final;
    if (this.live(module) !== undefined) return 'claimed';
    if (isTemplate(module)) return module.items === undefined ? 'waiting' : 'expanded';
    return this.parentsDone(run, module) && this.waveBegan(run, module) ? 'ready' : 'waiting';
  }

  /** All its modules have. */
  hasEnded(run: number): boolean {
    return this.runs.get(run)?.every(({ final }) => final !== '') ?? true;
  }

  paused(run: number, on: boolean): void {
    if (on) this.pausedRuns.add(run);
    else this.pausedRuns.delete(run);
  }

  pausedAll(on: boolean): void {
    this.queuePaused = on;
  }

  retired(run: number): void {
    this.forgotten.push(...(this.runs.get(run) ?? []));
    this.runs.delete(run);
  }

  /** Of a run that has not ended. */
  runPhase(run: number): string {
    if (this.pausedRuns.has(run)) return 'paused';
    return this.runs.get(run)!.some((module) => module.claims.length > 0) ? 'running' : 'queued';
  }

  /** By key, how many executions hold it. */
  held(): Map<string, number> {
    const keys = [...this.runs.values(), this.forgotten].flat().flatMap(({ spec }) => (spec.policy?.limits ?? []).map(({ key }) => key));
    return new Map([...new Set(keys)].map((key): [string, number] => [key, this.holders(key)]).filter(([, count]) => count > 0));
  }
}
