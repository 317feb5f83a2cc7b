/** A follower is told the truth in any order, twice, and from a node that lags: it reports each change once. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { RunTracker } from '../../src/cli/tracker.ts';
import { presentEvent, presentRun, type RunEventJson } from '../../src/io/http/views.ts';
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
