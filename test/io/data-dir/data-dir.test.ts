import assert from 'node:assert/strict';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { isSkeinError } from '../../../src/errors.ts';
import { acquireDataDir, listRunningNodes, type DataDirOptions } from '../../../src/io/data-dir/data-dir.ts';
import { SLOT_FOLDERS_MAX } from '../../../src/io/paths.ts';
import type { Answer, Request } from './starter.ts';

function temporaryFolder(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'skein-data-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function acquire(t: TestContext, options: DataDirOptions): ReturnType<typeof acquireDataDir> {
  const dir = await acquireDataDir(options);
  t.after(() => dir.release());
  return dir;
}

const isLocked = (error: unknown): boolean => isSkeinError(error, 'DATA_DIR_LOCKED');

class Starter {
  readonly child: ChildProcess;

  constructor(env: NodeJS.ProcessEnv = process.env) {
    this.child = fork(path.join(import.meta.dirname, 'starter.ts'), { env });
  }

  async answer(): Promise<Answer> {
    const [answer] = (await once(this.child, 'message')) as [Answer];
    return answer;
  }

  ask(request: Request): Promise<Answer> {
    const answer = this.answer();
    this.child.send(request);
    return answer;
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
  }
}

async function starters(t: TestContext, count: number, env?: NodeJS.ProcessEnv): Promise<Starter[]> {
  const all = Array.from({ length: count }, () => new Starter(env));
  t.after(() => Promise.all(all.map((starter) => starter.kill())));
  await Promise.all(all.map((starter) => starter.answer()));
  return all;
}

function holders(answers: readonly Answer[]): Answer[] {
  for (const answer of answers) if ('code' in answer) assert.equal(answer.code, 'DATA_DIR_LOCKED');
  return answers.filter((answer) => 'path' in answer);
}

test('a named directory is made, private, and held by one', async (t) => {
  const dataDir = path.join(temporaryFolder(t), 'deep', 'er');
  const dir = await acquire(t, { dataDir });
  assert.deepEqual([dir.path, dir.slot], [dataDir, undefined]);
  assert.equal(fs.statSync(dataDir).mode & 0o777, 0o700);
  assert.equal(fs.statSync(dir.socketPath).mode & 0o777, 0o600);
  await assert.rejects(acquireDataDir({ dataDir }), isLocked);
  dir.release();
  dir.release();
  assert.deepEqual(fs.readdirSync(dataDir), [], 'nothing is left behind');
  await acquire(t, { dataDir });
});

test('plain starts take the slots in turn, and a free one first', async (t) => {
  const env = { XDG_DATA_HOME: temporaryFolder(t) };
  const first = await acquire(t, { env });
  const second = await acquire(t, { env });
  const third = await acquire(t, { env });
  assert.deepEqual([first.slot, second.slot, third.slot], [0, 1, 2]);
  assert.equal(second.path, path.join(env.XDG_DATA_HOME, 'skein', '1'));
  second.release();
  assert.equal((await acquire(t, { env })).slot, 1);
  assert.ok(SLOT_FOLDERS_MAX > 3);
});

test('local nodes are listed when they live', async (t) => {
  const env = { XDG_DATA_HOME: temporaryFolder(t) };
  assert.deepEqual(await listRunningNodes(env), []);
  const dirs = [await acquire(t, { env }), await acquire(t, { env }), await acquire(t, { env })];
  dirs[1]!.release();
  const nodes = await listRunningNodes(env);
  assert.deepEqual(nodes.map(({ slot, socketPath }) => [slot, socketPath]), [0, 2].map((slot) => [slot, dirs[slot]!.socketPath]));
});

test('the socket of a killed process is stale: not listed, taken over by the next', async (t) => {
  const env = { ...process.env, XDG_DATA_HOME: temporaryFolder(t) };
  const [starter] = await starters(t, 1, env);
  assert.deepEqual(await starter!.ask({ type: 'acquire' }), { path: path.join(env.XDG_DATA_HOME, 'skein', '0'), slot: 0 });
  assert.equal((await listRunningNodes(env)).length, 1);
  await assert.rejects(acquireDataDir({ dataDir: path.join(env.XDG_DATA_HOME, 'skein', '0') }), isLocked);
  await starter!.kill();
  assert.deepEqual(await listRunningNodes(env), []);
  const dir = await acquire(t, { env });
  assert.equal(dir.slot, 0);
  assert.equal((await listRunningNodes(env)).length, 1);
  assert.equal(fs.readdirSync(dir.path).length, 2, 'the dead lock is gone, its own lock and the link are there');
});

test('a stopped process still holds its directory', async (t) => {
  const dataDir = temporaryFolder(t);
  const [starter] = await starters(t, 1);
  await starter!.ask({ type: 'acquire', dataDir });
  starter!.child.kill('SIGSTOP');
  await assert.rejects(acquireDataDir({ dataDir }), isLocked);
});

test('of several processes that start at once exactly one wins, over a stale lock or none, round after round', async (t) => {
  const dataDir = temporaryFolder(t);
  let all = await starters(t, 4);
  for (let round = 0; round < 12; round++) {
    const answers = await Promise.all(all.map((starter) => starter.ask({ type: 'acquire', dataDir })));
    assert.equal(holders(answers).length, 1, `round ${round}: ${JSON.stringify(answers)}`);
    const winner = all[answers.findIndex((answer) => 'path' in answer)]!;
    if (round % 3 !== 2) {
      await winner.ask({ type: 'release' });
      continue;
    }
    await winner.kill();
    all = all.filter((starter) => starter !== winner).concat(await starters(t, 1));
  }
});

test('several that start at once with plain options get a slot each', async (t) => {
  const env = { ...process.env, XDG_DATA_HOME: temporaryFolder(t) };
  const all = await starters(t, 4, env);
  const answers = await Promise.all(all.map((starter) => starter.ask({ type: 'acquire' })));
  const slots = holders(answers).map((answer) => ('slot' in answer ? answer.slot : undefined));
  assert.deepEqual(new Set(slots), new Set([0, 1, 2, 3]));
});

test('a path that is too long for a socket address works too', async (t) => {
  const dataDir = path.join(temporaryFolder(t), 'x'.repeat(150));
  const dir = await acquire(t, { dataDir, env: { XDG_RUNTIME_DIR: temporaryFolder(t) } });
  assert.ok(Buffer.byteLength(dir.socketPath) < 104);
  const socket = net.connect(dir.socketPath);
  await once(socket, 'connect');
  socket.destroy();
  const [starter] = await starters(t, 1);
  assert.deepEqual(await starter!.ask({ type: 'acquire', dataDir }), { code: 'DATA_DIR_LOCKED' }, 'also when its own socket would lie elsewhere');
  dir.release();
  assert.ok('path' in (await starter!.ask({ type: 'acquire', dataDir })));
});

test('the bound server hands on connections once somebody listens, and closes them before', async (t) => {
  const dir = await acquire(t, { dataDir: temporaryFolder(t) });
  const early = net.connect(dir.socketPath).resume();
  await once(early, 'close');
  dir.server.on('connection', (socket) => socket.end('hello'));
  const chunks: string[] = [];
  const socket = net.connect(dir.socketPath).setEncoding('utf8');
  socket.on('data', (chunk: string) => chunks.push(chunk));
  await once(socket, 'end');
  assert.equal(chunks.join(''), 'hello');
});

test('a directory that cannot be made is an error that names it', async (t) => {
  const file = path.join(temporaryFolder(t), 'file');
  fs.writeFileSync(file, '');
  await assert.rejects(acquireDataDir({ dataDir: path.join(file, 'sub') }), (error) => isSkeinError(error, 'OPTION_INVALID') && error.message.includes(file));
});
