/** Nodes on hosts of their own, as built; the cases that are too long for here run by `npm run sim:hosts`. */
import test from 'node:test';
import { lanProblem } from '../../sim/hosts/lan.ts';
import { cases } from './cases/index.ts';
import { play } from './support/world.ts';

const TIMEOUT_MS = 180_000;
const skip = lanProblem();

for (const one of cases.filter(({ long }) => long !== true)) {
  test(`${one.name}: ${one.what}`, { skip: skip === false ? (one.impossible?.() ?? false) : skip, timeout: TIMEOUT_MS }, () => play(one));
}
