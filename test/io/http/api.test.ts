/** The API without sockets: every route, every kind of bad request. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import type { RunSpec } from '../../../src/core/cell/types.ts';
import { errorCodes, SkeinError, type ErrorCode } from '../../../src/errors.ts';
import { openApiDocument } from '../../../src/io/http/openapi.ts';
import { runSpecSchema } from '../../../src/io/http/schemas.ts';
import * as queue from '../../../src/io/http/queue-views.ts';
import * as view from '../../../src/io/http/views.ts';
import { fakeSpec } from '../../support/fake-node.ts';
import { testServer } from './support.ts';

const runs = '/api/v1/runs';

test('what is answered fits the schemas of the API document', async () => {
  const { api, request } = testServer();
  api.play((await api.submit(fakeSpec())).runId);
  const answers: [string, { parse(value: unknown): unknown }][] = [
    ['/api/v1/status', view.statusSchema],
    ['/api/v1/nodes', view.nodeListSchema],
    ['/api/workers', view.nodeListSchema],
    ['/api/v1/nodes/node1', view.nodeViewSchema],
    [runs, view.runListSchema],
    [`${runs}/7f01`, view.runViewSchema],
    [`${runs}/7f01?consistency=strong`, view.runViewSchema],
    ['/livez', view.healthSchema],
    ['/readyz', view.healthSchema],
    ['/api/health', view.healthSchema],
  ];
  for (const [url, schema] of answers) {
    const answer = await request({ url });
    assert.equal(answer.statusCode, 200, url);
    schema.parse(answer.json());
  }
  for (const event of api.events) view.runEventSchema.parse(view.presentEvent(event));
});

test('submit: 202, Location, one run per Idempotency-Key', async () => {
  const { api, request } = testServer();
  const submit = (headers: Record<string, string>) => request({ method: 'POST', url: runs, payload: { spec: fakeSpec() }, headers });
  const first = await submit({ 'idempotency-key': 'k-1' });
  assert.equal(first.statusCode, 202);
  assert.deepEqual(view.acceptedSchema.parse(first.json()), { runId: '7f01-5bd1e7c09a4f4e0c8a8f7d2b6e3c1a90', requestKey: 'k-1', duplicate: false, status: 'pending' });
  assert.equal(first.headers.location, `${runs}/7f01-5bd1e7c09a4f4e0c8a8f7d2b6e3c1a90`);
  assert.equal((await submit({ 'idempotency-key': 'k-1' })).json<{ duplicate: boolean }>().duplicate, true);
  assert.deepEqual(api.submitted, [fakeSpec()]);
  const bad = await submit({ 'idempotency-key': 'has spaces' });
  assert.equal(bad.statusCode, 400);
  assert.match(bad.json<{ detail: string }>().detail, /Idempotency-Key/);
});

test('submit takes a pipeline as text, and says where it is wrong', async () => {
  const compiled: unknown[] = [];
  const { api, request } = testServer({
    compile: (text, file, params) => {
      compiled.push([text, file, params]);
      if (text === 'bad') throw new SkeinError('PIPELINE_INVALID', '1 problem in x.yaml', { problems: [{ file: 'x.yaml', line: 3, column: 5, message: 'unknown key' }] });
      return fakeSpec();
    },
  });
  assert.equal((await request({ method: 'POST', url: runs, payload: { pipeline: 'name: x', file: 'x.yaml', params: { crf: 3 } } })).statusCode, 202);
  assert.deepEqual(compiled, [['name: x', 'x.yaml', { crf: 3 }]]);
  assert.equal((await request({ method: 'POST', url: runs, payload: { pipeline: 'name: x', priority: 9, maxParallel: 2 } })).statusCode, 202);
  assert.deepEqual(api.submitted.at(-1)?.policy, { priority: 9, parallelMax: 2, barrier: 'none' });
  assert.match((await request({ method: 'POST', url: runs, payload: { pipeline: 'name: x', priority: 0 } })).body, /\$\.priority/);
  const bad = await request({ method: 'POST', url: runs, payload: { pipeline: 'bad' } });
  assert.equal(bad.statusCode, 422);
  assert.deepEqual(bad.json<{ problems: unknown }>().problems, [{ file: 'x.yaml', line: 3, column: 5, message: 'unknown key' }]);
});

const blobName = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy';

test('a wrong body names every place by its path', async () => {
  const { request } = testServer();
  const good = fakeSpec();
  const change = (at: number, patch: object): unknown => ({ ...good, modules: good.modules.map((module, i) => (i === at ? { ...module, ...patch } : module)) });
  const cases: [unknown, string, RegExp][] = [
    [{}, '$.spec', /expected object/],
    [{ spec: good, sepc: 1 }, '$', /Unrecognized key: "sepc"/],
    [{ spec: { ...good, nmae: 1 } }, '$.spec', /Unrecognized key: "nmae"/],
    [{ spec: { ...good, modules: [] } }, '$.spec.modules', />=1 items/],
    [{ spec: { ...good, params: { x: 'a'.repeat(3), deep: nest(40) } } }, '$.spec.params.deep', /nested at most 32/],
    [{ spec: { ...good, env: { 'MY-VAR': 3 } } }, '$.spec.env["MY-VAR"]', /expected string/],
    [{ spec: change(2, { needs: [99] }) }, '$.spec.modules[2].needs[0]', /no module at position 99/],
    [{ spec: change(2, { needs: [2] }) }, '$.spec.modules[2].needs[0]', /cannot need itself/],
    [{ spec: change(0, { needs: [3] }) }, '$.spec.modules[0].needs', /cycle/],
    [{ spec: change(1, { name: 'FetchData' }) }, '$.spec.modules[1].name', /module 0 has this name/],
    [{ spec: change(1, { name: 'a\nb' }) }, '$.spec.modules[1].name', /control characters/],
    [{ spec: change(0, { action: { type: 'exec', command: 'x' } }) }, '$.spec.modules[0].action.type', /Invalid/],
    [{ spec: change(0, { action: { type: 'bundle', bundle: 'a'.repeat(64), export: 'x', sourceName: 'x.ts' } }) }, '$.spec.modules[0].action.bundle', /not among the bundles/],
    [{ spec: { ...good, bundles: { ab: 'x'.repeat(40_000) } } }, '$.spec.bundles.ab', /at most 32768 bytes/],
    [{ spec: { ...good, bundles: { [blobName]: { kind: 'file', cid: 'bafyx', name: 'a.ts', size: 1, count: 1 } } } }, `$.spec.bundles.${blobName}.cid`, /the name of a blob/],
    [{ spec: { ...good, bundles: { [blobName]: { kind: 'file', cid: blobName, name: 'a.ts', size: 1e9, count: 1 } } } }, `$.spec.bundles.${blobName}.size`, /<=67108864/],
    [{ spec: { ...good, bundles: { other: { kind: 'file', cid: blobName, name: 'a.ts', size: 1, count: 1 } } } }, '$.spec.bundles.other', /goes by another name than its blob/],
    [{ spec: change(0, { timeoutMs: -1 }) }, '$.spec.modules[0].timeoutMs', />=0/],
    [{ spec: change(0, { retry: { ...good.modules[0]?.retry, attempts: 0 } }) }, '$.spec.modules[0].retry.attempts', />=1/],
    [{ spec: change(0, { action: { type: 'run', command: 'x'.repeat(70_000) } }) }, '$.spec.modules[0].action.command', /at most 65536 bytes/],
  ];
  for (const [payload, path, message] of cases) {
    const answer = await request({ method: 'POST', url: runs, payload: payload as object });
    assert.equal(answer.statusCode, 400, JSON.stringify(answer.json()));
    assert.match(String(answer.headers['content-type']), /^application\/problem\+json/);
    const problem = answer.json<{ code: string; problems: { path: string; message: string }[] }>();
    assert.equal(problem.code, 'REQUEST_INVALID');
    const place = problem.problems.find((other) => other.path === path);
    assert.ok(place, `${path} not in ${JSON.stringify(problem.problems)}`);
    assert.match(place.message, message);
  }
});

function nest(depth: number): unknown {
  return depth === 0 ? 1 : [nest(depth - 1)];
}

test('garbage, wrong types of content, too much', async () => {
  const { request } = testServer({ bodyBytesMax: 1000 });
  const post = (payload: string, type = 'application/json') => request({ method: 'POST', url: runs, payload, headers: { 'content-type': type } });
  const cases: [Promise<{ statusCode: number; json: () => unknown }>, number, string, RegExp][] = [
    [post('{"a":'), 400, 'REQUEST_INVALID', /not valid JSON: /],
    [post('[1,2'), 400, 'REQUEST_INVALID', /not valid JSON: /],
    [post('{"__proto__": {"admin": true}}'), 400, 'REQUEST_INVALID', /not valid JSON/],
    [post(''), 400, 'REQUEST_INVALID', /does not fit/],
    [post('\u0000'), 400, 'REQUEST_INVALID', /not valid JSON/],
    [post('<run/>', 'application/xml'), 415, 'REQUEST_INVALID', /Unsupported Media Type/i],
    [post(JSON.stringify({ spec: 'x'.repeat(2000) })), 413, 'REQUEST_TOO_LARGE', /too large/],
  ];
  for (const [answer, status, code, detail] of cases) {
    const { statusCode, json } = await answer;
    const problem = json() as { code: string; detail: string; status: number };
    assert.deepEqual([statusCode, problem.status, problem.code], [status, status, code], problem.detail);
    assert.match(problem.detail, detail);
  }
});

test('unknown paths, methods, verbs and queries', async () => {
  const { request } = testServer();
  const cases: ['GET' | 'POST' | 'DELETE' | 'PUT', string, number, RegExp][] = [
    ['GET', '/nope', 404, /There is no GET \/nope/],
    ['GET', '/', 404, /There is no GET \//],
    ['DELETE', runs, 405, /allowed: GET, POST/],
    ['PUT', `${runs}/7f`, 405, /allowed: GET, POST/],
    ['POST', `${runs}/7f:explode`, 404, /:cancel/],
    ['POST', `${runs}/7f`, 404, /:cancel/],
    ['POST', '/api/v1/queue:explode', 404, /:pause, …:resume/],
    ['POST', '/api/v1/queue', 404, /:pause, …:resume/],
    ['GET', '/api/v1/queue:pause', 405, /allowed: POST/],
    ['POST', '/api/v1/nodes/node1:explode', 404, /:drain, …:undrain/],
    ['GET', `${runs}?limt=3`, 400, /Unrecognized key: "limt"/],
    ['GET', `${runs}?limit=0`, 400, /\$\.limit/],
    ['GET', `${runs}?limit=abc`, 400, /\$\.limit/],
    ['GET', `${runs}?phase=done`, 400, /\$\.phase/],
    ['GET', `${runs}?cursor=gone`, 400, /cursor names a run/],
    ['GET', `${runs}/zzz`, 404, /No run has the id "zzz"/],
    ['GET', '/api/v1/nodes/zzz', 404, /No node is called "zzz"/],
    ['GET', `${runs}/%zz`, 400, /not a valid url/],
    ['GET', `${runs}/zzz/events`, 404, /No run/],
    ['GET', `${runs}/zzz/events?after=-1`, 400, /\$\.after/],
  ];
  for (const [method, url, status, detail] of cases) {
    const answer = await request({ method, url });
    assert.equal(answer.statusCode, status, `${method} ${url}`);
    assert.match(String(answer.headers['content-type']), /^application\/problem\+json/);
    assert.match(answer.json<{ detail: string }>().detail, detail);
  }
  assert.equal((await request({ method: 'DELETE', url: runs })).headers.allow, 'GET, POST');
});

test('runs are paged by cursor', async () => {
  const { api, request } = testServer();
  for (let i = 0; i < 5; i++) await api.submit(fakeSpec());
  const seen: string[] = [];
  let cursor: string | null = '';
  for (let pages = 0; cursor !== null && pages < 9; pages++) {
    const page: view.RunListJson = (await request({ url: `${runs}?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}` })).json();
    assert.equal(page.count, 5);
    seen.push(...page.runs.map((run) => run.shortId));
    cursor = page.nextCursor;
  }
  assert.deepEqual(seen, ['7f05', '7f04', '7f03', '7f02', '7f01']);
  api.finish('7f02', 'failed');
  assert.deepEqual((await request({ url: `${runs}?status=failed` })).json<view.RunListJson>().runs.map((run) => run.shortId), ['7f02']);
});

test('cancel and drain take an empty body of any kind', async () => {
  const { api, request } = testServer();
  await api.submit(fakeSpec());
  assert.equal((await request({ method: 'POST', url: `${runs}/7f01:cancel`, headers: { 'content-type': 'application/json' }, payload: '' })).statusCode, 200);
  const again = await request({ method: 'POST', url: `${runs}/7f01:cancel` });
  assert.equal(again.statusCode, 409);
  assert.equal(again.json<{ code: string }>().code, 'RUN_FINAL');
  assert.equal((await request({ method: 'POST', url: `${runs}/7f01:cancel`, payload: { why: 1 } })).statusCode, 400);
  assert.equal((await request({ method: 'POST', url: '/api/v1/nodes/node2:drain' })).json<view.NodeJson>().state, 'draining');
  assert.equal((await request({ method: 'POST', url: '/api/v1/nodes/node2:undrain' })).json<view.NodeJson>().state, 'alive');
});

test('rerun: a new run, once per key; refused while the first one lives, and with a body that does not fit', async () => {
  const { api, request } = testServer();
  const { runId } = await api.submit(fakeSpec());
  const post = (payload?: object, key = 'k') => request({ method: 'POST', url: `${runs}/7f01:rerun`, headers: { 'idempotency-key': key }, ...(payload === undefined ? {} : { payload }) });
  assert.deepEqual([(await post()).statusCode, (await post()).json<{ code: string }>().code], [409, 'RUN_LIVE']);
  api.finish(runId, 'failed');
  const answer = await post({ failedOnly: true });
  const accepted = view.acceptedSchema.parse(answer.json());
  assert.deepEqual([answer.statusCode, answer.headers.location, accepted.duplicate], [202, `${runs}/${accepted.runId}`, false]);
  assert.equal(view.acceptedSchema.parse((await post()).json()).duplicate, true);
  assert.equal(view.runViewSchema.parse((await request({ url: `${runs}/${accepted.runId}` })).json()).rerunOf, runId);
  assert.equal((await post({ failed: true }, 'l')).statusCode, 400);
});

test('pause and resume a run and the queue; explanations, modules and the queue fit their schemas', async () => {
  const { api, request } = testServer();
  const { runId } = await api.submit(fakeSpec());
  const post = (url: string, payload?: object) => request({ method: 'POST', url, ...(payload === undefined ? {} : { payload }) });
  const paused = queue.runPausedSchema.parse((await post(`${runs}/7f01:pause`, { reason: 'disk' })).json());
  assert.deepEqual([paused.phase, paused.status, paused.changed, paused.paused], ['paused', 'running', true, { reason: 'disk', at: new Date(api.now).toISOString() }]);
  assert.equal((await post(`${runs}/7f01:pause`)).json<{ changed: boolean }>().changed, false);
  assert.deepEqual(queue.runPausedSchema.parse((await post(`${runs}/7f01:resume`)).json()).paused, null);
  assert.equal(queue.queuePausedSchema.parse((await post('/api/v1/queue:pause', { reason: 'disk' })).json()).paused?.reason, 'disk');
  assert.equal(queue.queueSchema.parse((await request({ url: '/api/v1/queue' })).json()).paused?.reason, 'disk');
  assert.equal((await post('/api/v1/queue:pause', { why: 'disk' })).statusCode, 400);
  assert.deepEqual(queue.queuePausedSchema.parse((await post('/api/v1/queue:resume')).json()).changed, true);
  const explained = queue.moduleExplanationSchema.parse((await request({ url: `${runs}/7f01/modules/FetchData/explain` })).json());
  assert.deepEqual([explained.module, explained.summary, explained.runId], ['FetchData', 'about to be claimed', runId]);
  assert.equal((await request({ url: `${runs}/7f01/modules/no%2Fsuch/explain` })).json<{ code: string }>().code, 'MODULE_NOT_FOUND');
  api.module(runId, 'FetchData', 'ready', { note: 'full' });
  assert.equal(queue.runExplanationSchema.parse((await request({ url: `${runs}/7f01/explain` })).json()).groups.length, 1);
  assert.deepEqual(view.nodeWorkSchema.parse((await request({ url: '/api/v1/nodes/node1/modules' })).json()), { count: 0, modules: [] });
  assert.equal(view.moduleListSchema.parse((await request({ url: `${runs}/7f01/modules` })).json()).count, 4);
  api.finish(runId, 'succeeded');
  assert.equal((await post(`${runs}/7f01:pause`)).statusCode, 409);
});

test('health follows the node: 503 with the reason when not ready, while livez answers', async () => {
  const { api, request } = testServer();
  const paths = ['/readyz', '/healthz', '/health', '/api/health', '/api/v1/health'];
  for (const url of paths) assert.deepEqual((await request({ url })).json(), { status: 'healthy' });
  api.cluster = { ...api.cluster, quorum: false };
  for (const url of paths) {
    const answer = await request({ url });
    assert.equal(answer.statusCode, 503);
    assert.deepEqual(answer.json(), { status: 'unhealthy', reason: 'no majority of the voters answers' });
  }
  assert.equal((await request({ url: '/readyz?verbose' })).json<{ checks: unknown[] }>().checks.length, 3);
  assert.equal((await request({ url: '/livez' })).statusCode, 200);
});

test('errors of the node have their status; bugs are 500 without details, and are noted', async () => {
  const { api, request, notes } = testServer();
  const expected: { [code in ErrorCode]?: number } = { NO_LEADER: 503, NO_QUORUM: 503, CELL_CLOSED: 503, LIMIT_EXCEEDED: 429, KEY_EXPIRED: 409, REQUEST_TOO_LARGE: 413, PIPELINE_INVALID: 422 };
  for (const [code, status] of Object.entries(expected) as [ErrorCode, number][]) {
    api.failure = new SkeinError(code, 'because');
    const answer = await request({ method: 'POST', url: runs, payload: { spec: fakeSpec() } });
    assert.equal(answer.statusCode, status);
    assert.equal(answer.json<{ title: string }>().title, errorCodes[code]);
    assert.equal(answer.headers['retry-after'], status === 503 || status === 429 ? '1' : undefined);
  }
  assert.equal(notes.length, 0);
  api.failure = new Error('secret detail');
  const bug = await request({ url: runs });
  assert.equal(bug.statusCode, 500);
  assert.doesNotMatch(bug.payload, /secret detail/);
  assert.equal(notes[0]?.event, 'http-failed');
});

test('POST runs answers any JSON with 202 or a problem, never with 500', async () => {
  const { request } = testServer();
  const spec = fc.record({ name: fc.oneof(fc.string(), fc.jsonValue()), params: fc.jsonValue(), env: fc.jsonValue(), bundles: fc.constantFrom({}, []), modules: fc.array(anyModule(), { maxLength: 4 }) });
  const body = fc.oneof(fc.jsonValue(), fc.record({ spec }), fc.record({ pipeline: fc.jsonValue(), params: fc.jsonValue() }));
  await fc.assert(
    fc.asyncProperty(body, async (payload) => {
      const answer = await request({ method: 'POST', url: runs, payload: JSON.stringify(payload), headers: { 'content-type': 'application/json' } });
      assert.ok([202, 400].includes(answer.statusCode), `${answer.statusCode} ${answer.payload}`);
      if (answer.statusCode === 400) view.problemSchema.parse(answer.json());
    }),
    { numRuns: 300 },
  );
});

function anyModule(): fc.Arbitrary<object> {
  const [good] = fakeSpec().modules;
  const key = fc.constantFrom('name', 'needs', 'action', 'env', 'requires', 'timeoutMs', 'retry', 'effectful', 'durationMs', 'extra');
  return fc.tuple(key, fc.jsonValue(), fc.string({ minLength: 1 })).map(([name, value, own]) => ({ ...good, name: own, [name]: value }));
}

test('any text and any bytes as a body are answered, never with 500', async () => {
  const { request } = testServer();
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array().map((bytes) => Buffer.from(bytes))), async (payload) => {
      const answer = await request({ method: 'POST', url: runs, payload, headers: { 'content-type': 'application/json' } });
      assert.equal(answer.statusCode, 400);
    }),
    { numRuns: 200 },
  );
});

test('what the schema takes is a RunSpec as the core knows it', () => {
  const checked: RunSpec = runSpecSchema.parse(fakeSpec());
  assert.deepEqual(checked, fakeSpec());
});

test('a compiled run cannot name folders outside of the work folder either', async () => {
  const { request } = testServer();
  const files = (inputs: object[], outputs: object[] = []): object => ({ files: { inputs, outputs } });
  const cases: [object, RegExp][] = [
    [{ checkpoint: { folder: '../../state', everyMs: 30_000 } }, /checkpoint\.folder: a folder below the work folder/],
    [{ checkpoint: { folder: '/etc', everyMs: 30_000 } }, /checkpoint\.folder: a folder below the work folder/],
    [files([{ variable: '../../x', param: 'p' }]), /inputs\[0\].*letters, digits and _/],
    [files([{ variable: '..', module: 0, output: 'o' }]), /inputs\[0\].*letters, digits and _/],
    [files([], [{ name: '../o', pattern: 'x' }]), /outputs\[0\]\.name: letters, digits, _ and -/],
  ];
  for (const [more, says] of cases) {
    const spec = fakeSpec({ a: [] });
    const answer = await request({ method: 'POST', url: runs, payload: { spec: { ...spec, modules: [{ ...spec.modules[0]!, ...more }] } } });
    assert.equal(answer.statusCode, 400);
    assert.match(JSON.stringify(answer.json<{ problems: unknown }>().problems).replaceAll(/","message":"/g, ': '), says);
  }
});

test('the API document names every route, and its references resolve', async () => {
  const { request } = testServer();
  const document = (await request({ url: '/api/v1/openapi.json' })).json<{ paths: Record<string, Record<string, unknown>>; components: { schemas: Record<string, unknown> } }>();
  assert.deepEqual(document, JSON.parse(JSON.stringify(openApiDocument('0.1.0'))));
  for (const [, name = ''] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) assert.ok(name in document.components.schemas, name);
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const method of Object.keys(methods)) {
      const url = path.replace('{run}', 'zzz').replace('{module}', 'a').replace('{node}', 'node1').replace('{cid}', 'zzz');
      if (path === '/api/v1/events') continue;
      const { statusCode } = await request({ method: method.toUpperCase(), url });
      assert.ok(statusCode !== 405 && (statusCode !== 404 || url.includes('zzz')), `${method} ${path}: ${statusCode}`);
    }
  }
});
