/** When there will be room: what runs leaves it, and those that wait already come first. */
import { strict as assert } from 'node:assert';
import test from 'node:test';
import * as fc from 'fast-check';
import { Backlog, remainingMs } from '../../../src/core/plan/backlog.ts';
import { nodeId, type NodeId } from '../../../src/core/lib/ids.ts';
import { knownSpeed } from '../../../src/core/plan/estimates.ts';
import { BYTES_PER_SECOND_UNKNOWN } from '../../../src/core/plan/limits.ts';
import { missingBytes, moveTimeMs, type InputPlaces } from '../../../src/core/plan/locality.ts';

const size = (cpu: number, memory = 0): { milliCpu: number; memory: number } => ({ milliCpu: cpu * 1000, memory });

test('a wait lasts until enough has ended', () => {
  const running = [{ inMs: 300, ...size(2, 10) }, { inMs: 100, ...size(1, 50) }];
  const cases: [cpu: number, memory: number, waitMs: number][] = [[1, 0, 0], [1, 5, 0], [2, 0, 100], [2, 60, 300], [1, 20, 100], [4, 0, 300], [5, 0, Infinity], [1, 100, Infinity]];
  for (const [cpu, memory, waitMs] of cases) assert.equal(new Backlog(size(1, 5), running).waitMs(size(cpu, memory)), waitMs, `${cpu} cpu, ${memory} bytes`);
});

test('what is over its time is waited for as long as it is late', () => {
  assert.deepEqual([0, 600, 1_000, 1_400, 5_000].map((now) => remainingMs(now, 0, 1_000)), [1_000, 400, 0, 400, 4_000]);
});

test('inputs take the bytes that are missing over what the node receives, after what it fetches already', () => {
  const [near, far, soon] = ['near', 'far', 'soon'].map((name) => nodeId(name)) as [NodeId, NodeId, NodeId];
  const places: InputPlaces = { totalBytes: 3_000, here: new Map([[near, 3_000], [soon, 2_000]]), thereAt: new Map([[soon, 50_500]]) };
  assert.deepEqual([near, far, soon].map((node) => missingBytes(places, node)), [0, 3_000, 1_000]);
  assert.deepEqual([near, far, soon].map((node) => moveTimeMs(places, node, 1_000, 50_000)), [0, 3_000, 1_500]);
  assert.equal(moveTimeMs(places, soon, 1_000, 60_000), 1_000, 'it is there by now');
  assert.deepEqual([0, 5].map(knownSpeed), [BYTES_PER_SECOND_UNKNOWN, 5]);
});

interface Job {
  readonly from: number;
  readonly to: number;
  readonly cpu: number;
}

/** The same, looked at moment by moment. */
function slowWait(slots: number, jobs: readonly Job[], queued: readonly Job[], cpu: number): number {
  const fromMs = Math.max(0, ...queued.map(({ from }) => from));
  const all = [...jobs, ...queued];
  const moments = [fromMs, ...all.map(({ to }) => to).filter((to) => to > fromMs)].sort((a, b) => a - b);
  return moments.find((at) => cpu <= slots - all.filter(({ to }) => to > at).reduce((sum, job) => sum + job.cpu, 0)) ?? Infinity;
}

test('the same as looking at each moment, whoever begins and queues', () => {
  const job = fc.record({ cpu: fc.integer({ min: 1, max: 4 }), lastsMs: fc.integer({ min: 1, max: 50 }), now: fc.boolean() });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.array(job, { maxLength: 12 }), fc.integer({ min: 1, max: 9 }), (slots, list, asked) => {
      const jobs: Job[] = [];
      const queued: Job[] = [];
      const backlog = new Backlog(size(slots), []);
      for (const { cpu, lastsMs, now } of list) {
        const waitMs = slowWait(slots, jobs, queued, cpu);
        assert.equal(backlog.waitMs(size(cpu)), waitMs);
        if (waitMs === Infinity) continue;
        const free = slots - jobs.reduce((sum, other) => sum + other.cpu, 0);
        if (now && queued.length === 0 && cpu <= free) {
          backlog.begin(size(cpu), lastsMs);
          jobs.push({ from: 0, to: lastsMs, cpu });
        } else {
          backlog.queue(size(cpu), waitMs, lastsMs);
          queued.push({ from: waitMs, to: waitMs + lastsMs, cpu });
        }
      }
      assert.equal(backlog.waitMs(size(asked)), slowWait(slots, jobs, queued, asked));
    }),
  );
});
