/** Who leads, since when, and what came of it: one summary line at each change. */
import { nodeOfMember, type CellId } from '../../src/core/lib/ids.ts';
import type { Config, Role } from '../../src/core/raft/types.ts';
import type { NodeView } from '../checkers/checker.ts';
import { readable } from './names.ts';

/** One leadership, ms. */
export interface Reign {
  readonly node: string;
  readonly term: number;
  readonly cell: CellId;
  readonly since: number;
  /** When it ended, by its own word or because the node stopped; undefined while it leads. */
  until: number | undefined;
  claims: number;
  results: number;
}

type Say = (kind: 'leader' | 'detail', who: string, text: string) => void;

const roleWords: Readonly<Record<Role, string>> = { follower: 'follows', preCandidate: 'asks whether it would be elected', candidate: 'asks for votes', leader: 'leads' };

export class Leadership {
  /** In the order in which they began. */
  readonly reigns: Reign[] = [];
  readonly #current = new Map<CellId, Reign>();
  /** Node → the term it leads in by its own word. */
  readonly #leading = new Map<string, number>();
  /** Node → its role and term, for those who want every step. */
  readonly #roles = new Map<string, string>();
  readonly #say: Say;

  constructor(say: Say) {
    this.#say = say;
  }

  /** Who leads when nobody has been told yet. */
  known({ name, replica }: NodeView, now: number): void {
    if (replica?.raft.role !== 'leader') return;
    const { term } = replica.raft;
    this.#leading.set(name, term);
    this.#add({ node: name, term, cell: replica.cell, since: now, until: undefined, claims: 0, results: 0 });
  }

  /** After a step of a node's Raft core. */
  stepped(node: NodeView, now: number): void {
    const { replica, name } = node;
    if (replica === undefined) return;
    const { role, term } = replica.raft;
    const known = this.#leading.get(name);
    if (role === 'leader') {
      if (known === term) this.#goesOn(name, replica.cell, term);
      else this.#begins(name, replica.cell, term, now);
    } else if (known !== undefined) {
      this.#ends(name, replica.cell, now);
      this.#say('leader', name, `leads no more (term ${known}${term > known ? `, now it knows of term ${term}` : ''})`);
    }
    this.#detail(name, role, term);
  }

  #detail(name: string, role: Role, term: number): void {
    const text = `${roleWords[role]} in term ${term}`;
    if (this.#roles.get(name) === text) return;
    this.#roles.set(name, text);
    if (role !== 'leader') this.#say('detail', name, text);
  }

  /** The node is gone, or stands still. */
  lost(name: string, now: number): void {
    for (const reign of this.#current.values()) if (reign.node === name) reign.until ??= now;
  }

  /** The node is gone: it does not come back as a leader. */
  crashed(name: string, now: number): void {
    this.lost(name, now);
    this.#leading.delete(name);
  }

  /** Counts for the leader of the cell. */
  count(cell: CellId, what: 'claims' | 'results', count: number): void {
    const reign = this.#current.get(cell);
    if (reign !== undefined) reign[what] += count;
  }

  #begins(name: string, cell: CellId, term: number, now: number): void {
    this.#leading.set(name, term);
    const before = this.#current.get(cell);
    const story = before === undefined ? `first leader of cell ${cell.slice(0, 8)}` : describeBefore(before, now);
    this.#add({ node: name, term, cell, since: now, until: undefined, claims: 0, results: 0 });
    this.#say('leader', name, `leads in term ${term}; ${story}`);
  }

  /** It stood still for a while, and nobody took over. */
  #goesOn(name: string, cell: CellId, term: number): void {
    const reign = this.#current.get(cell);
    if (reign?.node === name && reign.term === term) reign.until = undefined;
  }

  #add(reign: Reign): void {
    this.reigns.push(reign);
    const before = this.#current.get(reign.cell);
    if (before !== undefined) before.until ??= reign.since;
    this.#current.set(reign.cell, reign);
  }

  #ends(name: string, cell: CellId, now: number): void {
    this.#leading.delete(name);
    const reign = this.#current.get(cell);
    if (reign?.node === name) reign.until ??= now;
  }
}

function describeBefore({ node, term, since, until, claims, results }: Reign, now: number): string {
  const gap = until === undefined ? `${node} may not know it yet` : `nobody led for ${Math.round(now - until)} ms`;
  const length = (((until ?? now) - since) / 1000).toFixed(1);
  return `${gap}; before it ${node} for ${length} s in term ${term} (${claims} claims, ${results} results)`;
}

export function describeConfig({ voters, outgoing, standbys }: Config): string {
  const names = (members: readonly string[]): string => members.map((member) => readable(nodeOfMember(member as never))).join(' ') || 'none';
  const change = outgoing.length === 0 ? `voters ${names(voters)}` : `voters ${names(outgoing)} → ${names(voters)} (both majorities count)`;
  return standbys.length === 0 ? change : `${change}; standbys ${names(standbys)}`;
}
