/** Options: precedence, every value checked and quoted, combinations, profiles. */
import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import { isSkeinError } from '../src/errors.ts';
import { defaultOptions, resolveOptions, suspectVariables, type FlagValues } from '../src/options.ts';
import { checkTiming, timingProfiles } from '../src/options/timing.ts';
import { parseAddress, parseTimeout } from '../src/options/values.ts';

test('nothing said gives the defaults', () => {
  assert.deepEqual(resolveOptions({}, {}), defaultOptions());
  assert.deepEqual(resolveOptions({}, { SKEIN_SLOTS: '', SKEIN_BOOTSTRAP: '' }), defaultOptions());
});

test('flag before environment before default', () => {
  const env = { SKEIN_NAME: 'env', SKEIN_SLOTS: '3', SKEIN_NO_MDNS: 'true', SKEIN_NO_VOTE: '0', SKEIN_BOOTSTRAP: 'a:1, b:2', SKEIN_LABEL: 'gpu,disk=ssd' };
  const { name, slots, mdns, vote, bootstrap, labels } = resolveOptions({ name: 'flag', bootstrap: ['c:3'] }, env);
  assert.deepEqual({ name, slots, mdns, vote, bootstrap, labels }, { name: 'flag', slots: 3, mdns: false, vote: true, bootstrap: ['/dns/c/tcp/3'], labels: { gpu: '', disk: 'ssd' } });
  assert.deepEqual(resolveOptions({}, env).bootstrap, ['/dns/a/tcp/1', '/dns/b/tcp/2']);
});

test('a port that is named is fixed, a default one may move', () => {
  const { p2pPort, httpPort } = resolveOptions({ 'p2p-port': '9000' }, { SKEIN_HTTP_PORT: '0' });
  assert.deepEqual([p2pPort, httpPort], [{ port: 9000, fixed: true }, { port: 0, fixed: true }]);
  assert.deepEqual(defaultOptions().p2pPort, { port: 9000, fixed: false });
});

test('how long files are kept, what room they have, and how fast they leave', () => {
  const { blobRetentionMs, blobQuota, blobBytesPerSecond } = resolveOptions({ 'blob-retention': '30d', 'blob-quota': '12.5 %' }, { SKEIN_BLOB_BANDWIDTH: '10MB', SKEIN_BLOB_QUOTA: '1GiB' });
  assert.deepEqual([blobRetentionMs, blobQuota, blobBytesPerSecond], [30 * 86_400_000, { share: 0.125 }, 10_000_000]);
  assert.deepEqual(resolveOptions({ 'blob-quota': '200GiB', 'blob-retention': '0s' }, { SKEIN_BLOB_BANDWIDTH: '0B' }), { ...defaultOptions(), blobQuota: { bytes: 200 * 1024 ** 3 }, blobRetentionMs: 0 });
});

test('secrets come from the environment only', () => {
  const { key, httpToken } = resolveOptions({}, { SKEIN_KEY: ' abc\n', SKEIN_HTTP_TOKEN: '0123456789abcdef' });
  assert.deepEqual([key, httpToken], ['abc', '0123456789abcdef']);
});

test('a bad value is quoted with where it came from and what is allowed', () => {
  const cases: [FlagValues, Record<string, string>, RegExp][] = [
    [{ slots: '-1' }, {}, /^--slots is "-1", but must be a whole number from 0 to 65536$/],
    [{ slots: '1e3' }, {}, /--slots is "1e3"/],
    [{}, { SKEIN_SLOTS: 'many' }, /^SKEIN_SLOTS is "many"/],
    [{ 'p2p-port': '70000' }, {}, /--p2p-port is "70000", but must be a whole number from 0 to 65535/],
    [{ 'http-port': '80 80' }, {}, /--http-port is "80 80"/],
    [{ 'http-host': 'a b' }, {}, /--http-host is "a b"/],
    [{ name: 'a b' }, {}, /--name is "a b", but must be 1 to 63 letters/],
    [{ name: '' }, {}, /--name is ""/],
    [{ 'cluster-name': '../x' }, {}, /--cluster-name is "\.\.\/x"/],
    [{ label: ['=x'] }, {}, /--label is "=x", but must be a label such as gpu or disk=ssd/],
    [{ label: ['ok', 'a=b c'] }, {}, /--label is "a=b c"/],
    [{ tool: ['/bin/sh'] }, {}, /--tool is "\/bin\/sh", but must be the name of a program/],
    [{ bootstrap: ['http://x:8080'] }, {}, /--bootstrap is "http:\/\/x:8080".*not a URL/],
    [{ bootstrap: ['a:b:c'] }, {}, /--bootstrap is "a:b:c", but must be a multiaddr/],
    [{ bootstrap: ['/ip4/1.2.3.4'] }, {}, /no tcp port/],
    [{ bootstrap: ['/ip4/999.2.3.4/tcp/1'] }, {}, /--bootstrap is/],
    [{}, { SKEIN_ANNOUNCE: 'x:0' }, /SKEIN_ANNOUNCE port is "0", but must be a whole number from 1 to 65535/],
    [{ 'blob-retention': '7' }, {}, /--blob-retention is "7", but must be a number with ms, s, m, h or d/],
    [{ 'blob-retention': '4000d' }, {}, /10 years at most/],
    [{ 'blob-quota': '0%' }, {}, /--blob-quota is "0%", but must be a share of the disk from 0.001% to 100%, or a number with B, KiB/],
    [{ 'blob-quota': '101%' }, {}, /--blob-quota is "101%"/],
    [{ 'blob-quota': '50' }, {}, /--blob-quota is "50"/],
    [{}, { SKEIN_BLOB_BANDWIDTH: '1KiB' }, /SKEIN_BLOB_BANDWIDTH is "1KiB", but must be .*\(a second, 64 KiB at least; 0B = no limit\)/],
    [{ profile: 'wierd' }, {}, /--profile is "wierd", but must be one of default, wired, wifi, test \(did you mean wired\?\)/],
    [{ 'log-level': 'verbose' }, {}, /one of debug, info, warn, error/],
    [{ 'log-format': 'jsn' }, {}, /did you mean json\?/],
    [{}, { SKEIN_NO_MDNS: 'maybe' }, /SKEIN_NO_MDNS is "maybe", but must be 1, true/],
    [{ 'data-dir': 'a\0b' }, {}, /--data-dir is .*must be a path/],
    [{ slots: 'x'.repeat(500) }, {}, /x…" *, but/],
  ];
  for (const [flags, env, message] of cases) {
    assert.throws(
      () => resolveOptions(flags, env),
      (error) => {
        assert.ok(isSkeinError(error, 'OPTION_INVALID'));
        assert.match(error.message, message);
        return true;
      },
    );
  }
});

test('a short token is refused without showing it', () => {
  assert.throws(() => resolveOptions({}, { SKEIN_HTTP_TOKEN: 'tiny-secret' }), (error) => isSkeinError(error, 'OPTION_INVALID') && !error.message.includes('tiny-secret'));
});

test('combinations that cannot be meant', () => {
  const cases: [FlagValues, Record<string, string>, RegExp][] = [
    [{ 'key-file': 'k' }, { SKEIN_KEY: 'abc' }, /--key-file and SKEIN_KEY/],
    [{ 'p2p-port': '9000', 'http-port': '9000' }, {}, /both 9000/],
    [{ 'no-vote': true, slots: '0' }, {}, /nothing to do/],
    [{ label: Array.from({ length: 300 }, (_, i) => `l${i}`) }, {}, /300 times; 256 at most/],
  ];
  for (const [flags, env, message] of cases) assert.throws(() => resolveOptions(flags, env), (error) => isSkeinError(error, 'OPTION_INVALID') && message.test(error.message));
  assert.equal(resolveOptions({ 'p2p-port': '0', 'http-port': '0' }, {}).httpPort.port, 0);
});

test('any text as a value gives options or OPTION_INVALID', () => {
  const flag = fc.constantFrom('bootstrap', 'name', 'label', 'slots', 'data-dir', 'p2p-port', 'http-port', 'http-host', 'cluster-name', 'key-file', 'tool', 'profile', 'announce', 'log-level', 'log-format');
  fc.assert(
    fc.property(flag, fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.ipV4(), fc.ipV6(), fc.webUrl(), fc.domain()), (name, value) => {
      try {
        resolveOptions({ [name]: [value] }, {});
      } catch (error) {
        assert.ok(isSkeinError(error, 'OPTION_INVALID'), String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test('addresses as people type them', () => {
  const cases: [string, string][] = [
    ['192.168.1.5', '/ip4/192.168.1.5/tcp/9000'],
    ['192.168.1.5:9001', '/ip4/192.168.1.5/tcp/9001'],
    ['box', '/dns/box/tcp/9000'],
    ['box.lan:1', '/dns/box.lan/tcp/1'],
    ['node_1:9000', '/dns/node_1/tcp/9000'],
    ['::1', '/ip6/::1/tcp/9000'],
    ['[fe80::1]:9001', '/ip6/fe80::1/tcp/9001'],
    ['/dns4/box/tcp/9000', '/dns4/box/tcp/9000'],
    ['/dnsaddr/skein.example', '/dnsaddr/skein.example'],
  ];
  for (const [typed, address] of cases) assert.equal(parseAddress(typed, '--bootstrap'), address);
});

test('durations', () => {
  assert.deepEqual(['500ms', '10s', '1.5m', '2h', '7d'].map((text) => parseTimeout(text, 'it')), [500, 10_000, 90_000, 7_200_000, 604_800_000]);
  for (const text of ['', '5', '-1s', '1w', '99d', 's', '1 s x']) assert.throws(() => parseTimeout(text, '--timeout'), (error) => isSkeinError(error, 'OPTION_INVALID') && error.message.startsWith(`--timeout is ${JSON.stringify(text)}`));
});

test('every profile keeps the order of its durations; broken ones are refused with both values', () => {
  for (const timing of Object.values(timingProfiles)) checkTiming(timing);
  const { default: timing } = timingProfiles;
  assert.throws(() => checkTiming({ ...timing, plannerLeaseMs: 1000 }), /plannerLeaseMs = 1000 must be less than electionMs = 1000/);
  assert.throws(() => checkTiming({ ...timing, selfFenceMs: 6000 }), /selfFenceMs = 6000 must be less than sessionTtlMs = 5000/);
  assert.throws(() => checkTiming({ ...timing, heartbeatMs: 500 }), /at most a third/);
  assert.throws(() => checkTiming({ ...timing, beaconMs: 0 }), /beaconMs = 0 must be a positive number/);
  assert.throws(() => checkTiming({ ...timing, seekMs: NaN }), /seekMs = NaN/);
});

test('variables that look mistyped are pointed out, others are left alone', () => {
  assert.deepEqual(suspectVariables({ SKEIN_BOOTSTRP: 'x', SKEIN_RUN_ID: 'x', SKEIN_SLOTS: '1', PATH: 'x' }), ['the environment variable SKEIN_BOOTSTRP is not known; did you mean SKEIN_BOOTSTRAP?']);
  assert.deepEqual(suspectVariables({ SKEIN_ENTIRELY_OTHER_THING: 'x' }), []);
});
