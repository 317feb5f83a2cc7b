/**
 * S10 by brute force: all quorums of all configurations that any electable node could use meet pairwise. Looked at when
 * a configuration appears or leadership changes; a pair of configurations is judged once.
 */
import { isVoter, votersOf } from '../../src/core/raft/config.ts';
import { nodeOfMember, type CellId, type LogIndex, type MemberId, type NodeId, type Term } from '../../src/core/lib/ids.ts';
import type { Config } from '../../src/core/raft/types.ts';
import type { Checker, NodeView, RaftView, Report } from './checker.ts';
import type { LogListener, Logs } from './logs.ts';

interface Place {
  readonly index: LogIndex;
  readonly term: Term;
}

export class QuorumChecker implements Checker, LogListener {
  readonly #report: Report;
  readonly #nodeOf: (id: NodeId) => NodeView | undefined;
  readonly #nodes = new Map<NodeId, NodeView>();
  readonly #leading = new Map<NodeId, Term>();
  readonly #dirty = new Set<CellId>();
  /** Quorums that do not meet, '' when all do, by the texts of both configurations. */
  readonly #verdicts = new Map<string, string>();
  /** Pairs of configurations that were judged. */
  pairs = 0;

  constructor(report: Report, logs: Logs, nodeOf: (id: NodeId) => NodeView | undefined) {
    this.#report = report;
    this.#nodeOf = nodeOf;
    logs.listen(this);
  }

  appended(_node: NodeView, replica: { readonly cell: CellId }, _track: unknown, entry: { readonly config?: Config }): void {
    if (entry.config !== undefined) this.#dirty.add(replica.cell);
  }

  stepped(node: NodeView): void {
    this.#nodes.set(node.id, node);
    const { replica } = node;
    if (replica === undefined) return;
    const { role, term } = replica.raft;
    if (role === 'leader' && this.#leading.get(node.id) !== term) {
      this.#leading.set(node.id, term);
      this.#dirty.add(replica.cell);
    }
    if (this.#dirty.delete(replica.cell)) this.#judge(replica.cell);
  }

  #judge(cell: CellId): void {
    const usable = new Map<string, { readonly config: Config; readonly name: string }>();
    for (const node of this.#nodes.values()) {
      const raft = node.replica?.cell === cell ? node.replica.raft : undefined;
      if (raft === undefined || !this.#electable(node, raft, cell)) continue;
      usable.set(textOf(raft.config), { config: raft.config, name: node.name });
    }
    const list = [...usable];
    for (const [at, [textA, a]] of list.entries()) {
      for (const [textB, b] of list.slice(at)) {
        const problem = this.#meet(textA, a.config, textB, b.config);
        if (problem !== '') this.#report('S10', `${a.name} and ${b.name} could both be elected: ${problem}`);
      }
    }
  }

  /** Could win an election now: enough of its own voters would find its log no older than theirs. */
  #electable(node: NodeView, raft: RaftView, cell: CellId): boolean {
    const { replica } = node;
    const { config } = raft;
    if (replica === undefined || !isVoter(config, replica.self)) return false;
    const own = placeOf(raft);
    const grants = new Set(votersOf(config).filter((member) => member === replica.self || this.#grants(member, cell, own)));
    return [config.voters, config.outgoing].every((voters) => voters.length === 0 || 2 * voters.filter((member) => grants.has(member)).length > voters.length);
  }

  /** By the log alone: terms and leases only make it harder. A disk that is another member now grants nothing. */
  #grants(member: MemberId, cell: CellId, own: Place): boolean {
    const node = this.#nodeOf(nodeOfMember(member));
    if (node === undefined) return false;
    const { replica } = node;
    if (replica !== undefined) return replica.self === member && replica.cell === cell && !isNewer(placeOf(replica.raft), own);
    const synced = node.synced(cell);
    if (synced.member !== member || synced.cell !== cell) return false;
    const term = synced.termAt(synced.lastIndex);
    return term !== 0 && !isNewer({ index: synced.lastIndex, term }, own);
  }

  #meet(textA: string, a: Config, textB: string, b: Config): string {
    const key = textA < textB ? `${textA} ${textB}` : `${textB} ${textA}`;
    const known = this.#verdicts.get(key);
    if (known !== undefined) return known;
    this.pairs += 1;
    const verdict = disjoint(a, b);
    this.#verdicts.set(key, verdict);
    return verdict;
  }
}

function placeOf(raft: RaftView): Place {
  const index = raft.lastIndex;
  return { index, term: raft.entry(index)?.term ?? raft.snapshot.term };
}

function isNewer(a: Place, b: Place): boolean {
  return a.term > b.term || (a.term === b.term && a.index > b.index);
}

function textOf({ voters, outgoing }: Config): string {
  return `${[...voters].sort().join()}/${[...outgoing].sort().join()}`;
}

/** Two quorums without a common member, in words; '' if there are none. */
function disjoint(a: Config, b: Config): string {
  const members = [...new Set([...votersOf(a), ...votersOf(b)])];
  const masksA = quorums(a, members);
  const masksB = quorums(b, members);
  const names = (mask: number): string => members.filter((_, bit) => (mask & (1 << bit)) !== 0).join('+');
  for (const maskA of masksA) {
    for (const maskB of masksB) if ((maskA & maskB) === 0) return `quorum ${names(maskA)} does not meet quorum ${names(maskB)}`;
  }
  return '';
}

/** Minimal sets that can elect and commit, as bit masks over `members`. */
function quorums({ voters, outgoing }: Config, members: readonly MemberId[]): number[] {
  const of = (half: readonly MemberId[]): number[] => {
    const bits = half.map((member) => 1 << members.indexOf(member));
    return combinations(bits, Math.floor(bits.length / 2) + 1).map((picked) => picked.reduce((mask, bit) => mask | bit, 0));
  };
  if (outgoing.length === 0) return of(voters);
  const old = of(outgoing);
  return of(voters).flatMap((left) => old.map((right) => left | right));
}

function combinations<T>(list: readonly T[], size: number): T[][] {
  if (size === 0) return [[]];
  return list.flatMap((item, at) => combinations(list.slice(at + 1), size - 1).map((rest) => [item, ...rest]));
}
