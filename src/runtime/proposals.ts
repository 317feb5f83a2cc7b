/**
 * Commands that this leader wants in the log and who waits for them: first collected over one turn, then appended under an
 * index, at last applied there or failed. Everybody who waits is told exactly once.
 */
import type { CellId, LogIndex, Term } from '../core/lib/ids.ts';
import { runIdOf } from '../core/cell/run-id.ts';
import type { Command, Reply } from '../core/cell/types.ts';

/** Commands waiting to be appended or committed. */
export const PROPOSALS_MAX = 50_000;

/** `undefined`: this node does not lead (any more); whether the command is in the log is unknown. */
export type ProposalDone = (answer: { readonly reply: Reply; readonly index: LogIndex } | undefined) => void;

export interface Proposal {
  readonly command: Command;
  readonly data: Uint8Array;
  readonly done: ProposalDone | undefined;
  term: Term;
}

export class Proposals {
  /** Proposed in this turn, not yet appended. */
  #queue: Proposal[] = [];
  #appending: Proposal[] = [];
  /** Appended, not yet applied, by index. */
  readonly #pending = new Map<LogIndex, Proposal>();

  get full(): boolean {
    return this.#pending.size + this.#queue.length >= PROPOSALS_MAX;
  }

  /** Not yet appended. */
  get queued(): number {
    return this.#queue.length;
  }

  /** @returns whether it is the first of this turn. */
  add(command: Command, data: Uint8Array, done: ProposalDone | undefined): boolean {
    return this.#queue.push({ command, data, done, term: 0 }) === 1;
  }

  /** What was added in this turn, on its way to the log: `appended` or `fail` says what becomes of it. */
  take(): readonly Uint8Array[] {
    this.#appending = this.#queue;
    this.#queue = [];
    return this.#appending.map(({ data }) => data);
  }

  /** All that was taken is in the log from `first` on. */
  appended(first: LogIndex, term: Term): void {
    for (const [offset, proposal] of this.#appending.entries()) {
      proposal.term = term;
      this.#pending.set(first + offset, proposal);
    }
    this.#appending = [];
  }

  /** Only for a mutant: clients of runs that are not committed yet are told that they are recorded. */
  answerEarly(cell: CellId, acknowledged: (index: LogIndex) => void): void {
    for (const [index, proposal] of this.#pending) {
      const { command, done } = proposal;
      if (command.type !== 'submit' || done === undefined) continue;
      this.#pending.set(index, { ...proposal, done: undefined });
      acknowledged(index);
      done({ reply: { type: 'run', run: index, runId: runIdOf(cell, index), duplicate: false }, index });
    }
  }

  /** Tells those whose commands were taken but not appended. */
  refused(): void {
    fail(this.#appending.splice(0));
  }

  /** The command of this very entry, if this node proposed it. */
  commandAt(index: LogIndex, term: Term): Command | undefined {
    const proposal = this.#pending.get(index);
    return proposal?.term === term ? proposal.command : undefined;
  }

  /** Who waits for the entry that was just applied at `index`. */
  applied(index: LogIndex): Proposal | undefined {
    const proposal = this.#pending.get(index);
    if (proposal !== undefined) this.#pending.delete(index);
    return proposal;
  }

  failAll(): void {
    const proposals = [...this.#queue.splice(0), ...this.#pending.values()];
    this.#pending.clear();
    fail(proposals);
  }

  /** The entries after `index` are cut off. */
  failAfter(index: LogIndex): void {
    const cut = [...this.#pending].filter(([at]) => at > index);
    for (const [at] of cut) this.#pending.delete(at);
    fail(cut.map(([, proposal]) => proposal));
  }
}

function fail(proposals: readonly Proposal[]): void {
  for (const { done } of proposals) done?.(undefined);
}
