/** Logs between simulated nodes: live through another node, by place, past cuts and deaths, and from what is stored. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import * as fc from 'fast-check';
import { cutMark } from '../../src/core/lib/log-mark.ts';
import { nodeId, type Cid, type RunId } from '../../src/core/lib/ids.ts';
import type { LogRef } from '../../src/core/cell/types.ts';
import type { ModuleRecord } from '../../src/core/cell/state.ts';
import { isSkeinError } from '../../src/errors.ts';
import type { LogEvent, LogOptions } from '../../src/runtime/api.ts';
import { LogFollower } from '../../src/runtime/logs/follower.ts';
import type { ExecutionLog } from '../../src/runtime/logs/view.ts';
import { partOfTail, placeInBlob, wholeCharacters } from '../../src/runtime/logs/stored.ts';
import type { Behaviour } from '../../sim/behaviour.ts';
import type { SimNode } from '../../sim/sim-node.ts';
import { modulesOf, Stage } from '../../sim/stage.ts';
import { FakeContext } from './fake-context.ts';

// ── Places ───────────────────────────────────────────────────────────────────────────────────────────────────────

test('a stored log is read from any place of what was printed: what was cut out is one mark, the rest is there once', () => {
  fc.assert(
    fc.property(fc.nat(3000), fc.nat(3000), fc.nat(3000), fc.integer({ min: 1, max: 500 }), fc.nat(9000), (cutAt, cut, end, piece, from) => {
      const bytes = createHash('sha512').update(`${cutAt}`).digest();
      const printed = Buffer.from(Array.from({ length: cutAt + cut + end }, (_, i) => bytes[i % 64]! ^ (i >>> 6)));
      const mark = cut === 0 ? Buffer.alloc(0) : Buffer.from(cutMark(cut));
      const stored = Buffer.concat([printed.subarray(0, cutAt), mark, printed.subarray(cutAt + cut)]);
      const log: LogRef = { cid: 'b' as Cid, size: stored.length, cut, cutAt: cut === 0 ? 0 : cutAt };
      const start = Math.min(from, printed.length);
      const read: Buffer[] = [];
      for (let at = start; ; ) {
        const place = placeInBlob(log, at, piece);
        if (place === undefined) break;
        assert.ok(place.length > 0 && place.from + place.length <= stored.length);
        read.push(stored.subarray(place.from, place.from + place.length));
        at = place.isMark ? cutAt + cut : at + place.length;
      }
      const inCut = start < cutAt + cut && cut > 0;
      const expected = inCut ? [printed.subarray(Math.min(start, cutAt), cutAt), mark, printed.subarray(cutAt + cut)] : [printed.subarray(start)];
      assert.ok(Buffer.concat(read).equals(Buffer.concat(expected)));
    }),
  );
});

test('a tail is read from a place of what was printed', () => {
  const text = (offset: number, tail: string): string | undefined => {
    const part = partOfTail(tail, offset);
    return part && Buffer.from(part.bytes).toString();
  };
  assert.equal(text(0, 'whole\n'), 'whole\n');
  assert.equal(text(3, 'whole\n'), 'le\n');
  assert.equal(text(6, 'whole\n'), undefined);
  assert.equal(text(0, ''), undefined);
  const cut = '[100 bytes cut]\nlast\n';
  assert.equal(text(0, cut), cut);
  assert.equal(text(50, cut), cut);
  assert.equal(text(100, cut), 'last\n');
  assert.equal(text(102, cut), 'st\n');
  assert.equal(text(105, cut), undefined);
  assert.equal(partOfTail(cut, 0)?.next, 105);
});

test('a piece of text ends with a whole character', () => {
  const text = Buffer.from('aü€😀b');
  for (let length = 0; length <= text.length; length++) {
    const whole = wholeCharacters(text.subarray(0, length));
    assert.ok(length - whole <= 3);
    assert.ok(!text.toString('utf8', 0, whole).includes('\ufffd'));
  }
  assert.equal(wholeCharacters(text), text.length);
  assert.equal(wholeCharacters(Buffer.from([0x80, 0x80, 0x80, 0x80])), 4, 'no text anyway');
});

test('a stored log whose beginning was cut in the middle of a character is read to its end', () => {
  const [head, end] = [Buffer.from('€€').subarray(0, 5), Buffer.from('the end\n')];
  const stored = Buffer.concat([head, Buffer.from(cutMark(1000)), end]);
  const log: LogRef = { cid: 'b' as Cid, size: stored.length, cut: 1000, cutAt: head.length };
  const execution: ExecutionLog = { fence: 1, attempt: 1, nodeId: nodeId('a'), node: 'a', state: 'ended', code: '', tail: '', log };
  const fake = new FakeContext();
  const follower = new LogFollower({
    context: fake.context,
    asks: undefined as never,
    look: (done) => done(undefined, { runId: 'run' as RunId, module: 'm', phase: 'succeeded', final: true, executions: [execution] }),
    readBlob: (_log, from, length, done) => done(undefined, stored.subarray(from, from + length)),
    follow: false,
    attempt: 0,
    after: undefined,
  });
  const events: LogEvent[] = [];
  const read: Buffer[] = [];
  for (let count = 0; count < 20 && events.at(-1)?.type !== 'end'; count++) {
    follower.next((_error, event) => event && events.push(event));
    fake.pass(1);
    const event = events.at(-1);
    if (event?.type === 'output') read.push(Buffer.from(event.bytes));
  }
  assert.deepEqual(events.at(-1), { type: 'end', phase: 'succeeded', final: true });
  assert.ok(Buffer.concat(read).equals(stored));
});

// ── Between nodes ────────────────────────────────────────────────────────────────────────────────────────────────

/** A reader at one node that takes every event at once, or when it is told to. */
class Reader {
  readonly events: LogEvent[] = [];
  ended = false;
  error: Error | undefined;
  readonly #lab: Lab;
  readonly #node: SimNode;
  readonly #follower: LogFollower;
  paused = false;

  constructor(lab: Lab, node: SimNode, module: string, options: LogOptions = {}) {
    this.#lab = lab;
    this.#node = node;
    let follower: LogFollower | undefined;
    lab.at(node, (runtime) => (follower = runtime.logs.follow(lab.runId, module, options)));
    this.#follower = follower!;
    this.next();
  }

  next(): void {
    this.#lab.at(this.#node, () =>
      this.#follower.next((error, event) => {
        this.error = error;
        if (event === undefined) this.ended = true;
        else {
          this.events.push(event);
          if (!this.paused) this.next();
        }
      }),
    );
  }

  /** What each execution printed, as the reader heard it; every place once, in order. */
  texts(): string[] {
    const texts: string[] = [];
    let expected = 0;
    for (const event of this.events) {
      if (event.type === 'execution') {
        texts.push('');
        expected = 0;
      }
      if (event.type !== 'output') continue;
      assert.equal(event.offset, expected, 'nothing is missing, nothing comes twice');
      expected = event.next;
      texts[texts.length - 1] += Buffer.from(event.bytes).toString();
    }
    return texts;
  }

  get lines(): number {
    return (this.texts().at(-1)?.split('\n').length ?? 1) - 1;
  }
}

class Lab extends Stage {
  runId = '';
  module = '';

  constructor(seed: string, nodes: number) {
    super({ seed, mutants: new Set() }, { nodes });
    this.form();
  }

  at(node: SimNode, action: (runtime: NonNullable<SimNode['runtime']>) => void): void {
    node.incarnation?.process.run(() => node.runtime && action(node.runtime));
  }

  /** @returns a node that executes a module, not the leader; `module` is that. */
  begin(behaviour: Behaviour): SimNode {
    this.submit(modulesOf(4 * this.cluster.nodes.length, behaviour));
    const { leader } = this;
    const claimed = (): ModuleRecord | undefined => [...this.replica(leader).state.runs.values()][0]?.modules.find(({ phase, nodeId }) => phase === 'claimed' && nodeId !== leader.id);
    this.until('somebody works', () => claimed() !== undefined);
    const { run, index, nodeId } = claimed()!;
    this.runId = run.runId;
    this.module = `m${index}`;
    return this.cluster.nodes.find(({ id }) => id === nodeId)!;
  }
}

function expectedLines(text: string): void {
  const lines = text.split('\n').slice(0, -1);
  const fence = /^(\d+) line 0$/.exec(lines[0] ?? '')?.[1];
  assert.deepEqual(lines, lines.map((_, i) => `${fence} line ${i}`));
}

test('another node shows what is printed while it is printed, soon, and the end of the module is the end', () => {
  const lab = new Lab('live', 3);
  const worker = lab.begin({ kind: 'ok', durationMs: 10_000 });
  const watcher = lab.others(worker)[0]!;
  const reader = new Reader(lab, watcher, lab.module, { follow: true });
  lab.until('lines', () => reader.lines >= 5, 5000, 1);
  const before = reader.lines;
  lab.run(1000);
  assert.ok(reader.lines - before >= 8, `${reader.lines - before} of about 10 lines came in a second`);
  lab.until('the end', () => reader.ended, 30_000, 5);
  assert.equal(reader.error, undefined);
  assert.deepEqual(reader.events.at(-1), { type: 'end', phase: 'succeeded', final: true });
  expectedLines(reader.texts()[0]!);
});

test('after a cut between reader and worker the reader goes on at its place', () => {
  const lab = new Lab('cut', 3);
  const worker = lab.begin({ kind: 'ok', durationMs: 30_000 });
  const watcher = lab.others(worker, lab.leader)[0] ?? lab.others(worker)[0]!;
  const reader = new Reader(lab, watcher, lab.module, { follow: true });
  lab.until('lines', () => reader.lines >= 5, 5000, 1);
  lab.cut(watcher, worker);
  lab.run(8000);
  const during = reader.lines;
  lab.heal(watcher, worker);
  lab.until('it catches up', () => reader.lines >= during + 60, 20_000, 5);
  assert.equal(reader.texts().length, 1);
  expectedLines(reader.texts()[0]!);
});

test('when its node dies the reader hears what is lost, and then the execution on another node', () => {
  const lab = new Lab('moves', 4);
  const worker = lab.begin({ kind: 'ok', durationMs: 20_000 });
  const watcher = lab.others(worker, lab.leader)[0]!;
  const reader = new Reader(lab, watcher, lab.module, { follow: true });
  lab.until('lines', () => reader.lines >= 5, 5000, 1);
  lab.crash(worker, 'power');
  lab.until('the other execution', () => reader.texts().length === 2 && reader.lines >= 5, 30_000, 5);
  const told = reader.events.filter(({ type }) => type !== 'output' && type !== 'idle');
  assert.deepEqual(told.map(({ type }) => type), ['execution', 'lost', 'execution']);
  const [first, lost, second] = told as [Extract<LogEvent, { type: 'execution' }>, Extract<LogEvent, { type: 'lost' }>, Extract<LogEvent, { type: 'execution' }>];
  assert.deepEqual([lost.why, lost.node, lost.fence], ['node', first.node, first.fence]);
  assert.ok(second.fence > first.fence && second.nodeId !== first.nodeId);
  for (const text of reader.texts()) expectedLines(text);
});

test('a reader that comes back goes on after what it had; one that takes nothing is asked nothing', () => {
  const lab = new Lab('resume', 3);
  const worker = lab.begin({ kind: 'ok', durationMs: 60_000 });
  const [watcher] = lab.others(worker);
  const slow = new Reader(lab, watcher!, lab.module, { follow: true });
  lab.until('lines', () => slow.lines >= 3, 5000, 1);
  slow.paused = true;
  lab.run(6000);
  const count = slow.events.length;
  lab.run(6000);
  assert.equal(slow.events.length, count);
  slow.paused = false;
  slow.next();
  lab.until('all of it', () => slow.lines >= 120, 5000, 1);
  const at = slow.events.filter((event) => event.type === 'output')[1]!;
  const back = new Reader(lab, lab.leader, lab.module, { follow: true, after: { fence: at.fence, offset: at.next } });
  lab.until('the rest', () => back.events.some(({ type }) => type === 'output'), 5000, 1);
  const first = back.events.find((event) => event.type === 'output')!;
  assert.equal(first.offset, at.next);
});

test('without following what is there now is all; a module that has not begun has nothing', () => {
  const lab = new Lab('now', 3);
  const worker = lab.begin({ kind: 'ok', durationMs: 30_000 });
  lab.run(2000);
  const reader = new Reader(lab, lab.others(worker)[0]!, lab.module);
  lab.until('its end', () => reader.ended, 5000, 1);
  assert.ok(reader.lines >= 15);
  assert.deepEqual(reader.events.at(-1), { type: 'end', phase: 'running', final: false });
  const unknown = new Reader(lab, worker, 'nothing');
  lab.until('the error', () => unknown.ended, 5000, 1);
  assert.ok(isSkeinError(unknown.error, 'MODULE_NOT_FOUND'));
});

test('a reader of a node that stops is told so, and does not wait for ever; also one that asks after that', () => {
  const lab = new Lab('stops', 3);
  const worker = lab.begin({ kind: 'ok', durationMs: 60_000 });
  const through = lab.others(worker, lab.leader)[0]!;
  const reader = new Reader(lab, through, lab.module, { follow: true });
  lab.until('something is printed', () => reader.lines > 2);
  reader.paused = true;
  lab.run(1000);
  reader.paused = false;
  reader.next();
  const late = new Reader(lab, through, lab.module, { follow: true });
  late.paused = true;
  lab.run(500);
  lab.at(through, (runtime) => runtime.stop());
  assert.ok(isSkeinError(reader.error, 'NODE_STOPPING') && reader.ended, String(reader.error));
  late.next();
  assert.ok(isSkeinError(late.error, 'NODE_STOPPING') && late.ended, String(late.error));
});

test('what is cancelled is heard to its last line, live and afterwards', () => {
  const lab = new Lab('cancelled', 3);
  const worker = lab.begin({ kind: 'ok', durationMs: 60_000 });
  const watcher = lab.others(worker)[0]!;
  const reader = new Reader(lab, watcher, lab.module, { follow: true });
  lab.until('lines', () => reader.lines >= 5, 5000, 1);
  lab.at(lab.leader, (runtime) => runtime.cancelRun(modules(lab)[0]!.run.number, '', () => undefined));
  lab.until('the end', () => reader.ended, 30_000, 5);
  assert.deepEqual(reader.events.at(-1), { type: 'end', phase: 'cancelled', final: true });
  assert.ok(!reader.events.some(({ type }) => type === 'lost'));
  expectedLines(reader.texts()[0]!);
  const [execution] = ofModule(lab).executions;
  assert.equal(execution?.code, 'MODULE_CANCELLED');
  assert.ok(reader.texts()[0]!.endsWith(execution.tail.slice(-20)), 'to the last line');
  const later = new Reader(lab, watcher, lab.module);
  lab.until('its end', () => later.ended, 5000, 1);
  assert.deepEqual(later.texts(), reader.texts());
});

test('what a node hands back when it leaves is heard, and then the execution on another node', () => {
  const lab = new Lab('handed back', 4);
  const worker = lab.begin({ kind: 'ok', durationMs: 20_000 });
  const watcher = lab.others(worker, lab.leader)[0]!;
  const reader = new Reader(lab, watcher, lab.module, { follow: true });
  lab.until('lines', () => reader.lines >= 5, 5000, 1);
  lab.at(worker, (runtime) => runtime.leave(true, () => undefined));
  lab.until('the other execution', () => reader.texts().length === 2 && reader.lines >= 5, 30_000, 5);
  assert.deepEqual(reader.events.flatMap(({ type }) => (type === 'output' || type === 'idle' ? [] : [type])), ['execution', 'execution']);
  for (const text of reader.texts()) expectedLines(text);
  assert.deepEqual(ofModule(lab).executions.map(({ code }) => code), ['NODE_STOPPING']);
  assert.deepEqual([ofModule(lab).losses, ofModule(lab).failures], [0, 0]);
});

function modules(lab: Lab): readonly ModuleRecord[] {
  return [...lab.replica(lab.leader).state.runs.values()][0]!.modules;
}

function ofModule(lab: Lab): ModuleRecord {
  return modules(lab).find(({ index }) => `m${index}` === lab.module)!;
}
