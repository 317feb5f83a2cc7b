/** A follower is told the truth in any order, twice, and from a node that lags: it reports each change once. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { RunTracker } from '../../src/cli/tracker.ts';
import { presentEvent, presentRun, type ModuleJson, type RunEventJson, type RunJson } from '../../src/io/http/views.ts';
import { FakeNode, fakeSpec } from '../support/fake-node.ts';

async function finishedRun() {
  const api = new FakeNode();
  const { runId } = await api.submit(fakeSpec());
  const first = presentRun(await api.run(runId));
  api.module(runId, 'FetchData', 'claimed', { node: 'node1', attempt: 1, fence: 1 });
  api.module(runId, 'FetchData', 'ready', { note: 'lost' });
  api.play(runId);
  return { first, last: presentRun(await api.run(runId)), events: api.events.map(presentEvent) };
}

test('each change is reported once, in order', async () => {
  const { first, last, events } = await finishedRun();
  const tracker = new RunTracker(first);
  assert.deepEqual(tracker.counts, { total: 4, running: 0, done: 0, ready: 2, waiting: 2 });
  const told = events.flatMap((event) => tracker.apply(event) ?? []).map(({ module }) => `${module.name} ${module.phase}`);
  assert.equal(told.length, 10);
  assert.deepEqual(told.slice(0, 4), ['FetchData claimed', 'FetchData ready', 'FetchData claimed', 'FetchData succeeded']);
  assert.deepEqual(tracker.counts, { total: 4, running: 0, done: 4, ready: 0, waiting: 0 });
  assert.deepEqual(tracker.reconcile(last), []);
});

test('events that come again, or late from a node that lags, change nothing', async () => {
  const { first, last, events } = await finishedRun();
  fc.assert(
    fc.property(fc.array(fc.nat(events.length - 1), { maxLength: 40 }), (again) => {
      const tracker = new RunTracker(first);
      const told: string[] = [];
      const give = (event: RunEventJson | undefined): void => {
        const change = event && tracker.apply(event);
        if (change !== undefined) told.push(`${change.module.name} ${change.module.phase} ${change.module.fence}`);
      };
      // What was seen so far is given again at any point.
      for (const [i, event] of events.entries()) {
        give(event);
        for (const back of again.slice(i, i + 3)) if (back < i) give(events[back]);
      }
      assert.equal(told.length, 10);
      const { total, running, done, ready, waiting } = tracker.counts;
      assert.equal(running + done + ready + waiting, total);
      assert.deepEqual(tracker.reconcile(last), []);
    }),
  );
});

test('a present state under one and the same sequence is taken', async () => {
  const { first, events, last } = await finishedRun();
  const tracker = new RunTracker(first);
  tracker.apply(events[2] as RunEventJson);
  const present = last.moduleList.map((module): RunEventJson => ({ ...(events[2] as RunEventJson), sequence: 99, type: 'module', module: module.name, phase: module.phase, fence: module.fence, attempt: module.attempt }));
  assert.equal(present.flatMap((event) => tracker.apply(event) ?? []).length, 4);
  assert.equal(present.flatMap((event) => tracker.apply(event) ?? []).length, 0);
});

test('events of modules that the run does not have are ignored', async () => {
  const { first, events } = await finishedRun();
  const tracker = new RunTracker(first);
  assert.equal(tracker.apply({ ...(events[1] as RunEventJson), type: 'module', module: '__proto__' }), undefined);
});

test('items are counted in place of their module, from the event that brings them, or from the view', () => {
  const { runId, ...common } = { runId: 'r', sequence: 1, at: null, runName: 'wide', node: '', attempt: 0, fence: 0, durationMs: 0, note: '', items: null, printed: false };
  const event = (sequence: number, module: string, phase: RunEventJson['phase'], more: Partial<RunEventJson> = {}): RunEventJson => ({ ...common, runId, sequence, type: 'module', module, phase, ...more });
  const view = (modules: readonly Partial<ModuleJson>[]): RunJson => ({ runId, submittedAt: null, finishedAt: null, moduleList: modules.map((module) => ({ needs: [], item: null, items: null, startedAt: null, ...module })) }) as unknown as RunJson;
  const tracker = new RunTracker(view([{ name: 'a' }, { name: 'b', needs: ['a'] }, { name: 'b[0]', item: { of: 'b', index: 0 } }]));
  assert.deepEqual(tracker.counts, { total: 2, running: 0, done: 0, ready: 1, waiting: 1 });
  const told = [event(2, 'a', 'succeeded'), event(3, 'b', 'running', { items: 2 }), event(3, 'b', 'running', { items: 2 }), event(4, 'b[1]', 'running', { attempt: 1, fence: 7 })].flatMap((one) => tracker.apply(one) ?? []);
  assert.deepEqual(told.map(({ module }) => `${module.name} ${module.phase}`), ['a succeeded', 'b running', 'b[1] running']);
  assert.deepEqual(tracker.counts, { total: 3, running: 1, done: 1, ready: 1, waiting: 0 });
  const late = new RunTracker(view([{ name: 'a' }, { name: 'b', needs: ['a'] }]));
  const all = [{ name: 'a', phase: 'succeeded' as const }, { name: 'b', phase: 'failed' as const, items: 2 }, { name: 'b[0]', item: { of: 'b', index: 0 }, phase: 'failed' as const }, { name: 'b[1]', item: { of: 'b', index: 1 }, phase: 'cancelled' as const }];
  assert.deepEqual(late.reconcile(view(all)).map(({ module }) => `${module.name} ${module.phase}`), ['a succeeded', 'b failed', 'b[0] failed', 'b[1] cancelled']);
  assert.deepEqual(late.counts, { total: 3, running: 0, done: 3, ready: 0, waiting: 0 });
  tracker.heard({ runId, etaMs: null, modules: [{ module: 'b[1]', fraction: 0.5, message: '', etaMs: null }, { module: 'b[0]', fraction: 1, message: 'does not run yet', etaMs: null }] });
  assert.deepEqual([tracker.share, late.share], [0.5, 1]);
});
