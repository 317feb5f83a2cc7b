/** Goal: `pipeline plan --cluster` says where each module would go on the nodes that there are, from what the last run of that name left. */
import assert from 'node:assert/strict';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import type { FilesRef } from '../../src/core/cell/types.ts';
import type { Cid } from '../../src/core/lib/ids.ts';
import type { ClusterPlan } from '../../src/cli/plan-cluster.ts';
import { fakeSpec } from '../support/fake-node.ts';
import { TestBed } from './harness.ts';

const MIB = 1024 * 1024;
const file = (size: number): FilesRef => ({ kind: 'file', cid: `c${size}` as Cid, name: 'f', size, count: 1 });

const film = `name: film
params: { src: { type: file } }
modules:
  split:
    run: ./split.sh
    inputs: { SRC: "\${{ params.src }}" }
    outputs: { parts: "*.mkv" }
  encode:
    needs: [split]
    run: ./encode.sh
    inputs: { PARTS: "\${{ needs.split.outputs.parts }}" }
    outputs: { film: film.mkv }
  check:
    needs: [encode]
    requires: { labels: [gpu] }
    run: ./check.sh
    duration: 5s
    inputs: { FILM: "\${{ needs.encode.outputs.film }}" }
  note: { run: ./note.sh }
`;

async function filmBed(t: test.TestContext, earlier: boolean): Promise<TestBed> {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  writeFileSync(join(bed.home, 'film.yaml'), film);
  writeFileSync(join(bed.home, 'src.mkv'), '');
  truncateSync(join(bed.home, 'src.mkv'), 10 * MIB);
  if (!earlier) return bed;
  const { runId } = await api.submit(fakeSpec({ split: [], encode: ['split'], check: ['encode'], note: [] }, 'film'));
  api.module(runId, 'split', 'succeeded', { durationMs: 20_000, files: { parts: file(500 * MIB) } });
  api.module(runId, 'encode', 'succeeded', { durationMs: 60_000, files: { film: file(100 * MIB) } });
  api.module(runId, 'check', 'succeeded', { durationMs: 1_000 });
  api.finish(runId, 'succeeded');
  return bed;
}

const planned = ['pipeline', 'plan', 'film.yaml', '--cluster', '-p', 'src=src.mkv'];

test('where each module goes, what comes first, how long it takes', async (t) => {
  const bed = await filmBed(t, true);
  const { stdout, code, stderr } = await bed.run(planned);
  assert.equal(code, 0, stderr);
  const text = stdout.split('\n');
  // Node 2, which has the gpu, receives 1 MiB a second, node 3 two, and nobody knows of node 1: it is taken for a fast one.
  assert.deepEqual(text.slice(text.findIndex((line) => line.startsWith('On '))), [
    'On 3 nodes with 12 cpu slots, as if nothing else ran: 3 min expected; times that are not declared, and sizes of files, as in run 7f01',
    '',
    'MODULE   NODE    START   TO MOVE   MOVE    PREDICTED',
    'split    node1   0 s     10 MiB    0.1 s   20 s',
    'encode   node1   20 s    0 bytes   0 s     60 s',
    'check    node2   80 s    100 MiB   100 s   5.0 s',
    'note     node2   0 s     0 bytes   0 s     28 s (average)',
    '',
  ]);
  const { cluster } = JSON.parse((await bed.run([...planned, '--json'])).stdout) as { cluster: ClusterPlan };
  assert.deepEqual([cluster.makespanMs, cluster.unplaced, cluster.nodes.map(({ bytesPerSecond }) => bytesPerSecond / MIB)], [185_100, [], [100, 1, 2]]);
  assert.deepEqual(cluster.modules[2], { module: 'check', node: 'node2', startMs: 80_100, inputBytes: 100 * MIB, unknownInputs: 0, bytesToMove: 100 * MIB, moveMs: 100_000, predictedMs: 5_000, predicted: 'declared' });
});

test('without an earlier run only what comes with the run is known, and says so', async (t) => {
  const bed = await filmBed(t, false);
  const { stdout } = await bed.run(planned);
  assert.match(stdout, /no earlier run of this name tells how long modules take and what they leave$/m);
  assert.match(stdout, /^split +node1 +0 s +10 MiB +0.1 s +5.0 s \(average\)$/m);
  assert.match(stdout, /^encode +node1 +5.1 s +unknown /m);
  const { cluster } = JSON.parse((await bed.run([...planned, '--json'])).stdout) as { cluster: ClusterPlan };
  assert.deepEqual([cluster.earlierRun, cluster.modules.map(({ unknownInputs }) => unknownInputs)], [null, [0, 1, 1, 0]]);
});

test('it goes with no workers, and needs a node', async (t) => {
  const bed = await filmBed(t, false);
  const both = await bed.run([...planned, '--workers', '3']);
  assert.deepEqual([both.code, /--cluster takes the nodes that there are/.test(both.stderr)], [2, true]);
  const alone = new TestBed(t);
  writeFileSync(join(alone.home, 'film.yaml'), film);
  writeFileSync(join(alone.home, 'src.mkv'), 'x');
  assert.equal((await alone.run(planned)).code, 3);
});
