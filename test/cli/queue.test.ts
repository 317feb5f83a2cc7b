/** Goal: what the verbs about the queue, pauses and waiting modules print, and how they end. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { fakeSpec } from '../support/fake-node.ts';
import { TestBed } from './harness.ts';

test('runs pause and resume: once, again, and after the end', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const { runId } = await api.submit(fakeSpec());
  const paused = await bed.run(['runs', 'pause', '7f01', '--reason', 'disk is full']);
  assert.deepEqual(paused, { code: 0, stdout: 'run 7f01 four-modules is paused: nothing new of it is executed, what is under way goes on\n', stderr: '' });
  assert.match((await bed.run(['runs', 'pause', '7f01'])).stdout, /^run 7f01 four-modules is paused already, for 60s \(disk is full\): /);
  assert.match((await bed.run(['runs', 'view', '7f01'])).stdout, /^paused for 60s \(disk is full\)$/m);
  assert.match((await bed.run(['ps', '-o', 'wide'])).stdout, /PRIORITY .*REASON\n7f01 .* paused .* 5 .*disk is full/);
  assert.equal((await bed.run(['runs', 'resume', '7f01', '-o', 'name'])).stdout, `${runId}\n`);
  assert.equal((await bed.run(['runs', 'resume', '7f01'])).stdout, 'run 7f01 four-modules was not paused\n');
  assert.equal((JSON.parse((await bed.run(['runs', 'pause', '7f01', '-o', 'json'])).stdout) as { changed: boolean }).changed, true);
  assert.equal((await bed.run(['runs', 'resume', '7f01'])).stdout, 'run 7f01 four-modules goes on\n');
  api.finish(runId, 'succeeded');
  const late = await bed.run(['runs', 'pause', '7f01']);
  assert.equal(late.code, 6);
  assert.match(late.stderr, /^error RUN_FINAL: /);
  assert.equal((await bed.run(['runs', 'pause', 'zz'])).code, 2);
});

test('runs rerun: detached, followed, refused', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const { runId } = await api.submit(fakeSpec());
  const early = await bed.run(['runs', 'rerun', '7f01']);
  assert.equal(early.code, 6);
  assert.match(early.stderr, /^error RUN_LIVE: .*has not ended yet\n.*skein runs wait RUN/s);
  api.finish(runId, 'failed');
  const again = await bed.run(['runs', 'rerun', '7f01', '--failed', '-d', '--request-key', 'once']);
  assert.deepEqual([again.code, again.stdout], [0, `${runId.replace('7f01', '7f02')}\n`]);
  assert.match((await bed.run(['runs', 'rerun', '7f01', '-d', '--request-key', 'once'])).stderr, /^Submitted before\. Watch it: skein runs watch 7f02$/m);
  assert.equal((await api.run('7f02')).rerunOf, runId);
  api.finish('7f02', 'succeeded');
  assert.equal((await bed.run(['runs', 'rerun', '7f02', '--failed'])).code, 6);
  const followed = bed.start(['runs', 'rerun', '7f02']);
  await followed.saw(/^run 7f03 four-modules: 4 modules$/m);
  api.finish('7f03', 'succeeded');
  assert.equal((await followed.done).code, 0);
  assert.equal((await bed.run(['runs', 'rerun', 'zz'])).code, 2);
});

test('queue: stats, pause and resume; status says that it is paused', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  assert.equal((await bed.run(['queue'])).stdout, 'Queue:   running\nRuns:    0 live\nModules: 0 running, 0 ready, 0 waiting for others\nSlots:   11 of 12 free\n');
  assert.equal((await bed.run(['queue', 'pause', '--reason', 'new disks'])).stdout, 'the queue is paused: nothing new is executed, what is under way goes on\n');
  assert.match((await bed.run(['queue', 'pause'])).stdout, /paused already, for 60s \(new disks\)/);
  assert.match((await bed.run(['status'])).stdout, /^Queue: +paused for 60s \(new disks\)$/m);
  api.queueNow = {
    ...api.queueNow,
    runs: 2,
    pausedRunsCount: 1,
    pausedRuns: [{ runId: '7f02-5bd1e7c09a4f4e0c8a8f7d2b6e3c1a90' as never, shortId: '7f02', name: 'x', paused: { reason: '', at: api.now } }],
    modules: { waiting: 3, ready: 4, claimed: 1 },
    priorities: [{ priority: 9, waiting: 0, ready: 1, claimed: 0 }, { priority: 5, waiting: 3, ready: 3, claimed: 1 }],
    oldest: { runId: '7f01-5bd1e7c09a4f4e0c8a8f7d2b6e3c1a90' as never, shortId: '7f01', module: 'encode', since: api.now },
    limitsCount: 1,
    limits: [{ key: 'nas', max: 1, held: 1, holders: [{ runId: '', module: '', node: 'node1', text: 'run 7f01/copy on node1 for 14 s' }] }],
  };
  assert.equal((await bed.run(['queue', 'stats'])).stdout, [
    'Queue:   paused for 60s (new disks)',
    'Runs:    2 live, 1 of them paused: 7f02',
    'Modules: 1 running, 4 ready, 3 waiting for others',
    'Slots:   11 of 12 free',
    'Oldest:  encode of run 7f01 has been ready for 60s: skein module explain 7f01 encode',
    '',
    'PRIORITY   RUNNING   READY   WAITING',
    '9          0         1       0',
    '5          1         3       3',
    '',
    'LIMIT   HELD   BY',
    'nas     1/1    run 7f01/copy on node1 for 14 s',
    '',
  ].join('\n'));
  assert.equal((JSON.parse((await bed.run(['queue', '-o', 'json'])).stdout) as { paused: { reason: string } }).paused.reason, 'new disks');
  assert.equal((await bed.run(['queue', '-o', 'name'])).stdout, 'paused\n');
  assert.equal((await bed.run(['queue', 'resume'])).stdout, 'the queue goes on\n');
  assert.equal((await bed.run(['queue', 'resume'])).stdout, 'the queue was not paused\n');
});

test('module list and explain; runs view says why', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const { runId } = await api.submit({ ...fakeSpec(), policy: { priority: 8, parallelMax: 3, barrier: 'wave' } });
  api.module(runId, 'FetchData', 'ready', { note: 'all 3 nodes are full' });
  const nodes = [{ node: 'node1', nodeId: api.members[0]!.nodeId, verdict: 'full', text: 'full (4 of 4 cpu in use; needs 2)' }, { node: 'node2', nodeId: api.members[1]!.nodeId, verdict: 'unfit', text: 'lacks label gpu' }] as const;
  api.explanation = { summary: 'all 3 nodes are full', reasons: [{ code: 'full', text: 'all 3 nodes are full' }], nodes, placement: null };
  assert.equal((await bed.run(['module', 'explain', '7f01', 'FetchData'])).stdout, 'FetchData (ready): all 3 nodes are full\n  node1: full (4 of 4 cpu in use; needs 2)\n  node2: lacks label gpu\n');
  assert.deepEqual((JSON.parse((await bed.run(['module', 'explain', '7f01', 'FetchData', '-o', 'json'])).stdout) as { nodes: unknown }).nodes, nodes);
  const estimates = [
    { node: 'node1', nodeId: api.members[0]!.nodeId, waitMs: 1_500, bytesToMove: 0, bytesPerSecond: 104_857_600, moveMs: 0, predictedMs: 30_000, sumMs: 31_500 },
    { node: 'node3', nodeId: api.members[2]!.nodeId, waitMs: null, bytesToMove: 2 * 1024 ** 3, bytesPerSecond: 52_428_800, moveMs: 40_960, predictedMs: 30_000, sumMs: null },
  ];
  const placement = { node: 'node1', nodeId: api.members[0]!.nodeId, why: 'it is done first there', waits: true, waitedMs: 0, inputBytes: 2 * 1024 ** 3, nodes: estimates };
  api.explanation = { ...api.explanation, placement };
  const lines = (await bed.run(['module', 'explain', '7f01', 'FetchData'])).stdout.split('\n');
  assert.deepEqual(lines.slice(3), [
    'placement: node1, since it is done first there',
    '  NODE    WAIT      TO MOVE   BANDWIDTH   MOVE   PREDICTED   SUM',
    '  node1   1.5 s     0 bytes   100 MiB/s   0 s    30 s        32 s',
    '  node3   unknown   2 GiB     50 MiB/s    41 s   30 s        unknown',
    '',
  ]);
  assert.deepEqual((JSON.parse((await bed.run(['module', 'explain', '7f01', 'FetchData', '-o', 'json'])).stdout) as { placement: unknown }).placement, placement);
  api.explanation = { ...api.explanation, placement: null };
  assert.match((await bed.run(['module', 'explain', '7f01'])).stdout, /^run 7f01: 0 running, 1 ready, .*\n\nwhy FetchData is not running: all 3 nodes are full\n {2}node1: full/);
  const unknown = await bed.run(['module', 'explain', '7f01', 'Fetch/Dat']);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /MODULE_NOT_FOUND: .*"Fetch\/Dat"[^]*skein module list/);
  assert.equal((await bed.run(['module', 'list', '7f01', '-o', 'name'])).stdout, 'FetchData\nValidateEnvironment\nProcessData\nPublishResults\n');
  assert.match((await bed.run(['module', 'list', '7f01'])).stdout, /^MODULE .*NOTE\nFetchData +ready .*all 3 nodes are full\n/);
  const view = (await bed.run(['runs', 'view', '7f01'])).stdout;
  assert.match(view, /^priority 8, at most 3 at a time, waves are barriers$/m);
  assert.match(view, /^why FetchData is not running: all 3 nodes are full\n {2}node1: full \(4 of 4 cpu in use; needs 2\)\n {2}node2: lacks label gpu$/m);
});

test('node view', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const { runId } = await api.submit(fakeSpec());
  api.module(runId, 'FetchData', 'claimed', { node: 'node2', nodeId: api.members[1]!.nodeId, attempt: 1, fence: 1 });
  assert.match((await bed.run(['node', 'view', 'node1'])).stdout, /^Executes: {2}nothing$/m);
  const { stdout } = await bed.run(['node', 'view', 'node2']);
  assert.match(stdout, /^Executes: {2}1 module\n {2}7f01\/FetchData for 60s$/m);
  assert.match(stdout, /^Node: {6}node2 \(12D3Koo\w+\)\nState: {5}alive, voter, heard of 1s ago\nSlots: {5}0 of 4 in use, load 0.25\nReceives: {2}files at 1 MiB\/s\nMemory: {4}8 GiB\n/);
  assert.match(stdout, /^Labels: {4}gpu,disk=ssd\nTools: {5}git=2.43.0\nGPUs: {6}none$/m);
  assert.equal((await bed.run(['node', 'view', 'nobody'])).code, 2);
});

test('wait says that the run or the queue is paused', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const { runId } = await api.submit(fakeSpec());
  api.now += 1000;
  await api.pause(runId, 'was paused before');
  await api.resume(runId);
  await api.pauseQueue('new disks');
  const waiting = bed.start(['runs', 'wait', '7f01']);
  await waiting.saw(/the queue is paused for 59s \(new disks\): waiting on/);
  await api.pause(runId, 'disk is full');
  await waiting.saw(/run 7f01 is paused for 59s \(disk is full\): waiting on/);
  await api.resume(runId);
  api.finish(runId, 'succeeded');
  const { code, stderr } = await waiting.done;
  assert.equal(code, 0);
  assert.doesNotMatch(stderr, /paused before/);
});
