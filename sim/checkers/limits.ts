/**
 * S26: whatever grows with load, with silence or with time has a bound. Looks at the memory of the Raft core after every
 * step of a leader (a stalled follower must not grow it) and at the tables of the state now and then.
 */
import * as cell from '../../src/core/cell/limits.ts';
import type { CellState } from '../../src/core/cell/state.ts';
import * as raft from '../../src/core/raft/limits.ts';
import type { RaftLoad } from '../../src/core/raft/types.ts';
import type { Applied, Checker, NodeView, Report } from './checker.ts';

/** Every so many entries the tables of the state are counted. */
const TABLES_EVERY = 32;

/** One Append may begin below the bound in bytes and end above it; so may one batch of proposals. */
const loadMax: Readonly<Record<keyof RaftLoad, number>> = {
  uncommittedBytes: 2 * raft.UNCOMMITTED_BYTES_MAX,
  inflightAppends: raft.INFLIGHT_APPENDS_MAX,
  inflightBytes: raft.INFLIGHT_BYTES_MAX + 2 * raft.APPEND_BYTES_MAX,
  reads: raft.READS_PENDING_MAX,
  heldPreVotes: raft.HELD_PRE_VOTES_MAX,
  brokenLinks: raft.BROKEN_LINKS_MAX,
  // The longer one, which a follower may need that answers and is behind.
  tailEntries: raft.COMPACTED_TAIL_ENTRIES_MAX * raft.CATCH_UP_TAIL_FACTOR,
};

type Table = 'sessions' | 'requests' | 'live runs' | 'live modules' | 'finished runs' | 'drained nodes' | 'node names' | 'unfinished submits' | 'unfinished bytes' | 'learned pipelines';

/** The key of a live run stays in the table although it is full; a Retire comes some seconds after a run too many. */
const tableMax: Readonly<Record<Table, number>> = {
  sessions: cell.SESSIONS_MAX,
  requests: cell.REQUEST_KEYS_MAX + cell.LIVE_RUNS_MAX,
  'live runs': cell.LIVE_RUNS_MAX,
  'live modules': cell.LIVE_MODULES_MAX,
  'finished runs': 2 * cell.FINISHED_RUNS_MAX,
  'drained nodes': cell.DRAINED_NODES_MAX,
  'node names': cell.NODE_NAMES_MAX,
  'unfinished submits': cell.UNFINISHED_SUBMITS_MAX,
  'unfinished bytes': cell.UNFINISHED_BYTES_MAX,
  'learned pipelines': cell.LEARNED_PIPELINES_MAX,
};

export class LimitChecker implements Checker {
  readonly #report: Report;
  /** Largest value of each kind seen, for the figures. */
  readonly highest = new Map<string, number>();

  constructor(report: Report) {
    this.#report = report;
  }

  stepped(node: NodeView): void {
    if (node.replica?.raft.role !== 'leader') return;
    const { load } = node.replica.raft;
    for (const kind in loadMax) this.#compare(node, kind, load[kind as keyof RaftLoad], loadMax[kind as keyof RaftLoad]);
  }

  applied({ node, entry }: Applied): void {
    const state = node.replica?.state;
    if (state === undefined || entry.index % TABLES_EVERY !== 0) return;
    const sizes = tablesOf(state);
    for (const kind in tableMax) this.#compare(node, kind, sizes[kind as Table], tableMax[kind as Table]);
  }

  #compare(node: NodeView, kind: string, value: number, max: number): void {
    if (value <= (this.highest.get(kind) ?? 0)) return;
    this.highest.set(kind, value);
    if (value > max) this.#report('S26', `${node.name} holds ${value} ${kind}, at most ${max} are allowed`);
  }
}

function tablesOf(state: CellState): Readonly<Record<Table, number>> {
  return {
    sessions: state.sessions.size,
    requests: state.requests.size,
    'live runs': state.runs.size - state.finished.size,
    'live modules': state.liveModules,
    'finished runs': state.finished.size,
    'drained nodes': state.drained.size,
    'node names': state.nodeNames.size,
    'unfinished submits': state.unfinished.size,
    'unfinished bytes': state.unfinishedBytes,
    'learned pipelines': state.learned.size,
  };
}
