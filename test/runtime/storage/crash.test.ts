/**
 * Random batches, random crashes, random torn tails. After each crash the disk must hold the state after one of the
 * persists that were handed over, no older than the last one acknowledged; never a mixture, never anything invented.
 */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Prng } from '../../../sim/prng.ts';
import type { Entry, HardState, SnapshotMeta } from '../../../src/core/raft/types.ts';
import type { LogBatch } from '../../../src/runtime/storage/frame-queue.ts';
import type { Recovered } from '../../../src/runtime/storage/recover.ts';
import { command, LogNode, meta, noVote, plain, stateAt, vote } from './support.ts';

interface State {
  readonly hard: HardState;
  /** Index that the log starts after. */
  readonly base: number;
  readonly entries: readonly Entry[];
}

class Model {
  readonly random: Prng;
  readonly node: LogNode;
  /** States that the disk may be found in, oldest first; the first is acknowledged. */
  states: State[] = [{ hard: noVote, base: 0, entries: [] }];
  stored = new Map<number, SnapshotMeta>();
  /** Newest snapshot whose writing was acknowledged. */
  savedIndex = 0;
  commit = 0;
  /** What this incarnation takes for committed because it found a snapshot; a power cut may still take that. */
  found = 0;
  /** Nothing is committed meanwhile: the snapshot on its way holds what really was. */
  installing = false;
  readonly counts = { crashes: 0, torn: 0, resets: 0, lost: 0, kept: 0 };

  constructor(seed: string) {
    this.random = new Prng(seed);
    this.node = new LogNode({ seed, segmentBytes: this.random.pick([200, 2000, 100_000]) });
  }

  get now(): State {
    return this.states.at(-1)!;
  }

  get last(): number {
    return this.now.base + this.now.entries.length;
  }

  step(): void {
    const { random } = this;
    const kind = random.int(0, 9);
    if (kind <= 3) this.persist({ entries: this.#fresh(this.last, this.now.hard.term) });
    else if (kind === 4) this.persist({ hard: vote(this.now.hard.term + random.int(0, 2), random.pick(['', 'a/1', 'b/2'])), entries: [] });
    else if (kind === 5) this.#conflict();
    else if (kind === 6) this.persist({ entries: [] });
    else if (kind === 7) this.#save();
    else if (kind === 8) this.#install();
    if (random.chance(0.7)) this.node.run(random.exponential(0.3));
if (this.states.length === 1 && !this.installing) this.commit = Math.max(this.commit, random.int(0, this.last));
  }

  persist(batch: LogBatch): void {
    const { hard, snapshot, truncateAfter, entries } = batch;
    const before = this.now;
    const base = snapshot?.index ?? before.base;
    const kept = snapshot !== undefined ? [] : truncateAfter === undefined ? before.entries : before.entries.slice(0, truncateAfter - base);
    const state: State = { hard: hard ?? before.hard, base, entries: [...kept, ...entries] };
    this.states.push(state);
    this.node.log.persist(batch, () => {
      const position = this.states.indexOf(state);
      assert.ok(position >= 0, 'acknowledged in order');
      this.states.splice(0, position);
    });
  }

  #fresh(after: number, term: number): Entry[] {
    return Array.from({ length: this.random.int(1, 12) }, (_, i) => command(after + 1 + i, Math.max(term, 1), this.random.int(0, 90)));
  }

  #conflict(): void {
    const after = this.random.int(Math.max(this.commit, this.found, this.now.base), this.last);
    const hard = vote(this.now.hard.term + 1);
    this.persist({ hard, truncateAfter: after, entries: this.#fresh(after, hard.term) });
  }

  #save(): void {
    const term = this.now.entries[this.commit - this.now.base - 1]?.term;
    if (term === undefined) return;
    const snapshot = meta(this.commit, term);
    this.stored.set(snapshot.index, snapshot);
    this.node.log.saveSnapshot(snapshot, stateAt(snapshot.index), () => {
      this.savedIndex = Math.max(this.savedIndex, snapshot.index);
      this.node.log.dropBefore(snapshot.index);
    });
  }

  /** From a leader of a newer term, somewhere after what is committed. */
  #install(): void {
    if (this.installing) return;
    this.installing = true;
    const hard = vote(this.now.hard.term + 1, '');
    this.persist({ hard, entries: [] });
    const snapshot = meta(Math.max(this.commit, this.found) + this.random.int(1, 40), hard.term);
    this.stored.set(snapshot.index, snapshot);
    this.node.log.installSnapshot(snapshot, stateAt(snapshot.index), () => {
      this.savedIndex = Math.max(this.savedIndex, snapshot.index);
      this.installing = false;
      assert.ok(snapshot.index > this.commit);
      this.commit = snapshot.index;
      this.persist({ snapshot, entries: [] });
    });
  }

  crash(): void {
    const kind = this.random.chance(0.2) ? 'process' : 'power';
    const recovered = this.node.restart({ kind, tornChance: this.random.pick([0, 0.5, 1]) });
    assert.equal(recovered.damage, undefined, JSON.stringify(recovered.damage));
    const position = this.states.findLastIndex((state) => this.#matches(recovered, state));
    if (position < 0) this.#explain(recovered);
    this.counts.crashes += 1;
    this.installing = false;
    this.counts.torn += recovered.torn ? 1 : 0;
    this.counts[position === 0 ? 'lost' : 'kept'] += 1;
    this.states = this.states.slice(0, position + 1);
    this.#snapshotIsRight(recovered);
    if (recovered.writer.reset === undefined) return;
    this.counts.resets += 1;
    this.states.push({ hard: recovered.hard, base: recovered.writer.reset.index, entries: [] });
  }

  #matches(recovered: Recovered, { hard, base, entries }: State): boolean {
    const { snapshot, writer } = recovered;
    if (writer.reset !== undefined) {
      const raised = hard.term < writer.reset.term ? vote(writer.reset.term, '') : hard;
      return writer.last.index === base + entries.length && same(recovered.hard, raised);
    }
    const from = snapshot?.meta.index ?? 0;
    if (from < base || from > base + entries.length || !same(recovered.hard, hard)) return false;
    return same(recovered.entries.map(plain), entries.slice(from - base).map(plain));
  }

  #snapshotIsRight({ snapshot, skipped }: Recovered): void {
    assert.deepEqual(skipped, []);
    const index = snapshot?.meta.index ?? 0;
    this.found = index;
    assert.ok(index >= this.savedIndex, `snapshot ${this.savedIndex} was acknowledged, ${index} is there`);
    if (snapshot === undefined) return;
    assert.deepEqual(snapshot.sections.map((s) => Buffer.from(s)), stateAt(index).map((s) => Buffer.from(s)));
    assert.deepEqual(snapshot.meta.config, this.stored.get(index)?.config);
  }

  #explain(recovered: Recovered): never {
    const states = this.states.map(({ hard, base, entries }) => `term ${hard.term} vote ${hard.votedFor}, ${base}+${entries.length} ${entries.at(-1)?.term}`);
    const { hard, entries, snapshot, writer } = recovered;
    const found = { hard, snapshot: snapshot?.meta.index, entries: [entries[0]?.index, entries.length, entries.at(-1)?.term], last: writer.last, reset: writer.reset?.index };
    throw new Error(`no state fits\n${JSON.stringify(found)}\n${states.join('\n')}`);
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

test('a crash at any moment loses nothing acknowledged, invents nothing, keeps the order', () => {
  const total = { crashes: 0, torn: 0, resets: 0, lost: 0, kept: 0 };
  for (let seed = 0; seed < 300; seed++) {
    const model = new Model(`crash ${seed}`);
    try {
      for (let incarnation = 0; incarnation < 5; incarnation++) {
        const steps = model.random.int(0, 25);
        for (let i = 0; i < steps; i++) model.step();
        model.crash();
      }
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
    for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += model.counts[key];
  }
  for (const [what, count] of Object.entries(total)) assert.ok(count > 30, `too few ${what}: ${JSON.stringify(total)}`);
});
