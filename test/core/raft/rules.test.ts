/** PROTOCOL §3 rules 1–10, the fsync rules (a)–(d) of §1 and the Raft half of §5, each by name. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { diskRules } from './support/rules-disk.ts';
import { fastPathRules } from './support/rules-fast-path.ts';
import { electionRules } from './support/rules.ts';

const all = [...electionRules, ...fastPathRules, ...diskRules];

for (const { rule, name, check } of all) test(`${rule}: ${name}`, () => check(new Set()));

test('every rule of §3 and every fsync rule has a test that names it', () => {
  const named = new Set(all.map((item) => item.rule));
  for (let rule = 1; rule <= 10; rule += 1) assert.ok(named.has(`rule ${rule}`), `rule ${rule}`);
  for (const letter of 'abcd') assert.ok(named.has(`fsync (${letter})`), `fsync (${letter})`);
});
