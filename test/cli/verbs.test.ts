/** Every verb against a fake node over a real unix socket: what is printed, where, and the exit code. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { parse } from 'yaml';
import { SkeinError } from '../../src/errors.ts';
import { FakeNode, fakeSpec } from '../support/fake-node.ts';
import { TestBed, fourModulesYaml, parseLines } from './harness.ts';

test('runs list prints a table, newest first, and says in words that there is none', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const none = await bed.run(['runs', 'list']);
  assert.deepEqual(none, { code: 0, stdout: '', stderr: 'No runs.\n' });
  api.play((await api.submit(fakeSpec())).runId);
  await api.submit(fakeSpec({ encode: [] }, 'transcode'));
  const { code, stdout, stderr } = await bed.run(['ps']);
  assert.equal(code, 0);
  assert.equal(stderr, '');
  assert.equal(
    stdout,
    [
      'RUN    NAME           PHASE       MODULES   DURATION   AGE',
      '7f02   transcode      queued      0/1       -          56s',
      '7f01   four-modules   succeeded   4/4       00:00:04   60s',
      '',
    ].join('\n'),
  );
});

test('-o gives the same data to programs', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const { runId } = await api.submit(fakeSpec());
  await api.submit(fakeSpec());
  const json = JSON.parse((await bed.run(['runs', 'list', '-o', 'json'])).stdout) as { count: number; runs: { runId: string }[] };
  assert.equal(json.count, 2);
  assert.deepEqual(parse((await bed.run(['runs', 'list', '-o', 'yaml'])).stdout), json);
  const lines = parseLines((await bed.run(['runs', 'list', '-o', 'jsonl'])).stdout);
  assert.deepEqual(lines, json.runs);
  assert.equal((await bed.run(['runs', 'list', '-o', 'name', '--limit', '2'])).stdout, json.runs.map((run) => `${run.runId}\n`).join(''));
  assert.match((await bed.run(['runs', 'list', '-o', 'wide'])).stdout, new RegExp(`SUBMITTED +ID +REASON\n[^]*${runId}`));
});

test('runs list filters, and says when there are more', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  api.play((await api.submit(fakeSpec())).runId);
  await api.submit(fakeSpec());
  assert.equal((await bed.run(['ps', '--phase', 'succeeded', '-o', 'name'])).stdout.trim().split('\n').length, 1);
  assert.equal((await bed.run(['ps', '--status', 'pending', '-o', 'name'])).stdout.trim().split('\n').length, 1);
  assert.match((await bed.run(['ps', '--limit', '1'])).stderr, /2 runs in all/);
});

test('runs view shows modules and the summary; a prefix is enough', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  api.play((await api.submit(fakeSpec())).runId);
  const { code, stdout } = await bed.run(['runs', 'view', '7f0']);
  assert.equal(code, 0);
  assert.match(stdout, /^run 7f01 four-modules \(7f01-5bd1e7c09a4f4e0c8a8f7d2b6e3c1a90\)\n\nMODULE +PHASE +NODE +ATTEMPT +DURATION +NOTE\nFetchData +succeeded +node1 +1 +00:00:01 +-\n/);
  assert.match(stdout, /Pipeline Summary\n {3}Status: Success\n {3}Duration: 00:00:04\n {3}Modules: 4\n$/);
  const json = JSON.parse((await bed.run(['runs', 'view', '7f01', '-o', 'json'])).stdout) as { moduleList: unknown[] };
  assert.equal(json.moduleList.length, 4);
});

test('an unknown run is exit 2 with code and hint; an ambiguous prefix too', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const unknown = await bed.run(['runs', 'view', 'nope']);
  assert.equal(unknown.code, 2);
  assert.equal(unknown.stdout, '');
  assert.match(unknown.stderr, /^error RUN_NOT_FOUND: No run has the id "nope"\nhint: List the runs/);
  await api.submit(fakeSpec());
  await api.submit(fakeSpec());
  assert.match((await bed.run(['cancel', '7f'])).stderr, /fits 2 runs/);
});

test('cancel ends a run; a second time it is a conflict', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  await api.submit(fakeSpec());
  const first = await bed.run(['cancel', '7f01', '--reason', 'wrong file']);
  assert.deepEqual(first, { code: 0, stdout: 'run 7f01 four-modules is cancelled\n', stderr: '' });
  assert.equal((await api.run('7f01')).reason, 'wrong file');
  const second = await bed.run(['runs', 'cancel', '7f01']);
  assert.equal(second.code, 6);
  assert.match(second.stderr, /RUN_FINAL/);
});

test('runs wait tells the outcome by its exit code', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const { runId } = await api.submit(fakeSpec());
  assert.equal((await bed.run(['runs', 'wait', '7f01', '--no-wait'])).code, 8);
  assert.equal((await bed.run(['runs', 'wait', '7f01', '--timeout', '20ms'])).code, 124);
  const waiting = bed.run(['runs', 'wait', '7f01']);
  setImmediate(() => api.play(runId));
  assert.deepEqual(await waiting, { code: 0, stdout: '7f01 succeeded\n', stderr: '' });
  const other = await api.submit(fakeSpec());
  api.finish(other.runId, 'failed', 'a module failed');
  assert.equal((await bed.run(['runs', 'wait', '7f02'])).code, 1);
});

test('run -d submits once per request key and prints the id', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  writeFileSync(join(bed.home, 'four.yaml'), fourModulesYaml);
  const first = await bed.run(['run', 'four.yaml', '-d', '-p', 'crf=30', '--request-key', 'abc']);
  assert.equal(first.code, 0);
  assert.equal(first.stdout, '7f01-5bd1e7c09a4f4e0c8a8f7d2b6e3c1a90\n');
  assert.match(first.stderr, /skein runs watch 7f01/);
  assert.deepEqual(api.submitted[0]?.params, { crf: 30 });
  assert.equal((await bed.run(['run', 'four.yaml', '-d', '--request-key', 'abc', '-o', 'name'])).stdout, first.stdout);
  assert.equal(api.submitted.length, 1);
  const json = JSON.parse((await bed.run(['run', '-', '-d', '-o', 'json'], { stdin: fourModulesYaml })).stdout) as { duplicate: boolean };
  assert.equal(json.duplicate, false);
  assert.equal(api.submitted.length, 2);
});

test('--params-file gives parameters, single ones win', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  writeFileSync(join(bed.home, 'four.yaml'), fourModulesYaml.replace('params:', 'params:\n  title: { type: string, default: x }'));
  writeFileSync(join(bed.home, 'params.yaml'), 'crf: 18\ntitle: from file\n');
  assert.equal((await bed.run(['run', 'four.yaml', '-d', '--params-file', 'params.yaml', '-p', 'crf=20'])).code, 0);
  assert.deepEqual(api.submitted[0]?.params, { title: 'from file', crf: 20 });
  for (const content of ['- 1\n', 'a: [\n']) {
    writeFileSync(join(bed.home, 'bad.yaml'), content);
    const bad = await bed.run(['run', 'four.yaml', '-d', '--params-file', 'bad.yaml']);
    assert.equal(bad.code, 2);
    assert.match(bad.stderr, /PARAM_INVALID: The parameters file bad.yaml/);
  }
  assert.match((await bed.run(['run', 'four.yaml', '-d', '--params-file', 'none.yaml'])).stderr, /none.yaml cannot be used: ENOENT/);
});

test('run takes a priority and a width that overrule the file', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  writeFileSync(join(bed.home, 'four.yaml'), `priority: 7\nmax-parallel: 3\nbarrier: wave\n${fourModulesYaml}`);
  for (const flags of [[], ['--priority', '9', '--max-parallel', '2'], ['--max-parallel', '0'], ['--priority', '5']]) assert.equal((await bed.run(['run', 'four.yaml', '-d', ...flags])).code, 0);
  assert.deepEqual(api.submitted.map(({ policy }) => policy), [
    { priority: 7, parallelMax: 3, barrier: 'wave' },
    { priority: 9, parallelMax: 2, barrier: 'wave' },
    { priority: 7, parallelMax: 0, barrier: 'wave' },
    { priority: 5, parallelMax: 3, barrier: 'wave' },
  ]);
  const wrong = await bed.run(['run', 'four.yaml', '--priority', '11']);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /'--priority <n>' argument '11' is invalid\. it must be a whole number from 1 to 10/);
});

test('node list, drain and undrain', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const { stdout } = await bed.run(['node', 'list']);
  assert.equal(
    stdout,
    [
      'NAME     PEER       ROLE     STATE   SLOTS   LOAD   SEEN',
      'node1*   NodeAAAA   leader   alive   1/4     0.00   now',
      'node2    NodeBBBB   voter    alive   0/4     0.25   1s',
      'node3    NodeCCCC   voter    alive   0/4     0.50   2s',
      '',
    ].join('\n'),
  );
  assert.match((await bed.run(['node', 'ls', '-o', 'wide'])).stdout, /linux\/x64 +gpu,disk=ssd +git=2\.43\.0/);
  assert.match((await bed.run(['node', 'drain', 'node2'])).stdout, /^node2 gets no further modules/);
  assert.equal(api.members[1]?.state, 'draining');
  assert.equal((await bed.run(['node', 'undrain', 'NodeBBBB'])).code, 0);
  assert.equal(api.members[1]?.state, 'alive');
  const unknown = await bed.run(['node', 'drain', 'nope']);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /NODE_NOT_FOUND: No node is called "nope"/);
  assert.match((await bed.run(['node', 'drain', 'node'])).stderr, /"node" fits 3 nodes/);
});

test('status tells leader, voters and how many losses can be taken', async (t) => {
  const bed = new TestBed(t);
  const { api, listener } = await bed.serve();
  const { code, stdout } = await bed.run(['status']);
  assert.equal(code, 0);
  assert.equal(
    stdout,
    [
      'Cluster:   skein, cell 5bd1e7c0',
      'This node: node1 (NodeAAAA), member, version 0.1.0',
      'Leader:    node1 (NodeAAAA), term 3',
      'Voters:    node1 (NodeAAAA), node2 (NodeBBBB), node3 (NodeCCCC)',
      'Standbys:  none',
      'Losses:    1 voter can be lost now',
      'Nodes:     3 with 1/12 slots in use',
      'Runs:      0 live, 0 finished',
      'Log:       41 of 41 committed entries applied',
      `API:       ${listener.url}`,
      '',
    ].join('\n'),
  );
  api.cluster = { ...api.cluster, quorum: false, leader: '', leaderId: '', voters: api.cluster.voters.map((voter, i) => ({ ...voter, alive: i === 0 })) };
  const lost = await bed.run(['status']);
  assert.equal(lost.code, 3);
  assert.match(lost.stdout, /Leader: {4}none known\nVoters: {4}node1 \(NodeAAAA\), node2 \(NodeBBBB\) lost, node3 \(NodeCCCC\) lost/);
  assert.match(lost.stdout, /no quorum, nothing can be written/);
});

test('pipeline verbs need no node', async (t) => {
  const bed = new TestBed(t);
  writeFileSync(join(bed.home, 'four.yaml'), fourModulesYaml);
  assert.deepEqual(await bed.run(['pipeline', 'validate', 'four.yaml']), { code: 0, stdout: 'four.yaml is valid: four-modules, 4 modules\n', stderr: '' });
  assert.match((await bed.run(['pipeline', 'plan', 'four.yaml'])).stdout, /Wave 1: FetchData and ValidateEnvironment[^]*Wave 2: ProcessData[^]*Wave 3: PublishResults/);
  assert.match((await bed.run(['pipeline', 'graph', 'four.yaml', '--format', 'mermaid'])).stdout, /^flowchart/);
  assert.equal(typeof JSON.parse((await bed.run(['pipeline', 'schema'])).stdout), 'object');
  writeFileSync(join(bed.home, 'bad.yaml'), fourModulesYaml.replace('needs: [FetchData]', 'nedes: [FetchData]'));
  const bad = await bed.run(['pipeline', 'validate', 'bad.yaml']);
  assert.equal(bad.code, 2);
  assert.match(bad.stderr, /PIPELINE_INVALID[^]*bad\.yaml:7:\d+[^]*nedes[^]*did you mean `needs`/);
  const param = await bed.run(['pipeline', 'validate', 'four.yaml', '-p', 'cfr=1']);
  assert.equal(param.code, 2);
  assert.match(param.stderr, /PARAM_INVALID[^]*cfr[^]*crf/);
});

test('key show prints the join line, and never makes a key', async (t) => {
  const bed = new TestBed(t);
  const none = await bed.run(['key', 'show']);
  assert.equal(none.code, 2);
  assert.match(none.stderr, /There is no cluster key at .*cluster\.key yet\nhint: The first node/);
  const key = Buffer.alloc(32, 7).toString('base64url');
  writeFileSync(join(bed.home, 'my.key'), `${key}\n`, { mode: 0o600 });
  assert.deepEqual(await bed.run(['key', 'show', '--key-file', 'my.key']), { code: 0, stdout: `SKEIN_KEY=${key} node dist/node.js\n`, stderr: '' });
  assert.equal((await bed.run(['key', 'show'], { env: { SKEIN_KEY: key } })).stdout, `SKEIN_KEY=${key} node dist/node.js\n`);
  assert.equal((await bed.run(['key', 'show'], { env: { SKEIN_KEY: 'short' } })).code, 2);
});

test('version and help', async (t) => {
  const bed = new TestBed(t);
  assert.match((await bed.run(['version'])).stdout, /^skein \d+\.\d+\.\d+ \(Node\.js \d+/);
  assert.match((await bed.run(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/);
  const help = await bed.run(['--help']);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /runs[^]*--bootstrap ADDR[^]*SKEIN_KEY=KEY/);
  assert.equal((await bed.run(['run', '--help'])).code, 0);
  assert.equal((await bed.run(['runs'])).code, 2);
});

test('mistyped command lines are exit 2 and name what was meant', async (t) => {
  const bed = new TestBed(t);
  const cases: [string[], RegExp][] = [
    [['rnu', 'x.yaml'], /unknown command 'rnu' \(did you mean run\?\)/i],
    [['runs', 'lits'], /unknown command 'lits' \(did you mean list\?\)/i],
    [['queue', 'puase'], /unknown command 'puase' \(did you mean pause\?\)/i],
    [['queue', 'foo', '-o', 'json'], /unknown command 'foo'$/m],
    [['queue', 'stats', 'foo'], /too many arguments for 'stats': foo/],
    [['runs', 'list', '--lmit', '3'], /unknown option '--lmit' \(did you mean --limit\?\)/],
    [['runs', 'list', '--limit', 'all'], /--limit <n>' argument 'all' is invalid\. it must be a whole number from 1 to 1000/],
    [['--bootstrp', 'x'], /unknown option '--bootstrp' \(did you mean --bootstrap\?\)/],
    [['runs', 'list', '-o', 'xml'], /'xml' is invalid. Allowed choices are table/],
    [['run'], /missing required argument 'file'/],
    [['runs', 'view', 'a', 'b'], /too many arguments/],
    [['runs', 'wait', 'a', '--timeout', '5'], /--timeout <duration>' argument '5' is invalid/],
    [['--p2p-port', 'abc'], /OPTION_INVALID: --p2p-port is "abc", but must be a whole number from 0 to 65535/],
    [['--data-dir', 'd', 'status'], /too many arguments/],
    [['status', '--api', 'ftp://x'], /--api is "ftp:\/\/x", but must be a URL/],
    [['run', 'x.yaml', '-p', 'novalue', '--api', 'http://127.0.0.1:1'], /./],
  ];
  for (const [argv, message] of cases) {
    const { code, stdout, stderr } = await bed.run(argv);
    assert.equal(code, 2, `${argv.join(' ')}: ${stderr}`);
    assert.equal(stdout, '');
    assert.match(stderr, message);
    assert.match(stderr, /^error [A-Z_]+: /);
  }
});

test('an empty name, or one of dots, is like any other that nobody has, over a socket and over TCP', async (t) => {
  const bed = new TestBed(t);
  const { listener } = await bed.serve();
  for (const name of ['', '.', '..']) {
    for (const where of [[], ['--api', listener.url]]) {
      for (const [argv, says] of [[['runs', 'cancel'], 'RUN_NOT_FOUND: No run has the id'], [['runs', 'view'], 'RUN_NOT_FOUND: No run has the id'], [['blob', 'verify'], 'BLOB_INVALID:'], [['blob', 'rm'], 'BLOB_INVALID:']] as const) {
        const { code, stderr } = await bed.run([...argv, name, ...where]);
        assert.equal(code, 2);
        assert.ok(stderr.startsWith(`error ${says} ${JSON.stringify(name)}`), `${argv.join(' ')}: ${stderr}`);
      }
    }
  }
});

test('a key on the command line is refused and not repeated', async (t) => {
  const bed = new TestBed(t);
  for (const argv of [['--key', 'sesame'], ['--key=sesame'], ['up', '--psk=sesame'], ['--cluster-key', 'sesame']]) {
    const { code, stderr } = await bed.run(argv);
    assert.equal(code, 2);
    assert.match(stderr, /never taken from the command line/);
    assert.doesNotMatch(stderr, /sesame/);
  }
});

test('errors of the node become the exit codes of the table', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const cases: [ConstructorParameters<typeof SkeinError>[0], number][] = [
    ['RUN_NOT_FOUND', 2],
    ['REQUEST_INVALID', 2],
    ['UNAUTHORISED', 4],
    ['LIMIT_EXCEEDED', 6],
    ['KEY_EXPIRED', 6],
    ['RUN_FINAL', 6],
  ];
  for (const [code, exit] of cases) {
    api.failure = new SkeinError(code, 'as the test wants');
    const result = await bed.run(['runs', 'list']);
    assert.equal(result.code, exit, code);
    assert.match(result.stderr, new RegExp(`^error ${code}: as the test wants\n`));
  }
});

test('no node: exit 3, with what was tried', async (t) => {
  const bed = new TestBed(t);
  const nobody = await bed.run(['status']);
  assert.equal(nobody.code, 3);
  assert.match(nobody.stderr, /API_UNREACHABLE: No node answers \(no node runs here and none is named\)/);
  const refused = await bed.run(['status'], { env: { SKEIN_API: 'http://127.0.0.1:1' } });
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /http:\/\/127\.0\.0\.1:1\/: nothing listens there/);
});

test('nodes are found by socket in any slot, by --data-dir, by --api and by SKEIN_API', async (t) => {
  const bed = new TestBed(t);
  const { listener } = await bed.serve(new FakeNode(['there']), 7);
  const name = async (argv: readonly string[], env: Record<string, string> = {}): Promise<string> => (await bed.run(['status', '-o', 'name', ...argv], { env })).stdout.trim();
  assert.equal(await name([]), 'there');
  assert.equal(await name(['--data-dir', join(bed.home, 'data', 'skein', '7')]), 'there');
  const elsewhere = { XDG_DATA_HOME: join(bed.home, 'nothing') };
  assert.equal(await name(['--api', listener.url], elsewhere), 'there');
  assert.equal(await name([], { ...elsewhere, SKEIN_API: `http://127.0.0.1:1,${listener.url}/` }), 'there');
});

test('runs download of a run without files says so, and whether some may still come', async (t) => {
  const bed = new TestBed(t);
  const { api } = await bed.serve();
  const { runId } = await api.submit(fakeSpec());
  const early = await bed.run(['runs', 'download', '7f01']);
  assert.deepEqual([early.code, early.stdout], [0, `No files: no module of this run has left any so far; run.json is in ${join(bed.home, '7f01')}\n`]);
  api.play(runId);
  const [module] = (await api.run('7f01')).moduleList;
  const { stdout } = await bed.run(['runs', 'download', '7f01', '--module', module?.name ?? '']);
  assert.equal(stdout, `No files: ${module?.name} has left none; run.json is in ${join(bed.home, '7f01')}\n`);
});
