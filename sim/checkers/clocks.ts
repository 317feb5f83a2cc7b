/**
 * What the clocks of the nodes did, so that S20 and S25 can tell a violation from what no protocol with leases promises:
 * they hold while the rates of any two clocks are within 10 % of each other and no machine slept longer than the margin.
 */
import type { NodeId } from '../../src/core/lib/ids.ts';

const RATIO_MAX = 1.1;

/** What the checkers are told of the world, since it decides what may be demanded. */
export interface Conditions {
  /** Virtual ms. */
  now(): number;
  readonly electionMs: number;
  /** By how much a session outlives the self-fence of its worker. */
  readonly marginMs: number;
  readonly clocks: ClockRecord;
}

interface Rate {
  readonly at: number;
  readonly rate: number;
}

export class ClockRecord {
  readonly #rates = new Map<NodeId, Rate[]>();
  readonly #sleeps = new Map<NodeId, { readonly from: number; to: number }[]>();

  /** From `at` on (virtual ms) this node's clocks tick `rate` times as fast as virtual time. */
  rateChanged(node: NodeId, rate: number, at: number): void {
    const list = this.#rates.get(node);
    if (list === undefined) this.#rates.set(node, [{ at, rate }]);
    else list.push({ at, rate });
  }

  /** The monotonic clock of this node stands still from now on. */
  fellAsleep(node: NodeId, at: number): void {
    const list = this.#sleeps.get(node);
    if (list === undefined) this.#sleeps.set(node, [{ from: at, to: Infinity }]);
    else list.push({ from: at, to: Infinity });
  }

  wokeUp(node: NodeId, at: number): void {
    const last = this.#sleeps.get(node)?.at(-1);
    if (last !== undefined && last.to === Infinity) last.to = at;
  }

  /**
   * Since `sinceMs`, have the clocks of these nodes kept within 10 % of each other, and has none of them slept for longer?
   * @param now virtual ms: for who is still asleep.
   */
  hold(nodes: readonly NodeId[], sinceMs: number, now: number, sleepMaxMs: number): boolean {
    let slowest = Infinity;
    let fastest = 0;
    for (const node of nodes) {
      for (const rate of this.#ratesSince(node, sinceMs)) {
        slowest = Math.min(slowest, rate);
        fastest = Math.max(fastest, rate);
      }
      if (this.#sleptMs(node, sinceMs, now) > sleepMaxMs) return false;
    }
    return fastest <= RATIO_MAX * slowest;
  }

  #ratesSince(node: NodeId, sinceMs: number): readonly number[] {
    const list = this.#rates.get(node);
    if (list === undefined) return EXACT;
    const first = list.findLastIndex(({ at }) => at <= sinceMs);
    const rates = list.slice(Math.max(0, first)).map(({ rate }) => rate);
    return first === -1 ? [1, ...rates] : rates;
  }

  #sleptMs(node: NodeId, sinceMs: number, now: number): number {
    let longest = 0;
    for (const { from, to } of this.#sleeps.get(node) ?? []) if (to >= sinceMs) longest = Math.max(longest, Math.min(to, now) - from);
    return longest;
  }
}

const EXACT: readonly number[] = [1];
