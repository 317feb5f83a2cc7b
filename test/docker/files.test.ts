/** What Dockerfile and docker-compose.yml promise, without an engine: docs/docker.md says the same in words. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'node:test';
import { parse } from 'yaml';
import { resolveOptions, suspectVariables } from '../../src/options.ts';

interface Service {
  readonly build: { readonly context: string };
  readonly init: boolean;
  readonly environment: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
  readonly ports?: readonly string[];
  readonly healthcheck: Readonly<Record<string, unknown>>;
}

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const compose = parse(read('docker-compose.yml'), { merge: true }) as { services: Record<string, Service>; volumes: Record<string, null> };
const services = Object.entries(compose.services);
const names = Object.keys(compose.services);
/** Continued lines joined, comments out. */
const instructions = read('Dockerfile')
  .split('\n')
  .filter((line) => !line.startsWith('#'))
  .join('\n')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '');
const stages = instructions.reduce<string[][]>((found, line) => (line.startsWith('FROM ') ? [...found, [line]] : [...found.slice(0, -1), [...(found.at(-1) ?? []), line]]), []);
const image = stages.at(-1) ?? [];

/** As compose does when the variable is not set. */
function defaulted(text: string): string {
  return text.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1');
}

test('four services, equal but for name, data volume and the published port', () => {
  assert.equal(names.length, 4);
  const plain = services.map(([name, service]) => {
    assert.equal(service.environment['SKEIN_NAME'], name);
    assert.deepEqual(service.volumes, ['key:/key', `${name}:/data`]);
    return { ...service, environment: { ...service.environment, SKEIN_NAME: '' }, volumes: [], ports: [] };
  });
  for (const service of plain) assert.deepEqual(service, plain[0]);
  assert.deepEqual(services.filter(([, { ports }]) => ports !== undefined).map(([name]) => name), [names[0]]);
});

test('HTTP is published on the loopback address only', () => {
  const ports = services.flatMap(([, service]) => service.ports ?? []).map(defaulted);
  assert.deepEqual(ports, ['127.0.0.1:8080:8080']);
});

test('volumes are named ones: no path of the host', () => {
  const sources = services.flatMap(([, service]) => service.volumes.map((volume) => volume.split(':')[0] ?? ''));
  assert.deepEqual(new Set(sources), new Set(Object.keys(compose.volumes)));
  assert.equal(services.some(([, service]) => service.build.context !== '.'), false);
});

test('every node is started with options that a node takes', () => {
  for (const [name, service] of services) {
    const env = Object.fromEntries(Object.entries(service.environment).map(([key, value]) => [key, defaulted(value)]));
    assert.deepEqual(suspectVariables(env), []);
    const options = resolveOptions({}, env);
    assert.equal(options.name, name);
    assert.deepEqual(options.bootstrap, names.map((other) => `/dns/${other}/tcp/9000`));
    assert.deepEqual({ ...options.httpPort, host: options.httpHost }, { port: 8080, fixed: true, host: '0.0.0.0' });
    assert.deepEqual([options.httpToken, options.mdns, options.key], ['', false, '']);
  }
});

test('zombies are reaped and the health check of the image is kept', () => {
  for (const [, { init, healthcheck }] of services) {
    assert.equal(init, true);
    assert.equal('test' in healthcheck || 'disable' in healthcheck, false);
  }
});

test('the image: two stages on a base that can be chosen, an ordinary user, volumes, SIGTERM', () => {
  assert.deepEqual(instructions.slice(0, 2), ['ARG BASE_IMAGE=node:24-slim', 'ARG BUILD_IMAGE=${BASE_IMAGE}']);
  assert.deepEqual(stages.slice(-2).map((stage) => stage[0]), ['FROM ${BUILD_IMAGE} AS build', 'FROM ${BASE_IMAGE}']);
  for (const line of ['USER 1000:1000', 'VOLUME ["/data", "/key"]', 'STOPSIGNAL SIGTERM', 'ENTRYPOINT ["node", "/app/dist/node.js"]']) assert.ok(image.includes(line), line);
  assert.ok(stages.at(-2)?.some((line) => /^RUN npm run build .* npm prune --omit=dev/.test(line)));
  const env = Object.fromEntries((image.find((line) => line.startsWith('ENV ')) ?? '').slice(4).split(' ').map((pair) => pair.split('=')));
  assert.deepEqual(suspectVariables(env), []);
  assert.deepEqual([resolveOptions({}, env).dataDir, resolveOptions({}, env).keyFile], ['/data', '/key/cluster.key']);
});

test('all that is copied is there and not kept out by .dockerignore; nothing else gets in', () => {
  const ignore = read('.dockerignore').split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  assert.equal(ignore[0], '*');
  const allowed = ignore.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  const copied = instructions.filter((line) => line.startsWith('COPY ') && !line.includes('--from=')).flatMap((line) => line.split(' ').slice(1, -1));
  for (const path of copied) assert.ok(existsSync(new URL(path, root)), path);
  assert.deepEqual(new Set(copied), new Set(allowed));
});

async function healthExit(port: number): Promise<number> {
  const check = /CMD (\[.*\])$/.exec(image.find((line) => line.startsWith('HEALTHCHECK ')) ?? '')?.[1] ?? '[]';
  const [program, ...args] = JSON.parse(check) as string[];
  assert.equal(program, 'node');
  const child = spawn(process.execPath, args, { env: { SKEIN_HTTP_PORT: String(port) }, stdio: 'ignore' });
  const [code] = (await once(child, 'exit')) as [number];
  return code;
}

test('the health check says what /readyz says', async () => {
  let ready = true;
  const paths: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url);
    response.writeHead(ready ? 200 : 503).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    assert.equal(await healthExit(port), 0);
    ready = false;
    assert.equal(await healthExit(port), 1);
    assert.deepEqual(paths, ['/readyz', '/readyz']);
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
  assert.equal(await healthExit(port), 1, 'nobody listens');
});
