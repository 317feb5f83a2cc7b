import { strict as assert } from 'node:assert';
import test from 'node:test';
import * as fc from 'fast-check';
import { apply } from '../../../src/core/cell/cell.ts';
import { inputsHashOf } from '../../../src/core/cell/inputs.ts';
import { createCell, isRunFinal, moduleAt, type CellState } from '../../../src/core/cell/state.ts';
import type { Command, Reply } from '../../../src/core/cell/types.ts';
import { fenceOf, nodeId } from '../../../src/core/lib/ids.ts';
import { cellName, hooks, start } from './cells.ts';
import { Oracle } from './oracle.ts';
import { RandomLog, steps, type Step } from './random-log.ts';

interface Before {
  readonly hashes: string[];
  readonly live: boolean;
  readonly notBefore: number[];
}

/** What the oracle needs from the state as it was before the command. */
function look(state: CellState, command: Command): Before {
  const items = command.type === 'results' ? command.items : [];
  const claims = command.type === 'claimBatch' ? command.claims : [];
  const run = command.type === 'cancel' ? state.runs.get(command.run) : undefined;
  return {
    hashes: items.map((item) => inputsHashOf(state, item.run, item.module)),
    live: run !== undefined && !isRunFinal(run.phase),
    notBefore: claims.map((claim) => moduleAt(state, claim.run, claim.module)?.notBefore ?? 0),
  };
}

function compare(oracle: Oracle, state: CellState, index: number, command: Command, reply: Reply, before: Before): void {
  if (reply.type === 'error') return;
  switch (command.type) {
    case 'submit':
      if (reply.type === 'run' && !reply.duplicate) oracle.submitted(reply.run, command.spec);
      return;
    case 'sessionOpen':
      return oracle.opened(index, command);
    case 'sessionExpire':
      return oracle.expired(command.session, command.reason);
    case 'claimBatch': {
      assert.ok(reply.type === 'claims');
      for (const [position, claim] of command.claims.entries()) {
        const granted = oracle.grants(claim.run, claim.module, claim.session, before.notBefore[position]!, state.now);
        assert.equal(reply.fences[position], granted ? fenceOf(index, position) : 0, `claim ${position}`);
        if (granted) oracle.claimed(claim.run, claim.module, claim.session, fenceOf(index, position));
      }
      return;
    }
    case 'results': {
      assert.ok(reply.type === 'results');
      const verdicts = command.items.map((item, i) => oracle.result(item, before.hashes[i]!, 'big' in item.outcome.values));
      return assert.deepEqual(reply.verdicts, verdicts);
    }
    case 'release':
      return oracle.released(command);
    case 'cancel':
      return oracle.cancelled(command.run);
    case 'nodeDrain':
      return oracle.drain(command.node, command.on);
    case 'retire':
      for (const run of command.runs) if (!state.runs.has(run)) oracle.runs.delete(run);
      return;
    case 'genesis':
    case 'submitPart':
    case 'close':
  }
}

test('claims and results follow the rules of a slow obvious model, command by command', () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(steps(150), (list: readonly Step[]) => {
      const state = createCell(hooks);
      apply(state, 1, { type: 'genesis', cellId: cellName, clusterName: 'test', createdAt: start, founder: nodeId('a') });
      const oracle = new Oracle();
      const log = new RandomLog();
      list.forEach((step, i) => {
        const command = log.next(state, step);
        const before = look(state, command);
        const { reply, events } = apply(state, i + 2, command);
        compare(oracle, state, i + 2, command, reply, before);
        for (const event of events) if (event.type === 'claimEnded') seen.set(event.why, (seen.get(event.why) ?? 0) + 1);
        for (const run of state.runs.values()) {
          for (const module of run.modules) {
            const model = oracle.module(run.number, module.index)!;
            const where = `run ${run.number} module ${module.index} after ${JSON.stringify(command)}`;
            assert.equal(module.phase, oracle.phase(run.number, model), where);
            assert.deepEqual([module.failures, module.losses], [model.failures, model.losses], where);
            assert.equal(module.session, oracle.live(model)?.session ?? 0, where);
          }
        }
        assert.deepEqual([...oracle.runs.keys()], [...state.runs.keys()]);
      });
    }),
    { numRuns: 300 },
  );
  // The random logs are worth something only if they reach the rare rules.
  for (const why of ['cancelled', 'superseded', 'timeout', 'released']) assert.ok((seen.get(why) ?? 0) > 0, `no claim was ${why}`);
});
