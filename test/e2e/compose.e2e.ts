/**
 * docker-compose.yml on a real engine: four nodes come up, the published one is killed in the middle of a run, the run
 * ends, the node comes back. Needs an engine that answers and that has the base image already (BASE_IMAGE, BUILD_IMAGE
 * as in docs/docker.md); the packages are fetched by the build.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RunJson } from '../../src/io/http/views.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const project = `skein-test-${process.pid}`;
const BUILD_MS = 300_000;
const PROCESS_DATA_MS = 30_000;

interface Done {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

function docker(...args: string[]): Promise<Done> {
  return new Promise((resolve) => {
    execFile('docker', args, { cwd: root, env: { ...process.env, SKEIN_PORT: '0' }, timeout: BUILD_MS, maxBuffer: 64 * 1024 * 1024 }, (error, output, errors) =>
      resolve({ code: error === null ? 0 : 1, output, errors }),
    );
  });
}

async function compose(...args: string[]): Promise<string> {
  const { code, output, errors } = await docker('compose', '-p', project, ...args);
  assert.equal(code, 0, `docker compose ${args.join(' ')}\n${errors.slice(-4000)}`);
  return output.trim();
}

async function reasonToSkip(): Promise<string | false> {
  if ((await docker('info')).code !== 0) return 'no container engine answers';
  if ((await docker('compose', 'version')).code !== 0) return 'the engine has no compose';
  const base = process.env['BASE_IMAGE'] ?? 'node:24-slim';
  return (await docker('image', 'inspect', base)).code === 0 ? false : `the engine does not have the image ${base}, and tests fetch none`;
}

async function api<T>(path: string, body?: unknown): Promise<T> {
  const place = await compose('port', 'node1', '8080');
  const response = await fetch(`http://${place}${path}`, body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  assert.ok(response.ok, `${path}: ${response.status}`);
  return (await response.json()) as T;
}

async function untilRunning(path: string, module: string): Promise<void> {
  for (const end = Date.now() + PROCESS_DATA_MS; Date.now() < end; await sleep(50)) {
    const { moduleList } = await api<RunJson>(path);
    if (moduleList.some(({ name, phase }) => name === module && phase !== 'waiting' && phase !== 'ready')) return;
  }
  assert.fail(`${module} did not start in ${PROCESS_DATA_MS} ms`);
}

test('compose: node1 is killed in the middle of a run, the run ends, node1 comes back', { skip: await reasonToSkip(), timeout: 2 * BUILD_MS }, async () => {
  try {
    await compose('up', '--build', '--wait', '--detach');
    const { runId } = await api<RunJson>('/api/v1/runs', { pipeline: readFileSync(`${root}examples/four-modules/pipeline.yaml`, 'utf8'), params: {} });
    await untilRunning(`/api/v1/runs/${runId}`, 'ProcessData');
    await compose('kill', 'node1');
    const skein = (...args: string[]): Promise<string> => compose('exec', '-T', 'node2', 'skein', ...args);
    await skein('runs', 'wait', runId, '--timeout', '60s');
    const { phase, moduleList } = JSON.parse(await skein('runs', 'view', runId, '-o', 'json')) as RunJson;
    assert.equal(phase, 'succeeded');
    assert.deepEqual(moduleList.map(({ phase: each }) => each), Array.from({ length: 4 }, () => 'succeeded'));
    await compose('up', '--wait', '--detach', 'node1');
    assert.equal((await api<RunJson>(`/api/v1/runs/${runId}`)).phase, 'succeeded');
  } finally {
    await docker('compose', '-p', project, 'down', '--volumes', '--rmi', 'local', '--timeout', '1');
  }
});
