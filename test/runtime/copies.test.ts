/** Copies between simulated nodes: asked for, kept, handed over, missed; and what a result waits for. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import type { ModuleFiles, ModuleSpec } from '../../src/core/cell/types.ts';
import type { RunRecord } from '../../src/core/cell/state.ts';
import type { Cid, NodeId } from '../../src/core/lib/ids.ts';
import { cidOf } from '../../src/protocol/cid.ts';
import { encodeTree } from '../../src/protocol/tree-codec.ts';
import type { CopyEnd } from '../../src/runtime/blobs/copy-requests.ts';
import { COPY_ANSWER_MS, FIND_TIMEOUT_MS, HAND_OVER_NOW_MS } from '../../src/runtime/blobs/limits.ts';
import type { SimNode } from '../../sim/sim-node.ts';
import { modulesOf, Stage } from '../../sim/stage.ts';

interface File {
  readonly cid: Cid;
  readonly bytes: Uint8Array;
}

function file(text: string): File {
  const bytes = new TextEncoder().encode(text);
  return { cid: cidOf('raw', createHash('sha256').update(bytes).digest()), bytes };
}

function tree(files: readonly File[]): File {
  const bytes = encodeTree(files.map(({ cid, bytes: { byteLength } }, at) => ({ path: `f${at}`, cid, size: byteLength, executable: false })));
  return { cid: cidOf('raw', createHash('sha256').update(bytes).digest()), bytes };
}

class Lab extends Stage {
  constructor(seed: string, nodes: number) {
    super({ seed, mutants: new Set() }, { nodes, network: { cutNoticedMinMs: 200, cutNoticedMaxMs: 400 } });
    this.form();
  }

  put(node: SimNode, { cid, bytes }: File): void {
    node.blobs.put(cid, bytes);
    node.incarnation?.process.run(() => node.runtime?.blobs.added(cid, bytes.byteLength));
  }

  /** `from` asks `to` to keep this. @returns what came of it, once something has. */
  ask(from: SimNode, to: SimNode, { cid }: File, more: { readonly kind?: 'file' | 'tree'; readonly check?: boolean; readonly holders?: readonly NodeId[] } = {}): { end: CopyEnd | undefined } {
    const asked: { end: CopyEnd | undefined } = { end: undefined };
    const { kind = 'file', check = false, holders = [] } = more;
    const done = (end: CopyEnd): void => {
      asked.end = end;
    };
    from.incarnation?.process.run(() => from.runtime?.blobs.requests.ask({ node: to.id, refs: [{ cid, kind }], holders, check, urgent: true, done }));
    return asked;
  }

  end(asked: { end: CopyEnd | undefined }, withinMs = 30_000): CopyEnd | undefined {
    this.until('an answer', () => asked.end !== undefined, withinMs);
    return asked.end;
  }

  get lastRun(): RunRecord {
    return [...this.replica(this.leader).state.runs.values()].at(-1)!;
  }

  /** Nodes that have all files of a module of the last run. */
  having(module: number): SimNode[] {
    const refs = Object.values(this.lastRun.modules[module]!.outcome?.files ?? {});
    return refs.length === 0 ? [] : this.cluster.nodes.filter(({ blobs }) => refs.every(({ cid }) => blobs.whole.has(cid)));
  }

  phases(): string {
    return this.lastRun.modules.map(({ phase }) => phase).join(' ');
  }
}

const leaves = (...inputs: ModuleFiles['inputs']): { readonly files: ModuleFiles } => ({ files: { inputs, outputs: [{ name: 'o', pattern: 'o' }] } });
const SHORT = { kind: 'ok', durationMs: 50 } as const;

test('a node that is asked for a copy fetches it, says so when it is there, and says it again', () => {
  const lab = new Lab('keep', 3);
  const [a, b, c] = lab.cluster.nodes as [SimNode, SimNode, SimNode];
  const one = file('one');
  lab.put(a, one);
  assert.equal(lab.end(lab.ask(c, b, one)), 'whole');
  assert.ok(b.blobs.whole.has(one.cid));
  assert.equal(lab.end(lab.ask(c, b, one)), 'whole');
  assert.equal(lab.end(lab.ask(c, c, one)), 'whole', 'also of itself');
});

test('a list is kept when all that it lists is', () => {
  const lab = new Lab('tree', 2);
  const [a, b] = lab.cluster.nodes as [SimNode, SimNode];
  const files = Array.from({ length: 50 }, (_, at) => file(`file ${at}`));
  const list = tree(files);
  for (const each of [...files.slice(1), list]) lab.put(a, each);
  assert.equal(lab.end(lab.ask(a, b, list, { kind: 'tree' })), 'missing', 'one of them is nowhere');
  lab.put(a, files[0]!);
  assert.equal(lab.end(lab.ask(a, b, list, { kind: 'tree' })), 'whole');
  for (const { cid } of files) assert.ok(b.blobs.whole.has(cid));
});

test('no room, nobody who has it, nobody who answers', () => {
  const lab = new Lab('no', 3);
  const [a, b, c] = lab.cluster.nodes as [SimNode, SimNode, SimNode];
  const one = file('one');
  lab.put(a, one);
  b.blobs.bytesMax = 0;
  assert.equal(lab.end(lab.ask(a, b, one)), 'full');
  assert.equal(lab.end(lab.ask(a, c, file('other')), 2 * FIND_TIMEOUT_MS), 'missing');
  lab.cluster.pauseNode(c);
  const begun = lab.cluster.kernel.now;
  assert.equal(lab.end(lab.ask(a, c, one)), 'silent');
  assert.ok(lab.cluster.kernel.now - begun < 2 * COPY_ANSWER_MS);
  lab.crash(b);
  lab.run(1000);
  assert.equal(lab.end(lab.ask(a, b, one), 1000), 'silent', 'not connected');
});

test('a holder that is asked to look finds out that its copy is gone or has rotted, and gets another one', () => {
  const lab = new Lab('check', 3);
  const [a, b, c] = lab.cluster.nodes as [SimNode, SimNode, SimNode];
  const [gone, rotten] = [file('gone'), file('rotten')];
  for (const one of [gone, rotten]) for (const node of [a, b]) lab.put(node, one);
  b.blobs.lose(gone.cid);
  b.blobs.flip(rotten.cid, 1);
  for (const one of [gone, rotten]) assert.equal(lab.end(lab.ask(c, b, one, { check: true })), 'whole');
  assert.deepEqual(Buffer.from(b.blobs.whole.get(rotten.cid)!.bytes), Buffer.from(rotten.bytes));
  assert.ok(b.blobs.whole.has(gone.cid));
  for (const node of [a, b]) node.blobs.lose(gone.cid);
  assert.equal(lab.end(lab.ask(c, b, gone, { check: true })), 'missing');
});

test('a holder that is asked to look is not answered for by another question about the same file', () => {
  for (const gapMs of [0, 0.3, 1]) {
    const lab = new Lab(`both ${gapMs}`, 3);
    const [, b, c] = lab.cluster.nodes as [SimNode, SimNode, SimNode];
    const one = file('one');
    lab.put(b, one);
    b.blobs.flip(one.cid, 1);
    const plain = lab.ask(c, b, one);
    lab.run(gapMs);
    const check = lab.ask(c, b, one, { check: true });
    assert.equal(lab.end(check), 'missing');
    assert.notEqual(lab.end(plain), 'silent');
  }
});

test('a holder that is named is asked, and nobody else hears of it', () => {
  const lab = new Lab('hint', 5);
  const [a, b, ...others] = lab.cluster.nodes as [SimNode, SimNode, ...SimNode[]];
  const one = file('one');
  lab.put(a, one);
  let asked = 0;
  for (const other of others) {
    const { context } = other.runtime!;
    const send = context.sendBlob.bind(context);
    context.sendBlob = (to, message) => {
      if (message.type === 'haveNot') asked += 1;
      return send(to, message);
    };
  }
  assert.equal(lab.end(lab.ask(a, b, one, { holders: [a.id] })), 'whole');
  assert.equal(asked, 0);
  const two = file('two');
  lab.put(a, two);
  assert.equal(lab.end(lab.ask(a, b, two, { holders: [others[0]!.id] })), 'whole', 'a hint may be wrong');
  assert.ok(asked > 0);
});

test('what a run gives is on two nodes when its module has succeeded, and the log knows them', () => {
  const lab = new Lab('two', 3);
  lab.submit(modulesOf(6, SHORT, leaves()));
  lab.until('the end', () => lab.lastRun?.phase === 'succeeded', 20_000);
  for (const module of lab.lastRun.modules) {
    assert.ok(module.holders.length >= 2);
    for (const holder of module.holders) assert.ok(lab.having(module.index).some(({ id }) => id === holder));
  }
  assert.equal(lab.cluster.checkers.copies.sentBack, 0, 'the worker knows how many it needs');
});

test('with one node one copy is enough, and a full disk elsewhere holds nothing up', () => {
  const alone = new Lab('alone', 1);
  alone.submit(modulesOf(2, SHORT, leaves()));
  alone.until('the end', () => alone.lastRun?.phase === 'succeeded', 10_000);
  const full = new Lab('full', 3);
  for (const node of full.others(full.leader)) node.blobs.bytesMax = 0;
  full.submit(modulesOf(1, SHORT, { ...leaves(), requires: { cpu: 1, memory: 0, labels: [], tools: {}, os: [], arch: [] } }));
  full.until('the end', () => full.lastRun?.phase === 'succeeded', 60_000);
  assert.deepEqual(full.lastRun.modules[0]!.holders, [full.leader.id]);
});

test('of all else a second copy follows, and when its node goes a third one', () => {
  const lab = new Lab('second', 4);
  const [a, b, c] = modulesOf(3, SHORT);
  lab.submit([{ ...a!, ...leaves() }, { ...b!, action: { type: 'run', command: 'ok 60000' } }, { ...c!, needs: [0, 1], files: { inputs: [{ variable: 'IN', module: 0, output: 'o' }], outputs: [] } }]);
  lab.until('two holders', () => lab.lastRun?.modules[0]?.holders.length === 2, 10_000);
  const victim = lab.having(0).find((node) => node !== lab.leader) ?? lab.having(0)[0]!;
  lab.crash(victim, 'power');
  lab.until('another one', () => lab.having(0).filter((node) => node.state === 'up').length === 2 && lab.lastRun.modules[0]!.holders.length >= 3, 30_000);
  assert.equal(lab.lastRun.modules[0]!.generation, 1);
});

test('a node that leaves hands over what only it has, also of a run that has ended', () => {
  const lab = new Lab('leave', 3);
  lab.submit(modulesOf(1, SHORT, leaves()));
  lab.until('the end', () => lab.lastRun?.phase === 'succeeded', 20_000);
  const [keeper, other] = lab.having(0) as [SimNode, SimNode];
  const leaver = keeper === lab.leader ? other : keeper;
  // The other holder is gone, and its disk with it.
  const lost = leaver === keeper ? other : keeper;
  for (const cid of lost.blobs.whole.keys()) lost.blobs.lose(cid);
  lab.crash(lost, 'power');
  lab.until('that the cell knows', () => lab.cluster.leader()?.replica?.state.sessionOfNode.has(lost.id) === false, 20_000);
  lab.cluster.leaveNode(leaver, false);
  lab.until('that it has left', () => leaver.state === 'down' && lab.cluster.leader() !== undefined, 60_000);
  const third = lab.cluster.nodes.find((node) => node !== leaver && node !== lost)!;
  assert.ok(lab.having(0).includes(third), 'the third has them now');
  assert.ok(lab.lastRun.modules[0]!.holders.includes(third.id));
});

test('who leaves at once and finds nobody with room goes all the same, and says what went with it', () => {
  const lab = new Lab('leave now', 3);
  lab.submit(modulesOf(1, SHORT, leaves()));
  lab.until('the end', () => lab.lastRun?.phase === 'succeeded', 20_000);
  const [first, second] = lab.having(0) as [SimNode, SimNode];
  const leaver = first === lab.leader ? second : first;
  const lost = leaver === first ? second : first;
  lab.cluster.nodes.filter((node) => node !== leaver).forEach(({ blobs }) => {
    for (const cid of blobs.whole.keys()) blobs.lose(cid);
    blobs.bytesMax = 0;
  });
  lab.call(lab.leader, (replica) => replica.propose({ type: 'holders', now: replica.stamp(), items: [{ run: lab.lastRun.number, module: 0, generation: 1, node: lost.id, on: false }] }));
  lab.run(500);
  const begun = lab.cluster.kernel.now;
  lab.cluster.leaveNode(leaver, true);
  lab.until('that it has left', () => leaver.state === 'down', 30_000);
  assert.ok(lab.cluster.kernel.now - begun >= HAND_OVER_NOW_MS);
  assert.ok(lab.cluster.trace.last(200).some((line) => line.includes('copies-not-handed-over')), 'it is noted');
});

test('what all holders have lost though they live is made again as soon as they have looked', () => {
  const lab = new Lab('all lost', 3);
  const [source, slow, taker] = modulesOf(3, SHORT);
  const files: ModuleFiles = { inputs: [{ variable: 'IN', module: 0, output: 'o' }], outputs: [] };
  lab.submit([{ ...source!, ...leaves() }, { ...slow!, action: { type: 'run', command: 'ok 2000' } }, { ...taker!, needs: [0, 1], files }]);
  lab.until('two holders', () => lab.lastRun?.modules[0]?.holders.length === 2);
  for (const { blobs } of lab.cluster.nodes) for (const cid of blobs.whole.keys()) blobs.lose(cid);
  lab.until('that it is claimed', () => lab.lastRun.modules[2]!.phase === 'claimed');
  // Who takes it looks for it, then those that had it; nobody is waited for.
  lab.until('the end', () => lab.lastRun.phase === 'succeeded', 3 * FIND_TIMEOUT_MS);
  assert.deepEqual(lab.lastRun.modules.map(({ generation }) => generation), [2, 1, 1]);
});

test('what takes files of a node that is away is not handed to and fro meanwhile: it goes on with the node, or the files are made again', () => {
  for (const comesBack of [true, false]) {
    const lab = new Lab(`awayb ${comesBack}`, 7);
    const [source, slow, taker] = modulesOf(3, SHORT);
    const files: ModuleFiles = { inputs: [{ variable: 'IN', module: 0, output: 'o' }], outputs: [] };
    lab.submit([{ ...source!, ...leaves() }, { ...slow!, action: { type: 'run', command: 'ok 3000' } }, { ...taker!, needs: [0, 1], files }]);
    lab.until('two holders', () => lab.lastRun?.modules[0]?.holders.length === 2);
    const pause = (on: boolean): void => lab.call(lab.leader, (replica) => replica.propose({ type: 'runPause', now: replica.stamp(), run: lab.lastRun.number, on, reason: '' }));
    pause(true);
    lab.until('that it could begin', () => lab.lastRun.modules[2]!.phase === 'ready');
    const holders = lab.cluster.nodes.filter(({ id }) => lab.lastRun.modules[0]!.holders.includes(id));
    for (const node of lab.others(...holders)) for (const cid of node.blobs.whole.keys()) node.blobs.lose(cid);
    for (const node of holders) lab.crash(node, 'power');
    lab.until('that the cell knows', () => holders.every(({ id }) => lab.cluster.leader()?.replica?.state.sessionOfNode.has(id) === false), 30_000);
    pause(false);
    lab.run(5000);
    assert.deepEqual([lab.lastRun.modules[2]!.phase, lab.lastRun.modules[2]!.inputsMissed], ['ready', 0]);
    if (comesBack) for (const node of holders) lab.boot(node);
    lab.until('the end', () => lab.lastRun.phase === 'succeeded', 60_000);
    assert.equal(lab.lastRun.modules[2]!.inputsMissed, 0);
    assert.equal(lab.lastRun.modules[0]!.generation, comesBack ? 1 : 2);
  }
});

/** As after its time, or for want of room. */
function evict(lab: Lab, nodes: readonly SimNode[]): void {
  let left = 0;
  for (const node of nodes) {
    for (const cid of node.blobs.whole.keys()) {
      left++;
      node.incarnation?.process.run(() => node.runtime?.blobs.remove(cid, () => left--));
    }
  }
  lab.until('that they are gone', () => left === 0);
}

test('a result is taken from the cache while somebody has its files; when nobody has them any more that is noticed, and it is made again', () => {
  const lab = new Lab('evicted', 3);
  const [only] = modulesOf(1, SHORT, { cache: true, ...leaves() });
  const [, slow] = modulesOf(2, { kind: 'ok', durationMs: 3 * FIND_TIMEOUT_MS }, leaves());
  const again = (modules: readonly ModuleSpec[] = [only!]): RunRecord => {
    const before = lab.lastRun;
    lab.submit(modules);
    lab.until('the end', () => lab.lastRun !== before && lab.lastRun.phase === 'succeeded', 5 * FIND_TIMEOUT_MS);
    return lab.lastRun;
  };
  const first = again();
  assert.equal(again().modules[0]!.reusedFrom, first.number);
  const [kept, ...others] = lab.having(0);
  evict(lab, lab.cluster.nodes.filter((node) => node !== kept));
  assert.ok(others.length > 0 && lab.having(0).length === 1);
  const second = again();
  assert.equal(second.modules[0]!.reusedFrom, first.number, 'one is enough');
  lab.until('the other copy', () => lab.having(0).length === 2);
  evict(lab, lab.cluster.nodes);
  // Its run is over when it is noticed: the next one executes it.
  const over = again();
  assert.equal(over.modules[0]!.reusedFrom, first.number);
  lab.until('that it is noticed', () => over.modules[0]!.holders.length === 0, 3 * FIND_TIMEOUT_MS);
  const made = again();
  assert.deepEqual([made.modules[0]!.reusedFrom, lab.having(0).length], [0, 2]);
  assert.equal(again().modules[0]!.reusedFrom, made.number);
  evict(lab, lab.cluster.nodes);
  // A run that goes on makes it again itself.
  const live = again([only!, slow!]);
  assert.deepEqual([live.modules[0]!.generation, live.modules[0]!.reusedFrom], [2, 0]);
  assert.ok(lab.having(0).length >= 2);
});

test('what a run takes over from one that failed is made again when nobody has its files any more', () => {
  const lab = new Lab('taken over', 3);
  const [source, second] = modulesOf(2, SHORT);
  lab.submit([{ ...source!, ...leaves() }, { ...second!, action: { type: 'run', command: `fail ${3 * FIND_TIMEOUT_MS}` }, timeoutMs: 120_000, retry: { ...second!.retry, attempts: 1 } }]);
  lab.until('the end', () => lab.lastRun?.phase === 'failed', 4 * FIND_TIMEOUT_MS);
  const before = lab.lastRun;
  evict(lab, lab.cluster.nodes);
  lab.call(lab.leader, (replica) => replica.propose({ type: 'rerun', now: replica.stamp(), requestKey: 'again', run: before.number, failedOnly: true }));
  lab.until('the end', () => lab.lastRun !== before && lab.lastRun.phase === 'failed', 5 * FIND_TIMEOUT_MS);
  assert.deepEqual(lab.lastRun.modules.map(({ generation }) => generation), [2, 1]);
  assert.equal(lab.having(0).length, 2);
});
