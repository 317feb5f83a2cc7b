/** The leader's care for copies: whom it asks, what it makes of late answers, and when it leaves off. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { nodeId, type Cid, type NodeId, type RunNumber } from '../../src/core/lib/ids.ts';
import type { Command, ModuleFiles, Outcome } from '../../src/core/cell/types.ts';
import { Copies } from '../../src/runtime/blobs/copies.ts';
import type { CopyRequest } from '../../src/runtime/blobs/copy-requests.ts';
import { COPIES_ASKED_MAX, COPY_REST_MS, LEAVING_KNOWN_MS } from '../../src/runtime/blobs/limits.ts';
import { module, succeeded, TestCell } from '../core/cell/cells.ts';
import { FakeContext } from './fake-context.ts';

const leaves: { files: ModuleFiles } = { files: { inputs: [], outputs: [{ name: 'o', pattern: 'o' }] } };
const takes: { files: ModuleFiles } = { files: { inputs: [{ variable: 'IN', module: 0, output: 'o' }], outputs: [] } };

class Bench {
  readonly cell = new TestCell();
  readonly fake = new FakeContext({ self: 'leader' });
  readonly asked: CopyRequest[] = [];
  readonly proposed: Command[] = [];
  readonly copies: Copies;

  constructor(...nodes: readonly string[]) {
    for (const name of nodes) this.cell.open(name);
    this.copies = new Copies({
      context: this.fake.context,
      requests: {
        ask: (request) => {
          this.asked.push(request);
          return () => undefined;
        },
      },
      state: () => this.cell.state,
      propose: (command) => void this.proposed.push(command),
      stamp: () => this.cell.now,
    });
  }

  made(run: RunNumber, cid: string, holder: string, generation = 1): void {
    const files: Outcome['files'] = { o: { kind: 'file', cid: cid as Cid, name: 'o', size: 1, count: 1 } };
    const session = this.cell.state.sessionOfNode.get(nodeId(holder))!;
    const others = [...this.cell.state.sessionOfNode.keys()].filter((node) => node !== holder);
    assert.equal(this.cell.result(run, 0, this.cell.claim(run, 0, session), { ...succeeded(), files }, { generation, holders: [nodeId(holder)], unable: others }), 'accepted');
    this.copies.made(run, 0);
  }

  goes(node: string): void {
    this.cell.apply({ type: 'sessionExpire', session: this.cell.state.sessionOfNode.get(nodeId(node))!, reason: 'silent' });
    this.copies.nodeWent(nodeId(node));
  }

  /** Questions of this time. */
  during(ms: number): CopyRequest[] {
    this.asked.length = 0;
    this.fake.pass(ms);
    return this.asked.splice(0);
  }

  askedNodes(ms: number): NodeId[] {
    return this.during(ms).map(({ node }) => node);
  }
}

test('what goes with a node that has left is not asked for for ever, and nothing is urgent any more', () => {
  const bench = new Bench('a', 'b', 'c');
  const over = bench.cell.submit([module('m', [], leaves)]);
  bench.made(over, 'x', 'a');
  assert.equal(bench.cell.state.runs.get(over)!.phase, 'succeeded');
  assert.equal(bench.copies.handOver(nodeId('a')), 1);
  const urgent = bench.during(1000);
  assert.ok(urgent.length > 0 && urgent.every((request) => request.urgent && request.node !== 'a'));
  for (const { done } of urgent) done('full');
  // Nobody can take it. It is let go all the same, and asks once more, as it does until it is told so.
  bench.goes('a');
  bench.copies.handOver(nodeId('a'));
  bench.fake.pass(LEAVING_KNOWN_MS + 1000);
  for (const { done } of bench.asked) done('missing');
  assert.deepEqual(bench.askedNodes(10 * COPY_REST_MS), []);
  const live = bench.cell.submit([module('m', [], leaves), module('n', [0], takes)]);
  bench.made(live, 'y', 'b');
  const [background] = bench.during(1000);
  assert.equal(background?.urgent, false);
});

test('while a node leaves, only what it has last is urgent', () => {
  const bench = new Bench('a', 'b', 'c');
  const over = bench.cell.submit([module('m', [], leaves)]);
  bench.made(over, 'x', 'a');
  const live = bench.cell.submit([module('m', [], leaves), module('n', [0], takes)]);
  bench.made(live, 'y', 'b');
  bench.copies.handOver(nodeId('a'));
  const urgent = new Map(bench.during(1000).map(({ refs, urgent: isUrgent }) => [refs[0]!.cid, isUrgent]));
  assert.deepEqual(Object.fromEntries(urgent), { x: true, y: false });
});

test('what one node made while it was alone gets its second copy when another one comes', () => {
  const bench = new Bench('a');
  const run = bench.cell.submit([module('m', [], leaves), module('n', [0], takes)]);
  bench.made(run, 'x', 'a');
  assert.deepEqual(bench.askedNodes(1000), []);
  bench.cell.open('b');
  bench.copies.nodeCame(nodeId('b'));
  const [asked] = bench.during(1000);
  assert.deepEqual([asked?.node, asked?.refs.map(({ cid }) => cid), asked?.urgent], ['b', ['x'], false]);
});

test('an answer about files that were lost says nothing of those that were made anew', () => {
  const bench = new Bench('a', 'b');
  const run = bench.cell.submit([module('m', [], leaves), module('n', [0], takes)]);
  bench.made(run, 'x', 'a');
  const [late] = bench.during(1000);
  assert.deepEqual([late?.node, late?.refs.map(({ cid }) => cid)], ['b', ['x']]);
  bench.goes('a');
  assert.equal(bench.cell.apply({ type: 'invalidate', items: [{ run, module: 0, generation: 1 }] }).type, 'ok');
  assert.equal(bench.cell.state.runs.get(run)!.modules[0]!.generation, 2);
  bench.cell.open('c');
  bench.copies.nodeCame(nodeId('c'));
  bench.made(run, 'z', 'c', 2);
  late!.done('whole');
  bench.fake.pass(1000);
  assert.deepEqual(bench.proposed.filter(({ type }) => type === 'holders'), []);
  assert.ok(bench.asked.some(({ node, refs }) => node === 'b' && refs[0]!.cid === 'z'), 'it is asked for those');
});

test('who has said that it has them is on its way into the log: nobody else is asked meanwhile, unless it never arrives', () => {
  const bench = new Bench('a', 'b', 'c', 'd');
  const run = bench.cell.submit([module('m', [], leaves), module('n', [0], takes)]);
  bench.made(run, 'x', 'a');
  const [first] = bench.during(1000);
  first!.done('whole');
  assert.deepEqual(bench.askedNodes(COPY_REST_MS - 1000), []);
  assert.deepEqual(bench.proposed.map(({ type }) => type), ['holders']);
  // The proposal was lost: it is asked again, as any other.
  const [again] = bench.during(2000);
  again!.done('whole');
  bench.fake.pass(1000);
  for (const command of bench.proposed.splice(0).slice(-1)) bench.cell.apply(command);
  assert.equal(bench.cell.state.runs.get(run)!.modules[0]!.holders.length, 2);
  assert.deepEqual(bench.askedNodes(10 * COPY_REST_MS), []);
});

test('whoever has what is taken over is asked whether that is so, some at a time, once, and not to read it', () => {
  const bench = new Bench('a', 'b');
  const cached = [module('m', [], { ...leaves, cache: true })];
  bench.made(bench.cell.submit(cached), 'x', 'a');
  const session = bench.cell.state.sessionOfNode.get(nodeId('a'))!;
  for (let i = 0; i < COPIES_ASKED_MAX + 10; i++) {
    const run = bench.cell.submit(cached);
    bench.cell.apply({ type: 'reuse', claims: [{ run, module: 0, session }] });
    assert.deepEqual([bench.cell.module(run, 0).phase, bench.cell.phase(run)], ['succeeded', 'succeeded']);
    bench.copies.made(run, 0);
  }
  const first = bench.during(1000);
  assert.deepEqual([first.length, new Set(first.map(({ node, check }) => `${node} ${check}`))], [COPIES_ASKED_MAX, new Set(['a false'])]);
  for (const { done } of first) done('whole');
  const rest = bench.during(1000);
  assert.deepEqual([rest.length, bench.proposed.length], [10, 0]);
  for (const { done } of rest) done('missing');
  assert.deepEqual(bench.askedNodes(10 * COPY_REST_MS), []);
  const told = bench.proposed.flatMap((command) => (command.type === 'holders' ? command.items.map(({ node, on }) => `${node} ${on}`) : [command.type]));
  assert.deepEqual(told, Array.from({ length: 10 }, () => 'a false'));
});

test('a leader that is none any more asks nobody, whatever it still hears', () => {
  const bench = new Bench('a', 'b');
  const run = bench.cell.submit([module('m', [], leaves), module('n', [0], takes)]);
  bench.made(run, 'x', 'a');
  bench.copies.stop();
  bench.copies.missed(run, 1);
  assert.deepEqual(bench.askedNodes(10_000), []);
});
