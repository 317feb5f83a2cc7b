/** T1, L8 and L10: what uniform random faults cannot tell from bad luck. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { failoverMs, transferMs } from '../../sim/scenarios/failover.ts';
import { brokenLinkChanges, quietChanges, singleLinks } from '../../sim/scenarios/stability.ts';

const seeds = Array.from({ length: 6 }, (_, i) => `timing-${i}`);

/** Two votes and a term have to be synced while leadership is handed over. */
const SYNCS_MS = 5;

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
}

test('T1: after a crash of the leader the next claim is committed within 500 ms', (t) => {
  const times = seeds.map((seed) => failoverMs({ seed, nodes: 3 }, 'process'));
  t.diagnostic(`crash of the leader to next claim, virtual ms: p50 ${Math.round(quantile(times, 0.5))}, worst ${Math.round(quantile(times, 1))}`);
  assert.ok(Math.max(...times) <= 500, times.map(Math.round).join());
});

test('a silent loss of the leader costs an election timeout, not more', (t) => {
  const times = seeds.map((seed) => failoverMs({ seed, nodes: 3 }, 'pause'));
  t.diagnostic(`silent loss of the leader to next claim, virtual ms: p50 ${Math.round(quantile(times, 0.5))}, worst ${Math.round(quantile(times, 1))}`);
  assert.ok(Math.max(...times) <= 2500, times.map(Math.round).join());
});

test('T1: leadership is handed over within two round trips', () => {
  const roundTripMs = 20;
  const network = { delayMinMs: roundTripMs / 2, delayJitterMs: 0.001 };
  for (const seed of seeds.slice(0, 4)) {
    // Half of one for TimeoutNow, which travels right behind the last entries, and one for the votes.
    for (const busy of [false, true]) assert.ok(transferMs({ seed, network }, busy).electedMs <= 1.5 * roundTripMs + SYNCS_MS);
  }
});

test('L8: ten quiet minutes bring no election and no change of members', () => {
  assert.deepEqual(quietChanges({ seed: 'quiet' }, 600_000), { elections: 0, configChanges: 0, terms: 0 });
});

for (const { name, pick } of singleLinks()) {
  test(`L10: one broken link changes no leader: ${name}`, () => {
    const { elections, terms } = brokenLinkChanges({ seed: 'links' }, pick, 30_000);
    assert.deepEqual({ elections, terms }, { elections: 0, terms: 0 });
  });
}
