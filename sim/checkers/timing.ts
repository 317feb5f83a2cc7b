/**
 * T1: how long the cell is without a leader. Some rules (7 and 8 of PROTOCOL §3) break nothing when they are switched off,
 * they only cost time; these demands are what notices. Asked for by scenarios without other faults.
 */
import type { CellId, Term } from '../../src/core/lib/ids.ts';
import type { Applied, Checker, NodeView, Report } from './checker.ts';

interface Demand {
  readonly kind: 'claim' | 'leader';
  readonly sinceMs: number;
  readonly boundMs: number;
  readonly what: string;
  readonly cell: CellId;
  /** The new leader is one of a later term. */
  readonly term: Term;
}

export class TimingChecker implements Checker {
  readonly #report: Report;
  readonly #now: () => number;
  #demand: Demand | undefined;
  #claim = 0;

  constructor(report: Report, now: () => number) {
    this.#report = report;
    this.#now = now;
  }

  /** From now on, a claim is committed within so many virtual ms. @param leader of the cell, at this moment. */
  demandClaim(leader: NodeView, boundMs: number, what: string): void {
    this.#demand = this.#make('claim', leader, boundMs, what);
  }

  /** From now on, somebody leads in a later term within so many virtual ms. */
  demandLeader(leader: NodeView, boundMs: number, what: string): void {
    this.#demand = this.#make('leader', leader, boundMs, what);
  }

  #make(kind: Demand['kind'], { replica }: NodeView, boundMs: number, what: string): Demand | undefined {
    return replica === undefined ? undefined : { kind, sinceMs: this.#now(), boundMs, what, cell: replica.cell, term: replica.raft.term };
  }

  get open(): boolean {
    return this.#demand !== undefined;
  }

  /** Nothing came: call when the time is up. */
  overdue(): void {
    if (this.#demand !== undefined && this.#now() - this.#demand.sinceMs > this.#demand.boundMs) this.#met();
  }

  applied({ cell, events, first }: Applied): void {
    if (!first) return;
    for (const event of events) {
      if (event.type !== 'module' || event.phase !== 'claimed' || event.fence <= this.#claim) continue;
      this.#claim = event.fence;
      if (this.#demand?.kind === 'claim' && this.#demand.cell === cell) this.#met();
    }
  }

  stepped({ replica }: NodeView): void {
    const demand = this.#demand;
    if (demand?.kind !== 'leader' || replica?.cell !== demand.cell) return;
    if (replica.raft.role === 'leader' && replica.raft.term > demand.term) this.#met();
  }

  #met(): void {
    const demand = this.#demand;
    if (demand === undefined) return;
    this.#demand = undefined;
    const tookMs = this.#now() - demand.sinceMs;
    if (tookMs > demand.boundMs) this.#report('T1', `${demand.what}: ${demand.kind === 'claim' ? 'the next claim' : 'the next leader'} after ${Math.round(tookMs)} ms, at most ${Math.round(demand.boundMs)} ms are allowed`);
  }
}
