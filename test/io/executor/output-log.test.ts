/** What an execution prints, in files: bounded, whole where it can be, readable while it is written. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import * as fc from 'fast-check';
import { cutMark } from '../../../src/core/lib/log-mark.ts';
import { wholeCharacters } from '../../../src/runtime/logs/stored.ts';
import { OutputLog, readLog, type LiveLog, type LogSizes } from '../../../src/io/executor/output-log.ts';
import { command, bench, bundled, temporaryFolder, until } from './harness.ts';
import type { FileShelf } from '../../../src/io/executor/files.ts';
import type { Cid } from '../../../src/core/lib/ids.ts';
import type { LogPiece } from '../../../src/ports/executor.ts';

const sizes: LogSizes = { headBytes: 4096, endBytes: 4096, segmentBytes: 1024, pendingBytesMax: 2048 };

interface Bed {
  readonly log: OutputLog;
  readonly folder: string;
  readonly live: () => LiveLog | undefined;
}

function bed(t: TestContext): Bed {
  const folder = temporaryFolder(t);
  let live: LiveLog | undefined;
  const log = new OutputLog(join(folder, 'l1'), (now) => (live = now), sizes);
  return { log, folder, live: () => live };
}

async function write(log: OutputLog, bytes: Uint8Array, step: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += step) {
    if (log.append(bytes.subarray(at, at + step))) continue;
    await new Promise<void>((resolve) => log.whenDrained(resolve));
  }
}

test('nothing, and a little text, need no file', async (t) => {
  const { log, folder } = bed(t);
  assert.ok(log.endWithoutFile());
  const little = bed(t);
  little.log.append(Buffer.from('\u001b[31mred\u001b[0m, no newline at the end'));
  assert.ok(little.log.endWithoutFile());
  assert.equal(little.log.tail.text(), '\u001b[31mred\u001b[0m, no newline at the end');
  assert.deepEqual([readdirSync(folder), readdirSync(little.folder)], [[], []]);
});

test('a little that is no text is kept byte for byte', async (t) => {
  const { log } = bed(t);
  const bytes = Buffer.from([0xff, 0x00, 0x0a, 0xfe]);
  log.append(bytes);
  assert.ok(!log.endWithoutFile());
  const kept = await log.finish();
  assert.deepEqual(readFileSync(kept!.path), bytes);
});

test('a reader that keeps up takes whole characters past the end of each file', async (t) => {
  const { log, live } = bed(t);
  const bytes = Buffer.from('€'.repeat(2500));
  await write(log, bytes, 1000);
  await until(() => live() !== undefined);
  const read: Buffer[] = [];
  let at = 0;
  for (let tries = 0; at < bytes.length && tries < 200; tries++) {
    const piece = await readLog(live()!, at, 500, sizes);
    const whole = piece.bytes.subarray(0, wholeCharacters(piece.bytes));
    assert.equal(piece.offset, at);
    read.push(Buffer.from(whole));
    at += whole.byteLength;
    if (whole.byteLength === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(Buffer.concat(read).equals(bytes), `${at} of ${bytes.length}`);
  await log.finish();
});

test('any output: whole up to the bound; beyond it beginning, one line, and the end from a whole line on', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 2049, max: 40_000 }), fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 200 }), async (length, step, lineLength) => {
      const { log, folder } = bed(t);
      const bytes = Buffer.from(Array.from({ length }, (_, i) => (i % lineLength === lineLength - 1 ? 10 : 33 + ((i * 7 + (i >>> 8)) % 90))));
      await write(log, bytes, step);
      const kept = (await log.finish())!;
      const stored = readFileSync(kept.path);
      assert.deepEqual(readdirSync(folder), ['l1'], 'one file');
      if (length <= sizes.headBytes + sizes.endBytes) {
        assert.ok(stored.equals(bytes) && kept.cut === 0);
        return;
      }
      const mark = Buffer.from(cutMark(kept.cut));
      const from = kept.cutAt + kept.cut;
      assert.equal(kept.cutAt, sizes.headBytes);
      assert.ok(length - from <= sizes.endBytes && length - from > sizes.endBytes - lineLength, 'as much of the end as fits');
      assert.ok(stored.equals(Buffer.concat([bytes.subarray(0, kept.cutAt), mark, bytes.subarray(from)])));
      assert.equal(bytes[from - 1], 10, 'it begins with a whole line');
    }),
    { numRuns: 60 },
  );
});

test('while it is written it can be read from any place; what is gone is skipped, and its place is told', async (t) => {
  const { log, live } = bed(t);
  const bytes = Buffer.from(Array.from({ length: 20_000 }, (_, i) => i & 255));
  await write(log, bytes, 700);
  assert.ok(await until(() => (live()?.firstSegment ?? 0) > 1));
  await until(() => !log.full);
  const got: { offset: number; bytes: Uint8Array }[] = [];
  for (let at = 0; at < 20_000; ) {
    const piece = await readLog(live()!, at, 500, sizes);
    if (piece.bytes.byteLength === 0) continue;
    got.push(piece);
    at = piece.offset + piece.bytes.byteLength;
  }
  let gaps = 0;
  let expected = 0;
  for (const piece of got) {
    if (piece.offset !== expected) gaps += 1;
    assert.ok(bytes.subarray(piece.offset, piece.offset + piece.bytes.byteLength).equals(piece.bytes));
    expected = piece.offset + piece.bytes.byteLength;
  }
  assert.equal(gaps, 1);
  const last = await readLog(live()!, sizes.headBytes - 1, 500, sizes);
  assert.ok(last.offset > sizes.headBytes, 'nobody waits for the rest of a character that is gone');
  assert.ok(20_000 - got.find(({ offset }) => offset > sizes.headBytes)!.offset >= sizes.endBytes, 'the bound of the end is there');
  await log.finish();
});

test('a disk that does not take it ends the log, not the output', async (t) => {
  const log = new OutputLog(join(temporaryFolder(t), 'no', 'such', 'folder', 'l1'), () => undefined, sizes);
  await write(log, Buffer.from('line\n'.repeat(5000)), 1000);
  assert.equal(await log.finish(), undefined);
  assert.match(log.problem, /ENOENT/);
  assert.ok(log.tail.text().endsWith('line\n'));
});

class Shelf implements FileShelf {
  readonly taken: Buffer[] = [];

  pathOf(): string {
    return '';
  }

  async takeFiles(files: readonly string[]): Promise<{ cid: Cid; size: number }[]> {
    return files.map((file) => {
      const bytes = readFileSync(file);
      this.taken.push(bytes);
      return { cid: `blob${this.taken.length}` as Cid, size: bytes.length };
    });
  }

  takeBytes(): Promise<never> {
    return Promise.reject(new Error('nothing is taken here'));
  }
}

function read(executor: ReturnType<typeof bench>['executor'], fence: number, offset: number): Promise<LogPiece | undefined> {
  return new Promise((resolve) => executor.readLog(fence, offset, 100_000, resolve));
}

async function readUntil(executor: ReturnType<typeof bench>['executor'], fence: number, wanted: string): Promise<string> {
  let text = '';
  const end = performance.now() + 15_000;
  while (!text.includes(wanted)) {
    assert.ok(performance.now() < end, `${JSON.stringify(wanted)} was not printed: ${JSON.stringify(text)}`);
    const piece = await read(executor, fence, Buffer.byteLength(text));
    assert.ok(piece !== undefined, 'it runs');
    text += Buffer.from(piece.bytes).toString();
    if (piece.bytes.byteLength === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return text;
}

test('a command is read while it runs, and its whole output is a blob, also when it fails', async (t) => {
  const shelf = new Shelf();
  const { executor, run } = bench(t, { files: shelf });
  const gate = join(temporaryFolder(t), 'go');
  const execution = command('printf "\\033[32mbegin\\033[0m\\n"; until [ -e "$GATE" ]; do sleep 0.05; done; seq 5000; printf "no newline"; exit 3', { env: { GATE: gate } });
  const ended = run(execution);
  assert.equal(await readUntil(executor, execution.fence, 'begin'), '\u001b[32mbegin\u001b[0m\n'.slice(0, 100));
  writeFileSync(gate, '');
  const outcome = await ended;
  const whole = `\u001b[32mbegin\u001b[0m\n${Array.from({ length: 5000 }, (_, i) => `${i + 1}\n`).join('')}no newline`;
  assert.equal(outcome.error?.code, 'MODULE_EXIT');
  assert.deepEqual(outcome.log, { cid: 'blob1', size: whole.length, cut: 0, cutAt: 0 });
  assert.equal(shelf.taken[0]?.toString(), whole);
  assert.ok(outcome.tail.endsWith('5000\nno newline'));
  assert.equal(await read(executor, execution.fence, 0), undefined, 'it is over');
});

test('a function is read while it runs: what it logs, what it writes, what its processes write', async (t) => {
  const shelf = new Shelf();
  const { executor, run } = bench(t, { files: shelf });
  const gate = join(temporaryFolder(t), 'go');
  const source = `
    import { existsSync } from 'node:fs';
    import { execSync } from 'node:child_process';
    export async function build({ log }) {
      console.log('from console');
      log('from log', { a: 1 });
      process.stdout.write(Buffer.from([0xc3, 0xbc, 0x0a]));
      process.stderr.write('c3bc0a', 'hex');
      execSync('echo from a child', { stdio: 'inherit' });
      while (!existsSync(${JSON.stringify(gate)})) await new Promise((resolve) => setTimeout(resolve, 20));
      for (let i = 0; i < 100000; i++) console.log('line', i);
    }`;
  const execution = bundled(source, 'build');
  const ended = run(execution);
  const begin = await readUntil(executor, execution.fence, 'from a child');
  for (const part of ['from console\nfrom log { a: 1 }\nü\nü\n', 'from a child\n']) assert.ok(begin.includes(part), begin);
  writeFileSync(gate, '');
  const outcome = await ended;
  assert.ok(outcome.ok, outcome.error?.message);
  const text = shelf.taken[0]?.toString() ?? '';
  assert.equal(text.slice(begin.length), Array.from({ length: 100_000 }, (_, i) => `line ${i}\n`).join(''));
  assert.equal(outcome.log?.size, Buffer.byteLength(text));
});

test('what prints nothing, or little and ends, leaves no file and no blob', async (t) => {
  const shelf = new Shelf();
  const { run, workDir } = bench(t, { files: shelf });
  assert.deepEqual([(await run(command('true'))).log, (await run(command('echo hello'))).tail], [undefined, 'hello\n']);
  const [folder = ''] = readdirSync(workDir);
  assert.ok(await until(() => readdirSync(join(workDir, folder)).every((name) => name.startsWith('pipe'))));
  assert.equal((await run(command('echo slow; sleep 0.4; echo done'))).tail, 'slow\ndone\n');
  assert.ok(await until(() => readdirSync(join(workDir, folder)).every((name) => name.startsWith('pipe'))));
  assert.deepEqual(shelf.taken, []);
});
