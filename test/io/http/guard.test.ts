/** Who may talk to the API: DNS rebinding, foreign pages, tokens. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { hostName, isAllowedHost } from '../../../src/io/http/guard.ts';
import { fakeSpec } from '../../support/fake-node.ts';
import { testServer } from './support.ts';

const url = '/api/v1/status';

test('a Host that is no name of this node is refused: a rebound DNS name reaches nothing', async () => {
  const { request, api } = testServer({ allowedHosts: ['build-box'] });
  for (const host of ['evil.example', 'evil.example:8080', 'localhost.evil.example', '127.0.0.1.evil.example', 'user@localhost', 'a b']) {
    const answer = await request({ method: 'POST', url: '/api/v1/runs', payload: { spec: fakeSpec() }, headers: { host } });
    assert.equal(answer.statusCode, 403, host);
    assert.equal(answer.json<{ code: string }>().code, 'UNAUTHORISED');
  }
  assert.equal(api.submitted.length, 0);
  for (const host of ['localhost', 'localhost:8080', '127.0.0.1:8080', '[::1]:8080', '192.168.1.5:8080', 'BUILD-box:8080', 'node.localhost']) {
    assert.equal((await request({ url, headers: { host } })).statusCode, 200, host);
  }
});

test('a page of another origin is refused, our own is not', async () => {
  const { request } = testServer();
  for (const origin of ['http://evil.example', 'https://localhost.evil.example', 'null', 'http://localhost:3000', 'file://localhost:8080', 'garbage']) {
    assert.equal((await request({ url, headers: { origin } })).statusCode, 403, origin);
  }
  assert.equal((await request({ url, headers: { origin: 'http://localhost:8080' } })).statusCode, 200);
});

test('health paths are guarded against rebinding too, but need no token', async () => {
  const { request } = testServer({ token: 'a-token-of-some-length' });
  assert.equal((await request({ url: '/livez', headers: { host: 'evil.example' } })).statusCode, 403);
  assert.equal((await request({ url: '/livez' })).statusCode, 200);
  assert.equal((await request({ url: '/readyz?verbose' })).statusCode, 200);
});

test('with a token set, a request without it is 401', async () => {
  const { request } = testServer({ token: 'a-token-of-some-length' });
  for (const authorization of ['', 'Bearer', 'Bearer wrong', 'Basic a-token-of-some-length', 'Bearer a-token-of-some-length2']) {
    const answer = await request({ url, headers: authorization === '' ? {} : { authorization } });
    assert.equal(answer.statusCode, 401, authorization);
    assert.equal(answer.headers['www-authenticate'], 'Bearer');
    assert.doesNotMatch(answer.payload, /a-token-of-some-length/);
  }
  assert.equal((await request({ url, headers: { authorization: 'Bearer a-token-of-some-length' } })).statusCode, 200);
});

test('an unknown path is guarded as well', async () => {
  const { request } = testServer();
  assert.equal((await request({ url: '/nope', headers: { host: 'evil.example' } })).statusCode, 403);
});

test('host names', () => {
  assert.equal(hostName('LOCALHOST:1'), 'localhost');
  assert.equal(hostName('[FE80::1]'), 'fe80::1');
  for (const none of [undefined, '', 'a:b:c', ':80']) assert.equal(hostName(none), undefined);
  assert.equal(hostName('localhost:123456'), undefined);
  assert.equal(isAllowedHost('fe80::1', []), true);
  assert.equal(isAllowedHost('localhost.', []), false);
});
