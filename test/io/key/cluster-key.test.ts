import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { isSkeinError } from '../../../src/errors.ts';
import { CLUSTER_KEY_BYTES, defaultKeyFile, formatKey, loadClusterKey, parseKey } from '../../../src/io/key/cluster-key.ts';
import { NODE_KEY_FILE, loadNodeKey } from '../../../src/io/key/node-key.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'skein-key-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('a key is one line of 43 characters and comes back as it was', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: CLUSTER_KEY_BYTES, maxLength: CLUSTER_KEY_BYTES }), (key) => {
      const text = formatKey(key);
      assert.match(text, /^[A-Za-z0-9_-]{43}$/);
      assert.deepEqual(parseKey(` ${text}\n`, 'SKEIN_KEY'), key);
    }),
  );
});

test('what is no key is refused with the place and the reason, and never shown', () => {
  const good = formatKey(new Uint8Array(32).fill(7));
  const bad: readonly (readonly [string, RegExp])[] = [
    ['', /empty/],
    [good.slice(1), /42 characters instead of 43/],
    [`${good.slice(0, 10)}!${good.slice(11)}`, /character 11/],
    [`${good.slice(0, 42)}B`, /last character/],
    ['/key/swarm/psk/1.0.0/', /swarm key/],
  ];
  for (const [text, reason] of bad) {
    assert.throws(
      () => parseKey(text, 'SKEIN_KEY'),
      (error) => isSkeinError(error, 'OPTION_INVALID') && reason.test(error.message) && error.message.startsWith('SKEIN_KEY') && (text.length < 20 || !error.message.includes(text)),
    );
  }
});

test('no text is taken for a key unless it is one', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => {
      try {
        assert.equal(formatKey(parseKey(text, 'x')), text.trim());
      } catch (error) {
        assert.ok(isSkeinError(error, 'OPTION_INVALID'));
      }
    }),
  );
});

test('the key of the environment wins over the file and makes none', (t) => {
  const keyFile = join(folder(t), 'cluster.key');
  const key = loadClusterKey({ key: formatKey(new Uint8Array(32).fill(7)), keyFile });
  assert.equal(key.source, 'environment');
  assert.equal(existsSync(keyFile), false);
  const lines = new TextDecoder().decode(key.psk).split('\n');
  assert.deepEqual(lines.slice(0, 2), ['/key/swarm/psk/1.0.0/', '/base16/']);
  assert.match(lines[2]!, /^[0-9a-f]{64}$/);
  assert.notEqual(lines[2], Buffer.from(new Uint8Array(32).fill(7)).toString('hex'), 'derived, not the key itself');
});

test('the first start makes the file, readable by its user alone; later ones read it', (t) => {
  const env = { XDG_CONFIG_HOME: folder(t) };
  const first = loadClusterKey({ env });
  assert.equal(first.source, 'created');
  assert.equal(first.path, join(env.XDG_CONFIG_HOME, 'skein', 'cluster.key'));
  assert.equal(first.path, defaultKeyFile(env));
  if (process.platform !== 'win32') assert.equal(statSync(first.path).mode & 0o777, 0o600);
  assert.equal(readFileSync(first.path, 'utf8'), `${first.text}\n`);
  const second = loadClusterKey({ env });
  assert.deepEqual({ ...second, source: 'created' }, first);
  assert.deepEqual(readdirSync(join(env.XDG_CONFIG_HOME, 'skein')), ['cluster.key'], 'nothing is left over');
});

test('a key file that others can read gives a warning with the fix', (t) => {
  if (process.platform === 'win32') return t.skip('file modes are not used on Windows');
  const keyFile = join(folder(t), 'cluster.key');
  assert.deepEqual(loadClusterKey({ keyFile }).warnings, []);
  chmodSync(keyFile, 0o644);
  const [warning] = loadClusterKey({ keyFile }).warnings;
  assert.match(warning ?? '', /mode 0644.*chmod 600/);
});

test('a damaged key file is an error that names it, and is left alone', (t) => {
  const keyFile = join(folder(t), 'cluster.key');
  writeFileSync(keyFile, 'short\n');
  assert.throws(() => loadClusterKey({ keyFile }), (error) => isSkeinError(error, 'OPTION_INVALID') && error.message.includes(keyFile) && !error.message.includes('short\n'));
  assert.equal(readFileSync(keyFile, 'utf8'), 'short\n');
  assert.throws(() => loadClusterKey({ keyFile: join(keyFile, 'below') }), (error) => isSkeinError(error, 'OPTION_INVALID'));
});

test('processes that start at the same moment agree on one key', async (t) => {
  const env = { XDG_CONFIG_HOME: folder(t) };
  const module = new URL('../../../src/io/key/cluster-key.ts', import.meta.url).href;
  const script = `const { loadClusterKey } = await import(${JSON.stringify(module)}); const k = loadClusterKey(); console.log(k.source, k.text)`;
  const runs = Array.from({ length: 6 }, () => promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env: { ...process.env, ...env } }));
  const answers = (await Promise.all(runs)).map(({ stdout }) => stdout.trim().split(' '));
  assert.equal(new Set(answers.map(([, text]) => text)).size, 1);
  assert.equal(answers.filter(([source]) => source === 'created').length, 1);
});

test('a node key is made once, is private, and is never replaced', async (t) => {
  const dataDir = folder(t);
  const first = await loadNodeKey(dataDir);
  assert.match(first.nodeId, /^12D3KooW/);
  assert.equal((await loadNodeKey(dataDir)).nodeId, first.nodeId);
  const path = join(dataDir, NODE_KEY_FILE);
  if (process.platform !== 'win32') assert.equal(statSync(path).mode & 0o777, 0o600);
  writeFileSync(path, 'rubbish');
  await assert.rejects(loadNodeKey(dataDir), (error) => isSkeinError(error, 'OPTION_INVALID') && error.message.includes(path));
  assert.equal(readFileSync(path, 'utf8'), 'rubbish');
});
