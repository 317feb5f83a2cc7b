/**
 * Every scenario ends well, and each can fail: with the rule switched off that it is about, a checker speaks or the story
 * demands in vain.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { parseArguments } from '../../sim/arguments.ts';
import { mutants } from '../../sim/mutants/list.ts';
import { runScenario } from '../../sim/scenarios/command.ts';
import { notYet, scenarioNamed, scenarios } from '../../sim/scenarios/list.ts';
import { playScenario } from '../../sim/scenarios/play.ts';
import { scenarioTable, withScenarioTable } from '../../sim/scenarios/table.ts';

const SEEDS = ['1'];
/** Tried one after the other until a rule that is switched off shows. */
const MUTANT_SEEDS = Array.from({ length: 30 }, (_, at) => String(at + 1));
const FOLDER = new URL('../../sim/scenarios/', import.meta.url);

for (const scenario of scenarios) {
  const { name, number, proof } = scenario;
  for (const seed of SEEDS) {
    test(`${number}: ${name}, seed ${seed}`, () => {
      const { violation } = playScenario(scenario, { seed, mutants: new Set() });
      assert.equal(violation, undefined, `npm run sim -- --scenario ${name} --seed ${seed} --trace`);
    });
  }
  if ('argument' in proof) continue;
  test(`${number}: ${name} fails without ${proof.mutants.join(' and ')}`, () => {
    for (const seed of MUTANT_SEEDS) {
      const { violation } = playScenario(scenario, { seed, mutants: new Set(proof.mutants) });
      if (violation === undefined) continue;
      assert.ok(proof.invariants.includes(violation.invariant), `${violation.invariant}: ${violation.message}`);
      return;
    }
    assert.fail(`it ends well with ${MUTANT_SEEDS.length} seeds`);
  });
}

test('every row of the table has a story, or is named as missing', () => {
  const numbers = new Set([...scenarios, ...notYet].map(({ number }) => number));
  const rows = [...Array.from({ length: 28 }, (_, at) => String(at + 1)), ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((at) => `work ${at}`)];
  assert.deepEqual(rows.filter((row) => !numbers.has(row)), []);
});

test('each has a file of its name, each file is in the list, and each can fail', () => {
  const stories = readdirSync(FOLDER).filter((file) => readFileSync(new URL(file, FOLDER), 'utf8').includes(': Scenario = {'));
  assert.deepEqual(stories.toSorted(), scenarios.map(({ name }) => `${name}.ts`).toSorted());
  const known = new Set(mutants.map(({ name }) => name));
  for (const { name, proof } of scenarios) {
    if ('argument' in proof) assert.ok(proof.argument.length > 40, name);
    else assert.deepEqual(proof.mutants.filter((mutant) => !known.has(mutant)), [], name);
  }
});

test('the command: exit codes, the story of a failure, a page', (t) => {
  const told: string[] = [];
  const run = (name: string, ...more: string[]): number => runScenario(parseArguments(['--scenario', name, ...more]), scenarioNamed(name), (text) => void told.push(text));
  assert.equal(run('many-jobs', '--mutant', 'claim-before-needs', '--lines', '3'), 12);
  assert.ok(told.some((line) => line.startsWith('✗ violation of S19')) && told.at(-1) === 'replay    npm run sim -- --scenario many-jobs --seed 1 --mutant claim-before-needs --trace', told.join('\n'));
  const folder = mkdtempSync(path.join(tmpdir(), 'scenario-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const page = path.join(folder, 'page.html');
  assert.equal(run('hub-chained', '--mutant', 'no-prevote', '--seeds', '1..2', '--html', page), 11);
  assert.ok(readFileSync(page, 'utf8').includes('hub-chained, seed 1'));
  told.length = 0;
  assert.equal(run('many-jobs', '--seed', '4', '--trace'), 0);
  assert.ok(told.some((line) => line.includes('many-jobs: seven workers')) && told.at(-1)?.startsWith('many-jobs seed 4: ends well, virtual'), told.slice(-3).join('\n'));
});

test('a name that is mistyped, and one that is not there yet', () => {
  assert.equal(scenarioNamed('prevote-deadlock').number, '12');
  assert.throws(() => scenarioNamed('prevote-deadlok'), { message: /there is none of this name, did you mean prevote-deadlock\?/ });
  assert.throws(() => scenarioNamed('cells-meet'), { message: /not there yet: .*established/ });
  assert.throws(() => parseArguments(['--scenario', 'blackout', '--nodes', '3']), { message: /--nodes does not go with --scenario/ });
  assert.throws(() => parseArguments(['--pipeline', 'p.yaml', '--scenario', 'blackout']), { message: /--scenario does not go with --pipeline/ });
  assert.deepEqual([parseArguments(['--scenario', 'blackout', '--seeds', '3..4', '--mutant', 'no-prevote']).scenario, parseArguments(['--list']).list], ['blackout', 'yes']);
});

test('the page about the simulator has the table of now', () => {
  const page = readFileSync(new URL('../../docs/internals/simulator.md', import.meta.url), 'utf8');
  assert.equal(withScenarioTable(page), page, 'replace it by what `npm run sim -- --list=table` prints');
  assert.ok(scenarioTable().includes('| 12 | `prevote-deadlock` |'));
});
