/**
 * The test that the tests work, in short: each rule that is switched off is noticed with the seed that is known to find it
 * (or one of the next, since a change of the code makes other seeds find it; `npm run sim:mutants` looks for them), and the
 * same story with the rule in force ends well.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { drills, hunt, playControl } from '../../sim/mutants/hunt.ts';
import { hunts, secondLines } from '../../sim/mutants/hunts.ts';
import { mutants } from '../../sim/mutants/list.ts';
import { mutantTable, withTable } from '../../sim/mutants/table.ts';

const SEEDS = 25;

test('every mutant has one story, or a reason why nobody can notice it', () => {
  const told = [...hunts.map(({ mutant }) => mutant), ...secondLines.map(({ mutant }) => mutant)];
  assert.deepEqual(told.toSorted(), mutants.map(({ name }) => name).toSorted());
  assert.equal(new Set(told).size, told.length);
  const played = new Set<string>(hunts.map(({ drill }) => drill));
  assert.deepEqual(Object.keys(drills).filter((name) => !played.has(name)), []);
});

const controlled = new Set<string>();

for (const row of hunts) {
  const { mutant, invariants, seed, partner, drill } = row;
  test(`${mutant}: ${invariants.join(' or ')} in ${drill}`, (t) => {
    const seeds = [seed, ...Array.from({ length: SEEDS }, (_, at) => String(at + 1)).filter((other) => other !== seed)];
    const found = hunt(row, seeds);
    assert.ok(found !== undefined, `not within ${SEEDS} seeds`);
    assert.ok(invariants.includes(found.invariant), `${found.invariant}: ${found.message}`);
    if (found.seed !== seed) t.diagnostic(`seed ${found.seed} finds it now, no longer ${seed}`);
    const story = `${drill} ${partner ?? ''} ${found.seed}`;
    if (controlled.has(story)) return;
    controlled.add(story);
    assert.equal(playControl(row, found.seed), undefined, 'the story goes wrong with the rule in force, too');
  });
}

test('the page about the simulator has the table of now', () => {
  const page = readFileSync(new URL('../../docs/internals/simulator.md', import.meta.url), 'utf8');
  assert.equal(withTable(page), page, 'replace it by what `npm run sim:mutants -- --table` prints');
  assert.ok(mutantTable().includes('| rule 4 | `no-check-quorum` | L1 | hub |'));
});
