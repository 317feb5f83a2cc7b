/** Plays a random log on the reducer and on the slow model, and compares them after every command. */
import { strict as assert } from 'node:assert';
import { apply } from '../../../src/core/cell/cell.ts';
import { isOwnKey } from '../../../src/core/cell/foreach.ts';
import { inputsHashOf } from '../../../src/core/cell/inputs.ts';
import { createCell, isRunFinal, moduleAt, type CellState } from '../../../src/core/cell/state.ts';
import type { CellEvent, Command, Reply } from '../../../src/core/cell/types.ts';
import { fenceOf, nodeId } from '../../../src/core/lib/ids.ts';
import { cellName, hooks, start } from './cells.ts';
import { Oracle } from './oracle.ts';
import { RandomLog, type Step } from './random-log.ts';

interface Before {
  readonly hashes: string[];
  readonly live: boolean;
  readonly notBefore: number[];
  /** Runs that have ended. */
  readonly final: ReadonlySet<number>;
}

/** What the oracle needs from the state as it was before the command. */
function look(state: CellState, command: Command): Before {
  const items = command.type === 'results' ? command.items : [];
  const claims = command.type === 'claimBatch' ? command.claims : [];
  const run = command.type === 'cancel' ? state.runs.get(command.run) : undefined;
  return {
    hashes: items.map((item) => inputsHashOf(state, item.run, item.module)),
    live: run !== undefined && !isRunFinal(run.phase),
    final: new Set(state.finished.keys()),
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
    case 'hedgeBatch': {
      assert.ok(reply.type === 'claims');
      for (const [position, claim] of command.claims.entries()) {
        const granted = oracle.grantsCopy(claim.run, claim.module, claim.session);
        assert.equal(reply.fences[position], granted ? fenceOf(index, position) : 0, `second copy ${position}`);
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
      for (const run of command.runs) if (!state.runs.has(run) && oracle.runs.has(run)) oracle.retired(run);
      return;
    case 'runPause':
      return oracle.paused(command.run, command.on);
    case 'queuePause':
      return oracle.pausedAll(command.on);
    case 'holders':
      for (const { run, module, generation, node, on } of command.items) oracle.holder(run, module, generation, node, on);
      return;
    case 'invalidate':
      for (const { run, module, generation } of command.items) oracle.invalidated(run, module, generation, before.final.has(run) || oracle.hasEnded(run));
      return;
    // The random log has none of these; cache.test.ts has.
    case 'checkpoint':
    case 'reuse':
    case 'rerun':
    case 'genesis':
    case 'submitPart':
    case 'close':
  }
}

/** Of plain values. All modules are compared after every command, so the message is made for those that differ. */
function sameValues(actual: readonly unknown[], expected: readonly unknown[], where: () => string): void {
  if (actual.length !== expected.length || actual.some((value, at) => value !== expected[at])) assert.deepEqual(actual, expected, where());
}

function sameRuns(oracle: Oracle, state: CellState, command: Command): void {
  for (const run of state.runs.values()) {
    for (const module of run.modules) {
      const model = oracle.module(run.number, module.index)!;
      const where = (): string => `run ${run.number} module ${module.index} after ${JSON.stringify(command)}`;
      const live = oracle.live(model);
      const copy = oracle.copy(model);
      sameValues([module.phase, module.failures, module.losses, module.generation, module.inputsMissed], [oracle.phase(run.number, model), model.failures, model.losses, model.generation, model.inputsMissed], where);
      sameValues(module.holders, model.holders, where);
      sameValues([module.session, live === undefined ? 0 : module.fence], [live?.session ?? 0, live?.fence ?? 0], where);
      sameValues([module.hedge?.session, module.hedge?.fence, module.hedge?.nodeId], [copy?.session, copy?.fence, copy?.node], where);
    }
    if (!isRunFinal(run.phase)) assert.equal(run.phase, oracle.runPhase(run.number));
  }
  for (const run of state.runs.values()) assert.equal(run.modules.length, oracle.runs.get(run.number)!.length);
  assert.deepEqual([...oracle.runs.keys()], [...state.runs.keys()]);
  assert.deepEqual(new Map([...state.seats].filter(([key]) => !isOwnKey(key)).map(([key, seats]) => [key, seats.size])), oracle.held(), `seats after ${JSON.stringify(command)}`);
}

/** @throws AssertionError where the two differ. @param seen hears of all events. */
export function followLog(list: readonly Step[], { policies, files = false, mutants }: { readonly policies: boolean; readonly files?: boolean; readonly mutants?: ReadonlySet<string> }, seen: (event: CellEvent) => void = () => undefined): void {
  const state = createCell({ ...hooks, ...(mutants === undefined ? {} : { mutants }) });
  apply(state, 1, { type: 'genesis', cellId: cellName, clusterName: 'test', createdAt: start, founder: nodeId('a') });
  const oracle = new Oracle();
  const log = new RandomLog(policies, files);
  for (const [i, step] of list.entries()) {
    const command = log.next(state, step);
    const before = look(state, command);
    const { reply, events } = apply(state, i + 2, command);
    compare(oracle, state, i + 2, command, reply, before);
    for (const event of events) seen(event);
    const stopped = events.flatMap((event) => (event.type === 'claimEnded' ? [event.fence] : []));
    assert.deepEqual(new Set(stopped), new Set(oracle.takeTold()), `told to stop by ${JSON.stringify(command)}`);
    sameRuns(oracle, state, command);
  }
}
