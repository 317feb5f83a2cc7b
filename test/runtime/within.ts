/** Waiting for promises of nodes that live on virtual time. */
import assert from 'node:assert/strict';
import type { Cluster } from '../../sim/cluster.ts';

/** Virtual time goes on until the promise is settled. */
export async function within<T>(cluster: Cluster, promise: Promise<T>, ms = 60_000): Promise<T> {
  const state = { settled: false };
  const settle = (): void => void (state.settled = true);
  promise.then(settle, settle);
  for (let at = 0; at < ms && !state.settled; at += 20) {
    cluster.run(20);
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  }
  assert.ok(state.settled, `not settled within ${ms} virtual ms`);
  return promise;
}
