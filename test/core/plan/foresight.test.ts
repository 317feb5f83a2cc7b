/** Plan on append, act on commit: what is planned on results that are not committed yet, and what if they come to nothing. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import * as fc from 'fast-check';
import { isRunFinal } from '../../../src/core/cell/state.ts';
import type { ClaimItem, Command, Outcome, ResultItem } from '../../../src/core/cell/types.ts';
import type { RunNumber } from '../../../src/core/lib/ids.ts';
import { Planner } from '../../../src/core/plan/planner.ts';
import { TestCell, failed, module, spec, succeeded } from '../cell/cells.ts';

type Submit = Extract<Command, { type: 'submit' }>;

class Foreseen extends TestCell {
  readonly planner = new Planner();

  constructor(slots: number) {
    super(false);
    this.found();
    this.open('a', { capabilities: { slots } });
  }

  override apply(command: Parameters<TestCell['apply']>[0]): ReturnType<TestCell['apply']> {
    const reply = super.apply(command);
    this.planner.onEvents(this.state, this.events);
    return reply;
  }

  plan(planner = this.planner): ClaimItem[] {
    const sessions = [...this.state.sessions.values()].map(({ id, capabilities }) => ({ session: id, slots: capabilities.slots, load: 0 }));
    const items = planner.plan(this.state, this.now, sessions, 1000);
    planner.proposed(items);
    return items;
  }

  /** Names of what is planned. */
  names(items: readonly ClaimItem[]): string[] {
    return items.map(({ run, module: index }) => this.state.runs.get(run)!.spec.modules[index]!.name);
  }

  end(run: RunNumber, index: number, outcome: Outcome = succeeded()): ResultItem {
    return { run, module: index, generation: 1, fence: this.module(run, index).fence, inputsHash: '', outcome };
  }

  grant(items: readonly ClaimItem[]): readonly number[] {
    const fences = this.claims(items);
    this.planner.settled(this.state, items);
    return fences;
  }

  commit(items: readonly ResultItem[]): void {
    this.apply({ type: 'results', jitter: 0, items });
    this.planner.heardOf(this.state, items);
  }
}

test('the next step of a chain is claimed right behind the result before it, on the slot that this one frees', () => {
  const cell = new Foreseen(1);
  const run = cell.submit([module('a'), module('b', [0]), module('c', [1])]);
  cell.grant(cell.plan());
  for (const [index, next] of [[0, 'b'], [1, 'c']] as const) {
    const results = [cell.end(run, index)];
    assert.deepEqual(cell.plan(), [], 'nothing can be planned before');
    cell.planner.foresee(cell.state, results);
    const claims = cell.plan();
    assert.deepEqual(cell.names(claims), [next]);
    cell.commit(results);
    assert.ok(cell.grant(claims).every((fence) => fence !== 0), 'behind the result it is granted');
  }
  assert.equal(cell.planner.foreseenCount, 0);
});

test('a module that needs two is planned when both are in sight, one committed or not', () => {
  const cell = new Foreseen(4);
  const run = cell.submit([module('a'), module('b'), module('both', [0, 1])]);
  cell.grant(cell.plan());
  const [a, b] = [cell.end(run, 0), cell.end(run, 1)];
  cell.planner.foresee(cell.state, [a]);
  assert.deepEqual(cell.plan(), []);
  cell.commit([a]);
  cell.planner.foresee(cell.state, [b]);
  assert.deepEqual(cell.names(cell.plan()), ['both']);
});

test('a failure frees its slot and nothing else; an unknown, older or repeated result frees nothing', () => {
  const cell = new Foreseen(1);
  const run = cell.submit([module('a'), module('b', [0]), module('c')]);
  cell.grant(cell.plan());
  assert.equal(cell.module(run, 0).phase, 'claimed');
  const end = cell.end(run, 0, failed());
  cell.planner.foresee(cell.state, [{ ...end, fence: end.fence - 1 }, { ...end, run: run + 1 }, { ...end, generation: 2 }]);
  assert.deepEqual([cell.planner.foreseenCount, cell.plan()], [0, []]);
  cell.planner.foresee(cell.state, [end, end]);
  assert.deepEqual(cell.names(cell.plan()), ['c']);
});

test('a result that comes to nothing: what was planned on it is refused, its slot is taken again, and all goes on', () => {
  const cell = new Foreseen(1);
  const run = cell.submit([module('a'), module('b', [0])]);
  cell.grant(cell.plan());
  const results = [cell.end(run, 0)];
  cell.planner.foresee(cell.state, results);
  const claims = cell.plan();
  assert.deepEqual(cell.names(claims), ['b']);
  // The entry with the result is lost, the claims behind it are not.
  cell.planner.heardOf(cell.state, results);
  assert.deepEqual(cell.grant(claims), [0]);
  assert.deepEqual([cell.planner.foreseenCount, cell.plan()], [0, []]);
  cell.commit(results);
  assert.deepEqual(cell.names(cell.plan()), ['b']);
});

test('what very many modules wait for frees its slot at once, and them when it is applied', () => {
  const cell = new Foreseen(1);
  const run = cell.submit([module('wide'), ...Array.from({ length: 1001 }, (_, i) => module(`m${i}`, [0])), module('other')]);
  cell.grant(cell.plan());
  const results = [cell.end(run, 0)];
  cell.planner.foresee(cell.state, results);
  assert.equal(cell.planner.queuedCount, 1, 'none of them was looked at');
  const claims = cell.plan();
  assert.deepEqual(cell.names(claims), ['other']);
  cell.commit(results);
  assert.ok(cell.grant(claims).every((fence) => fence !== 0));
  assert.deepEqual([cell.planner.foreseenCount, cell.planner.queuedCount], [0, 1001]);
});

test('a run that is cancelled with its results in sight', () => {
  const cell = new Foreseen(1);
  const run = cell.submit([module('a'), module('b', [0])]);
  cell.grant(cell.plan());
  cell.planner.foresee(cell.state, [cell.end(run, 0)]);
  const claims = cell.plan();
  cell.apply({ type: 'cancel', run, reason: '' });
  assert.deepEqual(cell.grant(claims), [0]);
  assert.deepEqual([cell.planner.foreseenCount, cell.planner.queuedCount, cell.plan()], [0, 0, []]);
});

test('claims whose answer comes late (two machines), when their run has ended and is forgotten, give their room back', () => {
  const cell = new Foreseen(1);
  const run = cell.submit([module('a')]);
  const claims = cell.plan();
  cell.apply({ type: 'cancel', run, reason: '' });
  assert.deepEqual(cell.claims(claims), [0]);
  cell.apply({ type: 'retire', runs: [run] });
  cell.planner.settled(cell.state, claims);
  cell.submit([module('b')]);
  assert.deepEqual(cell.names(cell.plan()), ['b']);
});

/** What the leader does with a Submit: proposes it, and right behind it the first claims. */
function submitWithClaims(cell: Foreseen, modules: ReturnType<typeof module>[], more: { readonly requestKey?: string; readonly max?: number } = {}): { readonly command: Submit; readonly number: RunNumber; readonly claims: ClaimItem[] } {
  const command: Submit = { type: 'submit', now: cell.now, requestKey: more.requestKey ?? `key ${cell.state.appliedIndex}`, spec: spec(modules) };
  const number = cell.state.appliedIndex + 1;
  const sessions = [...cell.state.sessions.values()].map(({ id, capabilities }) => ({ session: id, slots: capabilities.slots, load: 0 }));
  return { command, number, claims: cell.planner.planFirst(cell.state, command, number, sessions, more.max ?? 1000) };
}

test('first claims that come to nothing hold up their run no longer than until they are settled', () => {
  const cell = new Foreseen(2);
  const command: Submit = { type: 'submit', now: cell.now, requestKey: 'narrow', spec: spec([module('a'), module('b')], 'narrow', { parallelMax: 1 }) };
  const sessions = [...cell.state.sessions.values()].map(({ id, capabilities }) => ({ session: id, slots: capabilities.slots, load: 0 }));
  const claims = cell.planner.planFirst(cell.state, command, cell.state.appliedIndex + 1, sessions, 10);
  assert.equal(claims.length, 1);
  cell.apply(command);
  assert.deepEqual(cell.plan(), [], 'the claim on its way is the one that is allowed');
  cell.planner.settled(cell.state, claims);
  assert.deepEqual(cell.names(cell.plan()), ['a']);
});

test('the first modules of a run are claimed right behind its Submit, best first, and hold their room until then', () => {
  const cell = new Foreseen(2);
  const modules = [module('a', [], { durationMs: 10 }), module('b', [], { durationMs: 500 }), module('c', [0], { durationMs: 900 })];
  const { command, number, claims } = submitWithClaims(cell, modules, { max: 1 });
  assert.deepEqual(claims.map((item) => [item.run, item.module]), [[number, 0]], 'a has the longest path behind it');
  const next = submitWithClaims(cell, [module('x'), module('y')]);
  assert.equal(next.claims.length, 1, 'one slot is left');
  cell.apply(command);
  assert.ok(cell.grant(claims).every((fence) => fence !== 0));
  cell.planner.settled(cell.state, next.claims);
  assert.deepEqual(cell.names(cell.plan()), ['b'], 'what was not claimed at once, on the room of what was not submitted');
});

test('no first claims for a run while others could have that room, for a large one, for one that is refused or known', () => {
  const cell = new Foreseen(1);
  assert.equal(submitWithClaims(cell, Array.from({ length: 65 }, (_, i) => module(`m${i}`))).claims.length, 0);
  assert.equal(submitWithClaims(cell, [module('a', [0])]).claims.length, 0, 'needs itself');
  const first = submitWithClaims(cell, [module('a')], { requestKey: 'once' });
  cell.apply(first.command);
  cell.grant(first.claims);
  cell.commit([cell.end(first.number, 0)]);
  assert.equal(submitWithClaims(cell, [module('a')], { requestKey: 'once' }).claims.length, 0);
  const before = cell.submit([module('b'), module('c')]);
  cell.grant(cell.plan());
  cell.commit([cell.end(before, 0)]);
  assert.equal(submitWithClaims(cell, [module('d')]).claims.length, 0, 'c waits');
});

test('first claims for a run while others wait for what they cannot have', () => {
  const cell = new Foreseen(1);
  const gpu = module('gpu', [], { requires: { labels: ['gpu'] } });
  cell.submit([gpu]);
  cell.submit(Array.from({ length: 5_000 }, (_, i) => module(`m${i}`, i === 0 ? [] : [0], i === 0 ? { requires: { labels: ['gpu'] } } : {})));
  cell.plan();
  while (cell.planner.busy) cell.planner.advance();
  assert.equal(submitWithClaims(cell, [module('a')]).claims.length, 1, 'neither of them can be claimed, and the large one has nothing else that is ready');
});

test('first claims keep to the limits: of the cell, of their run, and not while the queue is paused', () => {
  const cell = new Foreseen(8);
  const nas = { policy: { limits: [{ key: 'nas', max: 2 }] } };
  const { command, claims } = submitWithClaims(cell, [module('a', [], nas), module('b', [], nas), module('c', [], nas)]);
  assert.deepEqual(claims.map((item) => item.module), [0, 1]);
  assert.equal(submitWithClaims(cell, [module('d', [], nas)]).claims.length, 0, 'what is on its way holds it');
  cell.apply(command);
  assert.ok(cell.grant(claims).every((fence) => fence !== 0));
  cell.commit([cell.end(claims[0]!.run, 0)]);
  assert.deepEqual(cell.names(cell.plan()), ['c']);
  cell.apply({ type: 'queuePause', on: true, reason: '' });
  assert.equal(submitWithClaims(cell, [module('e')]).claims.length, 0);
});

test('a Submit that comes to nothing: its claims are refused and their room is free again', () => {
  const cell = new Foreseen(1);
  const { claims } = submitWithClaims(cell, [module('a')]);
  assert.equal(claims.length, 1);
  assert.deepEqual(cell.grant(claims), [0]);
  cell.submit([module('b')]);
  assert.deepEqual(cell.names(cell.plan()), ['b']);
});

const graph = fc.array(fc.array(fc.nat(50), { maxLength: 3 }), { minLength: 1, maxLength: 14 });
const rounds = fc.array(fc.record({ order: fc.nat(1000), fate: fc.constantFrom('both', 'both', 'both', 'neither', 'results', 'claims', 'cancel'), ok: fc.integer({ min: 0, max: 9 }) }), { minLength: 1, maxLength: 30 });

test('whatever becomes of results and claims: nothing that was foreseen stays, and the plan is that of a planner that looks at the state only', () => {
  fc.assert(
    fc.property(fc.array(graph, { minLength: 1, maxLength: 3 }), fc.integer({ min: 1, max: 4 }), rounds, (graphs, slots, list) => {
      const cell = new Foreseen(slots);
      const runs = graphs.map((needs) => cell.submit(needs.map((below, i) => module(`m${i}`, i === 0 ? [] : [...new Set(below.map((at) => at % i))], { durationMs: 1 + ((i * 37) % 11) }))));
      cell.grant(cell.plan());
      for (const { order, fate, ok } of list) {
        const live = [...cell.state.sessions.values()].flatMap((session) => [...session.claims.values()]);
        const ending = live.filter((_, i) => ((order >> (i % 10)) & 1) === 0);
        const results = ending.map((record) => cell.end(record.run.number, record.index, ok === 0 ? failed() : succeeded()));
        cell.planner.foresee(cell.state, results);
        const claims = cell.plan();
        if (fate === 'cancel') {
          const run = cell.state.runs.get(runs[order % runs.length]!);
          if (run !== undefined && !isRunFinal(run.phase)) cell.apply({ type: 'cancel', run: run.number, reason: '' });
        }
        if (fate === 'both' || fate === 'results') cell.commit(results);
        else cell.planner.heardOf(cell.state, results);
        if (fate === 'both' || fate === 'claims') {
          const fences = cell.grant(claims);
          if (fate === 'both') assert.ok(fences.every((fence) => fence !== 0), 'what was planned on results that count is granted');
        } else cell.planner.settled(cell.state, claims);
        // Not as long as an age step: how long others wait is not part of the state.
        cell.now += 500;
        assert.equal(cell.planner.foreseenCount, 0);
        const fresh = new Planner();
        fresh.rebuild(cell.state);
        const plain = cell.plan(fresh);
        const again = cell.plan();
        assert.deepEqual(again, plain);
        cell.grant(again);
      }
    }),
    { numRuns: 400, seed: 3 },
  );
});
