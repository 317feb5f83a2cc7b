/** What must hold after every command (PROTOCOL §9), computed the slow way from the records. */
import { strict as assert } from 'node:assert';
import { specOf } from '../../../src/core/cell/accessors.ts';
import { isHedgeable } from '../../../src/core/cell/hedges.ts';
import { limitsOf } from '../../../src/core/cell/seats.ts';
import { isFinal, isRunFinal, modulePhases, type CellState, type ModuleRecord } from '../../../src/core/cell/state.ts';
import type { ModulePhase } from '../../../src/core/cell/types.ts';

interface Seen {
  phase: ModulePhase;
  fence: number;
  acceptedFence: number;
  generation: number;
}

export class Invariants {
  private readonly seen = new Map<string, Seen>();
  private readonly issued = new Map<number, string>();
  private now = 0;

  check(state: CellState): void {
    assert.ok(state.now >= this.now, 'time never goes back');
    this.now = state.now;
    this.checkSessions(state);
    const byKey = new Map<string, number>();
    for (const run of state.runs.values()) {
      for (const module of run.modules) this.checkModule(state, module);
      const open = run.modules.filter((module) => !isFinal(module.phase)).length;
      assert.equal(isRunFinal(run.phase), open === 0, 'a run is final when all its modules are');
      assert.equal(isRunFinal(run.phase), state.finished.has(run.number));
      assert.equal(isRunFinal(run.phase), run.finishedAt !== 0);
      assert.equal(run.milliCpuUsed, run.modules.reduce((sum, module) => sum + (module.session === 0 ? 0 : module.hedge === null ? 1 : 2) * module.requirement.milliCpu, 0));
      assert.equal(run.hedges, run.modules.filter((module) => module.hedge !== null).length);
      assert.equal(run.phase === 'paused', run.paused !== null);
      assert.equal(run.waves !== null, run.spec.policy?.barrier === 'wave' && !run.summary);
      for (const [i, phase] of modulePhases.entries()) assert.equal(run.counts[i], run.modules.filter((module) => module.phase === phase).length);
      if (run.phase === 'succeeded') assert.ok(run.modules.every((module) => module.phase === 'succeeded'));
      if (run.phase === 'cancelled' || run.phase === 'failed') continue;
      // S21
      assert.ok(!byKey.has(run.requestKey), `S21: ${run.requestKey} has two runs that are live or succeeded`);
      byKey.set(run.requestKey, run.number);
    }
    this.checkSeats(state);
    const live = [...state.runs.values()].filter((run) => !isRunFinal(run.phase));
    assert.equal(state.liveModules, live.reduce((sum, run) => sum + run.modules.length, 0));
    assert.equal(state.finishedModules, [...state.finished.values()].reduce((sum, run) => sum + run.modules.length, 0));
  }

  private checkSessions(state: CellState): void {
    assert.equal(state.sessions.size, state.sessionOfNode.size, 'one session per node');
    for (const session of state.sessions.values()) {
      const held = [...state.runs.values()].flatMap((run) => run.modules.filter((module) => module.session === session.id || module.hedge?.session === session.id));
      assert.deepEqual(new Set(session.claims.values()), new Set(held));
      assert.equal(session.milliCpuUsed, held.reduce((sum, module) => sum + module.requirement.milliCpu, 0));
      assert.equal(session.memoryUsed, held.reduce((sum, module) => sum + module.requirement.memory, 0));
      for (const [fence, module] of session.claims) assert.equal(fence, module.session === session.id ? module.fence : module.hedge?.fence);
    }
  }

  /** A key is held by live claims and by those that were told to stop, and by nobody else. */
  private checkSeats(state: CellState): void {
    const expected = new Map<string, number[]>();
    const hold = (key: string, fence: number): unknown => expected.set(key, [...(expected.get(key) ?? []), fence]);
    for (const run of state.runs.values()) {
      for (const module of run.modules) {
        const { session, fence, hedge } = module;
        if (session === 0) continue;
        assert.ok(!state.ending.has(fence), 'a live claim was not told to stop');
        for (const { key } of limitsOf(module)) {
          hold(key, fence);
          if (hedge !== null) hold(key, hedge.fence);
        }
      }
    }
    for (const { session, fence, keys } of state.ending.values()) {
      assert.ok(state.sessions.has(session), 'nothing is executed for a session that has ended');
      for (const key of keys) hold(key, fence);
    }
    const found = new Map([...state.seats].map(([key, seats]) => [key, [...seats.keys()]]));
    assert.deepEqual([...found.keys()].toSorted(), [...expected.keys()].toSorted());
    for (const [key, fences] of expected) assert.deepEqual(new Set(found.get(key)), new Set(fences), `holders of ${key}`);
  }

  /** A module with `foreach` is open while one of its items is. */
  private checkExpansion({ run, index, phase, session, fence }: ModuleRecord): void {
    assert.ok(session === 0 && fence === 0, 'only items are claimed');
    const expansion = run.expansions.get(index);
    assert.equal(phase === 'expanded' || phase === 'succeeded', expansion !== undefined && phase !== 'failed' && phase !== 'cancelled' && phase !== 'skipped');
    if (expansion === undefined) return;
    const items = run.modules.filter(({ template, item }) => template === index && item !== -1);
    assert.deepEqual(items.map((item) => [item.index, item.item]), items.map((_, at) => [expansion.first + at, at]));
    assert.equal(items.length, expansion.count);
    assert.equal(expansion.open, items.filter((item) => !isFinal(item.phase)).length);
    assert.equal(expansion.claimed, items.filter((item) => item.phase === 'claimed').length);
    assert.equal(expansion.failed, items.filter((item) => item.phase === 'failed').length);
    assert.equal(phase === 'expanded', expansion.open > 0, 'it ends with its last item');
  }

  private checkModule(state: CellState, module: ModuleRecord): void {
    const { run, index, item } = module;
    const key = `${run.number}/${index}`;
    const before = this.seen.get(key);
    // S16
    assert.equal(module.phase === 'claimed', module.session !== 0, 'S16: claimed, and by one session');
    // S16: two only where a second copy is asked for, by another node.
    if (module.hedge !== null) {
      assert.ok(module.hedged && module.phase === 'claimed' && isHedgeable(module) && module.hedge.nodeId !== module.nodeId && module.hedge.fence > module.fence);
      assert.equal(state.sessions.get(module.hedge.session)?.nodeId, module.hedge.nodeId);
    }
    if (module.session !== 0) assert.equal(state.sessions.get(module.session)?.nodeId, module.nodeId);
    assert.ok(module.fence >= (before?.fence ?? 0), 'S16: fences rise');
    if (module.fence !== 0) {
      assert.equal(this.issued.get(module.fence) ?? key, key, 'S16: a fence belongs to one module');
      this.issued.set(module.fence, key);
    }
    // S18
    if (before !== undefined) {
      assert.ok(module.generation === before.generation || (module.generation === before.generation + 1 && before.phase === 'succeeded' && module.staleFence === before.fence), 'S18: only what succeeded has another generation');
    }
    if (before !== undefined && isFinal(before.phase) && before.generation === module.generation) {
      assert.equal(module.phase, before.phase, 'S18: final stays final');
      assert.equal(module.acceptedFence, before.acceptedFence, 'S18: the first record stands');
    }
    // S19
    const needs = specOf(module).needs;
    assert.equal(item === -1, index === module.template);
    if (item === -1 && specOf(module).foreach !== undefined) this.checkExpansion(module);
    const parents = needs.map((need) => run.modules[need]!);
    const done = parents.filter((parent) => parent.phase === 'succeeded').length;
    if (item === -1) assert.equal(module.waitingOn, parents.length - done);
    // What has begun goes on when something that it needs is made again.
    const begun = module.phase === 'ready' || parents.every(({ generation }) => generation === 1);
    if (begun && ['ready', 'claimed', 'expanded', 'succeeded', 'failed'].includes(module.phase)) assert.equal(done, parents.length, 'S19: parents first');
    // S22
    if (run.phase === 'cancelled') assert.ok(isFinal(module.phase) && module.session === 0, 'S22: nothing is claimed after Cancel');
    this.seen.set(key, { phase: module.phase, fence: module.fence, acceptedFence: module.acceptedFence, generation: module.generation });
  }
}
