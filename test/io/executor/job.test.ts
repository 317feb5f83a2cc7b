/** Goal: what a node runs out of is not held against the module. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { spawnCode, spawnMessage } from '../../../src/io/executor/job.ts';

test('a full disk and used up processes, files or memory are the trouble of the node; all else is that of the module', () => {
  const code = (name: string): string => spawnCode(Object.assign(new Error(name), { code: name }));
  for (const name of ['ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE', 'ENFILE', 'EAGAIN', 'ENOMEM']) assert.equal(code(name), 'NODE_EXHAUSTED', name);
  for (const name of ['E2BIG', 'ENOENT', 'EACCES']) assert.equal(code(name), 'MODULE_SPAWN', name);
  assert.equal(spawnCode(new Error('neither bash nor sh was found on PATH')), 'MODULE_SPAWN');
  assert.match(spawnMessage(Object.assign(new Error(), { code: 'ENOSPC' })), /no space is left/);
});
