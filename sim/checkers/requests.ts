/** Requests: S21, and that what a client was told stays true. */
import type { RunId } from '../../src/core/lib/ids.ts';
import type { Applied, Checker, NodeView, Report } from './checker.ts';

export class RequestChecker implements Checker {
  readonly #report: Report;
  readonly #runs = new Map<string, RunId>();
  /** Runs that clients were told of, by request key. */
  readonly promised = new Map<string, RunId>();

  constructor(report: Report) {
    this.#report = report;
  }

  applied({ cell, command, reply, first }: Applied): void {
    if (!first || command?.type !== 'submit' || reply?.type !== 'run') return;
    // S21: one request key, one run.
    const key = `${cell} ${command.requestKey}`;
    const before = this.#runs.get(key);
    if (before !== undefined && before !== reply.runId) this.#report('S21', `request ${command.requestKey} made run ${reply.runId} after it had made ${before}`);
    if (reply.duplicate !== (before !== undefined)) this.#report('S21', `request ${command.requestKey} is called ${reply.duplicate ? 'a duplicate and is none' : 'new and is a duplicate'}`);
    this.#runs.set(key, reply.runId);
  }

  /** A client got its answer. Two cells may each make a run of a request; they are linked when the cells meet (PROTOCOL §5). */
  answered(requestKey: string, runId: RunId): void {
    const before = this.promised.get(requestKey);
    if (before !== undefined && before !== runId && cellOf(before) === cellOf(runId)) this.#report('S21', `a client was told run ${runId} for request ${requestKey}, and ${before} before`);
    this.promised.set(requestKey, runId);
  }

  /** At the end: nothing acknowledged is lost. A run belongs to the cell that its id names, and to no other. */
  finish(nodes: readonly NodeView[]): void {
    for (const { replica, name } of nodes) {
      if (replica === undefined) continue;
      const known = new Set([...replica.state.runs.values()].map(({ runId }) => runId));
      const lost = [...this.promised].filter(([, runId]) => runId.endsWith(`-${replica.cell}`) && !known.has(runId));
      for (const [key, runId] of lost) this.#report('S21', `${name} does not know run ${runId}, which a client was told for request ${key}`);
    }
  }
}

/** A run id ends in its cell's. */
function cellOf(runId: RunId): string {
  return runId.slice(runId.indexOf('-') + 1);
}
