/** Goal: whatever happened, an explanation says that nothing keeps a module exactly when the reducer would grant its claim to some node, and somebody has its inputs. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import * as fc from 'fast-check';
import { apply } from '../../../src/core/cell/cell.ts';
import { claimProblem } from '../../../src/core/cell/claims.ts';
import { specOf } from '../../../src/core/cell/accessors.ts';
import { createCell, isFinal, isRunFinal, type CellState, type ModuleRecord } from '../../../src/core/cell/state.ts';
import { Explainer, type Explanation, type ReasonCode } from '../../../src/core/plan/explain.ts';
import { nodeId } from '../../../src/core/lib/ids.ts';
import { queueView } from '../../../src/runtime/queue-view.ts';
import { cellName, hooks, start } from '../cell/cells.ts';
import { RandomLog, steps } from '../cell/random-log.ts';

/** Reasons of modules that wait for others, of ready ones, and of neither. */
const kinds: { readonly [phase: string]: readonly ReasonCode[] } = {
  waiting: ['again', 'needs', 'barrier', 'queue-paused', 'run-paused', 'no-nodes', 'unfit', 'drained', 'silent', 'closed'],
  ready: ['again', 'inputs', 'retry', 'queue-paused', 'run-paused', 'parallel', 'limit', 'no-nodes', 'unfit', 'drained', 'silent', 'closed', 'full', 'soon'],
  claimed: ['executing'],
  expanded: ['items'],
  ended: ['ended'],
};

/** No node that has one of its inputs is there. */
function isAbsent(state: CellState, module: ModuleRecord): boolean {
  const { run } = module;
  const producersOf = (source: number): ModuleRecord[] => (run.expansions.has(source) ? run.modules.filter(({ template, item }) => template === source && item !== -1) : [run.modules[source]!]);
  const sources = (specOf(module).files?.inputs ?? []).flatMap((input) => ('param' in input ? [] : producersOf(input.module)));
  const source = module.item === -1 ? undefined : specOf(module).foreach?.source;
  if (source?.type === 'files') {
    let left = module.item;
    for (const producer of producersOf(source.module)) {
      const { count } = producer.outcome!.files![source.output]!;
      if (left >= 0 && left < count) sources.push(producer);
      left -= count;
    }
  }
  return sources.some(({ outcome, holders }) => outcome?.files !== undefined && !holders.some((node) => state.sessionOfNode.has(node)));
}

function check(state: CellState, seen: Set<ReasonCode>): void {
  const explainer = new Explainer(state);
  const sessions = [...state.sessions.values()];
  for (const run of state.runs.values()) {
    for (const module of run.modules) {
      const explained: Explanation = explainer.module(module);
      const codes = explained.reasons.map(({ code }) => code);
      for (const code of codes) {
        seen.add(code);
        assert.ok(kinds[isFinal(module.phase) ? 'ended' : module.phase]!.includes(code), `${code} of a module that is ${module.phase}`);
      }
      assert.ok(codes.length > 0 && new Set(codes).size >= codes.length - 2, 'there is a reason; only limits may be several');
      assert.equal(explained.summary, explainer.summary(module));
      if (module.phase !== 'ready') continue;
      const claimable = sessions.some((session) => claimProblem(state, module, session) === '');
      const absent = isAbsent(state, module);
      assert.equal(codes.includes('inputs'), absent, explained.summary);
      assert.equal(codes.includes('soon'), claimable && !absent, explained.summary);
      const free = explained.nodes.filter(({ verdict }) => verdict === 'room' || verdict === 'behind').length;
      assert.ok(!claimable || free > 0, 'some node has room');
      assert.equal(explained.nodes.length, sessions.length);
    }
    const groups = explainer.run(run);
    const ready = run.modules.filter(({ phase }) => phase === 'ready').length;
    assert.equal(groups.reduce((sum, { count }) => sum + count, 0), isRunFinal(run.phase) ? 0 : ready);
  }
  const { modules, priorities } = queueView(state, state.now);
  for (const phase of ['waiting', 'ready', 'claimed'] as const) assert.equal(priorities.reduce((sum, row) => sum + row[phase], 0), modules[phase]);
}

test('explanations agree with the rule for claims after every command of random logs', () => {
  const seen = new Set<ReasonCode>();
  fc.assert(
    fc.property(steps(100), (list) => {
      const state = createCell(hooks);
      apply(state, 1, { type: 'genesis', cellId: cellName, clusterName: 'test', createdAt: start, founder: nodeId('n0') });
      const log = new RandomLog(list.length % 2 === 0, list.length % 4 === 0);
      list.forEach((step, i) => {
        apply(state, i + 2, log.next(state, step));
        check(state, seen);
      });
    }),
    { numRuns: 100 },
  );
  for (const code of ['needs', 'barrier', 'retry', 'queue-paused', 'run-paused', 'parallel', 'limit', 'no-nodes', 'unfit', 'drained', 'full', 'soon', 'executing', 'ended'] as const) assert.ok(seen.has(code), `${code} was never said`);
});
