/** Goal: a Submit that is applied in slices does what it does at once, and nobody sees half of it. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import * as fc from 'fast-check';
import { apply, applyInSlices, mayTakeLong, type Applied } from '../../../src/core/cell/cell.ts';
import { stateHash } from '../../../src/core/cell/snapshot.ts';
import { createCell, type CellState } from '../../../src/core/cell/state.ts';
import type { Command, ModuleSpec, RunSpec } from '../../../src/core/cell/types.ts';
import { nodeId } from '../../../src/core/lib/ids.ts';
import { Slice } from '../../../src/core/lib/slice.ts';
import { encodeSpec } from '../../../src/protocol/spec-codec.ts';
import { cellHooks } from '../../../src/runtime/snapshot-image.ts';
import { cellName, module, spec, start } from './cells.ts';
import { RandomLog, steps } from './random-log.ts';

const genesis: Command = { type: 'genesis', cellId: cellName, clusterName: 'test', createdAt: start, founder: nodeId('a') };

/** Plays a log in slices of so many steps. @returns the slices that it took. */
class Sliced {
  readonly state: CellState = createCell(cellHooks);
  readonly slice = new Slice(0);
  readonly stepsPerSlice: number;
  slices = 0;

  constructor(stepsPerSlice: number) {
    this.stepsPerSlice = stepsPerSlice;
  }

  apply(index: number, command: Command): Applied {
    if (!mayTakeLong(command)) return apply(this.state, index, command);
    const before = stateHash(this.state);
    const work = applyInSlices(this.state, index, command, this.slice);
    for (;;) {
      this.slice.refill(this.stepsPerSlice);
      this.slices += 1;
      const next = work.next();
      if (next.done === true) return next.value;
      assert.equal(stateHash(this.state), before, 'half of an entry shows');
      assert.equal(this.state.appliedIndex, index - 1);
    }
  }
}

function compare(commands: Iterable<(state: CellState) => Command>, stepsPerSlice: number): Sliced {
  const whole = createCell(cellHooks);
  const sliced = new Sliced(stepsPerSlice);
  let index = 0;
  for (const make of commands) {
    const command = make(whole);
    index += 1;
    const expected = apply(whole, index, command);
    assert.deepEqual(sliced.apply(index, command), expected);
    assert.equal(stateHash(sliced.state), stateHash(whole));
  }
  return sliced;
}

test('any log: the same answers, events and state, whatever the size of the slices', () => {
  fc.assert(
    fc.property(steps(60), fc.integer({ min: 1, max: 300 }), (list, stepsPerSlice) => {
      const log = new RandomLog();
      compare([() => genesis, ...list.map((step) => (state: CellState) => log.next(state, step))], stepsPerSlice);
    }),
    { numRuns: 60 },
  );
});

/** Modules that need up to three of the ones before, and now and then something that is refused. */
const graphs: fc.Arbitrary<ModuleSpec[]> = fc.array(fc.tuple(fc.nat(50), fc.nat(50), fc.nat(400)), { minLength: 1, maxLength: 80 }).map((shapes) =>
  shapes.map(([a, b, odd], i): ModuleSpec => {
    const needs = i === 0 ? [] : [...new Set([a % i, b % i])];
    const bad: Partial<ModuleSpec> = odd === 1 ? { needs: [i] } : odd === 2 ? { name: 'm0' } : odd === 3 ? { needs: [shapes.length] } : odd === 4 ? { needs: [0, 0] } : odd === 5 ? { timeoutMs: 2 ** 50 } : {};
    return { ...module(`m${i}`, needs, { env: odd % 7 === 0 ? { N: 'x'.repeat(odd) } : {} }), ...bad };
  }),
);

function* inParts(requestKey: string, whole: RunSpec, partBytes: number): Generator<Command> {
  const bytes = encodeSpec(whole);
  const parts = Math.ceil(bytes.length / partBytes);
  for (let part = 0; part < parts; part += 1) yield { type: 'submitPart', now: start + part, requestKey, part, parts, bytes: bytes.slice(part * partBytes, (part + 1) * partBytes) };
}

test('in one entry, in parts, with parts that come twice or not at all', () => {
  let taken = 0;
  let runs = 0;
  fc.assert(
    fc.property(fc.array(graphs, { minLength: 1, maxLength: 3 }), fc.integer({ min: 60, max: 4000 }), fc.nat(9), fc.integer({ min: 1, max: 300 }), (list, partBytes, odd, stepsPerSlice) => {
      const commands: Command[] = [genesis];
      for (const [i, modules] of list.entries()) {
        const run = spec(modules);
        const parts = [...inParts(`part-${i % 2}`, run, partBytes)];
        if (odd === 1) parts.splice(1, 1);
        if (odd === 2) parts.splice(1, 0, ...parts.slice(0, 2));
        if (odd === 3) parts.push(...parts.slice(-1));
        commands.push({ type: 'submit', now: start + i, requestKey: `whole-${i}`, spec: run }, ...parts);
      }
      if (odd === 4) commands.splice(1 + commands.length / 2, 0, { type: 'close', now: start, senior: cellName });
      if (odd === 5) commands.shift();
      const { state, slices } = compare(commands.map((command) => () => command), stepsPerSlice);
      taken += slices - commands.length;
      runs += state.runs.size;
    }),
    { numRuns: 80 },
  );
  assert.ok(taken > 1000 && runs > 100, `${taken} slices, ${runs} runs: too little happened`);
});

test('one module that needs thousands is looked at in many slices', () => {
  const modules = Array.from({ length: 3001 }, (_, i) => module(`m${i}`, i < 3000 ? [] : Array.from({ length: 3000 }, (_need, k) => k)));
  const submit: Command = { type: 'submit', now: start, requestKey: 'k', spec: spec(modules) };
  const { slices, state } = compare([() => genesis, () => submit], 500);
  assert.equal(state.runs.size, 1);
  // At least a step for each need in the check and in each of two walks along it.
  assert.ok(slices > (3 * 3000) / 500, `${slices} slices`);
});
