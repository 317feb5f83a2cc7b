/** Copies that the log does not count: logs, checkpoints, what came with a run. Who is asked, when again, and how many at a time. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { inputsHashOf } from '../../src/core/cell/inputs.ts';
import { nodeId, type Cid, type NodeId, type RunNumber } from '../../src/core/lib/ids.ts';
import type { FilesRef, LogRef } from '../../src/core/cell/types.ts';
import type { CopyEnd, CopyRequest } from '../../src/runtime/blobs/copy-requests.ts';
import { LOGS_SETTLE_MS, LOOSE_AGAIN_MS, LOOSE_ASKED_MAX, LOOSE_TRIES_MAX } from '../../src/runtime/blobs/limits.ts';
import { LooseCopies } from '../../src/runtime/blobs/loose-copies.ts';
import { failed, module, succeeded, TestCell } from '../core/cell/cells.ts';
import { cidOf } from '../../src/protocol/cid.ts';
import { FakeContext } from './fake-context.ts';

const cid = (digit: number): Cid => cidOf('raw', new Uint8Array(32).fill(digit));
const log = (digit: number): LogRef => ({ cid: cid(digit), size: 5000, cut: 0, cutAt: 0 });

class Bench {
  readonly cell = new TestCell();
  readonly fake = new FakeContext({ self: 'leader' });
  readonly asked: CopyRequest[] = [];
  /** Questions that nobody has answered yet. */
  open = 0;
  mostOpen = 0;
  /** What becomes of a question. */
  end: (request: CopyRequest) => CopyEnd = () => 'whole';
  readonly loose: LooseCopies;

  constructor() {
    this.loose = new LooseCopies({
      context: this.fake.context,
      state: () => this.cell.state,
      requests: {
        ask: (request) => {
          this.asked.push(request);
          this.mostOpen = Math.max(this.mostOpen, ++this.open);
          let over = false;
          this.fake.context.after(50, () => {
            if (over) return;
            this.open--;
            request.done(this.end(request));
          });
          return () => {
            over = true;
          };
        },
      },
    });
  }

  goes(name: string): void {
    this.cell.apply({ type: 'sessionExpire', session: this.cell.state.sessionOfNode.get(nodeId(name))!, reason: 'silent' });
    this.loose.nodeWent(nodeId(name));
  }

  told(ms = 2000): { to: NodeId; cid: Cid }[] {
    this.asked.length = 0;
    this.fake.pass(ms);
    return this.asked.flatMap(({ node, refs }) => refs.map((ref) => ({ to: node, cid: ref.cid })));
  }
}

/** A run on node a whose module failed once and then succeeded; both executions left a log. */
function ended(): Bench {
  const bench = new Bench();
  const { cell } = bench;
  const session = cell.open('a');
  for (const name of ['b', 'c']) cell.open(name);
  const run = cell.submit([{ ...module('m'), retry: { attempts: 2, backoffMs: 0, factor: 1, jitter: false, capMs: 0 } }]);
  cell.result(run, 0, cell.claim(run, 0, session), { ...failed(), log: log(1) });
  cell.now += 1000;
  cell.result(run, 0, cell.claim(run, 0, session), { ...succeeded(), log: log(2) });
  assert.equal(cell.state.runs.get(run)!.phase, 'succeeded');
  return bench;
}

test('a node goes just after the run has ended: two of those that are left have the logs, of the failed execution too', () => {
  const bench = ended();
  bench.goes('a');
  const told = bench.told();
  assert.deepEqual(new Set(told.map(({ to }) => to)), new Set([nodeId('b'), nodeId('c')]));
  for (const each of [log(1), log(2)]) assert.equal(told.filter((one) => one.cid === each.cid).length, 2);
  assert.deepEqual(bench.told(), [], 'once');
});

test('a new leader says again what the one before it may have said in vain; not of what ended long ago', () => {
  const bench = ended();
  bench.loose.rebuild();
  assert.equal(bench.told().length, 4);
  bench.cell.now += LOGS_SETTLE_MS + 1;
  bench.cell.open('d');
  bench.loose.rebuild();
  assert.deepEqual(bench.told(), []);
});

test('many logs: a few at a time, and all of them', () => {
  const bench = new Bench();
  const { cell } = bench;
  const session = cell.open('a', { capabilities: { slots: 1000 } });
  cell.open('b');
  const run = cell.submit([...Array.from({ length: 300 }, (_, at) => module(`m${at}`)), module('last')]);
  for (let at = 0; at < 300; at++) cell.result(run, at, cell.claim(run, at, session), { ...succeeded(), log: log(at % 250) });
  bench.loose.rebuild();
  bench.fake.pass(20_000);
  assert.ok(bench.mostOpen <= LOOSE_ASKED_MAX + 1 && bench.mostOpen > 10);
  assert.equal(new Set(bench.asked.map(({ node, refs }) => `${node} ${refs[0]!.cid}`)).size, 500);
  assert.equal(bench.asked.length, 600);
  bench.loose.rebuild();
  bench.fake.pass(250);
  bench.loose.stop();
  assert.deepEqual(bench.told(20_000), [], 'a leader that is none any more');
});

/** One that is executed on a, and has got so far. */
function checkpointed(bench: Bench): { run: RunNumber; keep: (digit: number) => void } {
  const { cell } = bench;
  const session = cell.open('a');
  for (const name of ['b', 'c']) cell.open(name);
  const run = cell.submit([module('m', [], { checkpoint: { folder: 'state', everyMs: 30_000 } })]);
  const fence = cell.claim(run, 0, session);
  const keep = (digit: number): void => {
    const files: FilesRef = { kind: 'tree', cid: cid(digit), name: '', size: 1, count: 1 };
    cell.apply({ type: 'checkpoint', claim: { run, module: 0, fence }, inputsHash: inputsHashOf(cell.state, run, 0), files });
    bench.loose.checkpointed(cell.state.runs.get(run)!.modules[0]!);
  };
  return { run, keep };
}

test('what one node had while it was alone gets its second copy when another one comes; a third one changes nothing', () => {
  const bench = new Bench();
  const { cell } = bench;
  const session = cell.open('a');
  const run = cell.submit([module('m')]);
  cell.result(run, 0, cell.claim(run, 0, session), { ...succeeded(), log: log(1) });
  bench.loose.ended(cell.state.runs.get(run)!.modules[0]!);
  assert.deepEqual(bench.told().map(({ to }) => to), ['a']);
  cell.open('b');
  bench.loose.nodeCame();
  assert.deepEqual(bench.told().map(({ to }) => to).sort(), ['a', 'b']);
  cell.open('c');
  bench.loose.nodeCame();
  assert.deepEqual(bench.told(), []);
});

test('a checkpoint has a second copy, and another one when the node that has it goes', () => {
  const bench = new Bench();
  const { keep } = checkpointed(bench);
  keep(1);
  const [first, second] = bench.told();
  assert.deepEqual([first?.to, first?.cid, second?.cid], [nodeId('a'), cid(1), cid(1)]);
  bench.goes(second!.to === nodeId('b') ? 'b' : 'c');
  const again = bench.told().map(({ to }) => to);
  assert.deepEqual(again.toSorted(), [nodeId('a'), second!.to === nodeId('b') ? nodeId('c') : nodeId('b')].toSorted());
});

test('asked in vain it is asked for again after a while, by then for the newest checkpoint, and not for ever', () => {
  const bench = new Bench();
  const { keep } = checkpointed(bench);
  bench.end = ({ node }) => (node === nodeId('a') ? 'whole' : 'full');
  keep(1);
  assert.equal(bench.told().length, 2);
  assert.deepEqual(bench.told(LOOSE_AGAIN_MS - 5000), []);
  keep(2);
  bench.end = () => 'whole';
  bench.told();
  assert.deepEqual(new Set(bench.told(LOOSE_AGAIN_MS).map((one) => one.cid)), new Set([cid(2)]));
  bench.end = () => 'missing';
  keep(3);
  assert.equal(bench.told(3 * LOOSE_TRIES_MAX * LOOSE_AGAIN_MS).length, 2 * LOOSE_TRIES_MAX);
});
