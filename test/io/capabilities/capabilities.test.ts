import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import test from 'node:test';
import * as fc from 'fast-check';
import { loadAverage, probeCapabilities } from '../../../src/io/capabilities/capabilities.ts';
import { namesOfLspci, namesOfMac, namesOfNvidiaSmi } from '../../../src/io/capabilities/gpus.ts';
import { askTool, parseVersion } from '../../../src/io/capabilities/tools.ts';

const answers: readonly [string, string][] = [
  ['v24.21.0', '24.21.0'],
  ['Python 3.11.2', '3.11.2'],
  ['git version 2.39.5 (Apple Git-154)', '2.39.5'],
  ['git version 2.45.1.windows.1', '2.45.1'],
  ['ffmpeg version 6.1.1-3ubuntu5 Copyright (c) 2000-2023 the FFmpeg developers\nbuilt with gcc 13', '6.1.1'],
  ['ffmpeg version n7.0 Copyright', '7.0'],
  ['12.2.0', '12.2.0'],
  ['14', '14'],
  ['GNU Make 4.3\nBuilt for x86_64-pc-linux-gnu', '4.3'],
  ['go version go1.22rc1 linux/amd64', '1.22'],
  ['openjdk version "17.0.9" 2023-10-17', '17.0.9'],
  ['openjdk version "21" 2023-09-19', '21'],
  ['java version "1.8.0_392"', '1.8.0'],
  ['cargo 1.76.0 (c84b36747 2024-01-18)', '1.76.0'],
  ['8.0.100-rc.1.23463.5', '8.0.100'],
  ['27.0.3', '27.0.3'],
  ['no version at all', ''],
  ['', ''],
];

test('versions are read from what tools really say', () => {
  for (const [answer, version] of answers) assert.equal(parseVersion(answer), version, answer);
});

test('no answer makes it throw, and a version is digits and dots', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (answer) => assert.match(parseVersion(answer), /^[\d.]{0,64}$/)));
});

test('a tool that is there, one that fails, one that hangs on its input, one that knows no version', { skip: process.platform === 'win32' ? 'shell scripts' : false }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'skein-tools-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = [folder, '/usr/bin', '/bin'].join(delimiter);
  const tool = (name: string, script: string): void => {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  };
  tool('good', 'echo good 1.2.3');
  tool('fails', 'echo broken 1.2.3; exit 1');
  tool('java', 'echo "openjdk version \\"17.0.9\\"" >&2; test "$1" = -version');
  tool('docker', 'echo cannot connect to the engine >&2; exit 1');
  tool('reads', 'cat > /dev/null; echo 5.0');
  tool('odd', 'test "$1" = version && echo 0.9.1');
  writeFileSync(join(folder, 'plain'), 'not executable');
  const names = ['good', 'fails', 'java', 'docker', 'reads', 'odd', 'plain', 'absent', '../bin/sh'];
  const versions = await Promise.all(names.map((name) => askTool(name, path)));
  assert.deepEqual(versions, ['1.2.3', '', '17.0.9', undefined, '5.0', '0.9.1', undefined, undefined, undefined]);
});

test('graphics processors are named, emulated ones are not', () => {
  assert.deepEqual(namesOfNvidiaSmi('NVIDIA GeForce RTX 4090\nNVIDIA GeForce RTX 4090\n'), ['NVIDIA GeForce RTX 4090', 'NVIDIA GeForce RTX 4090']);
  assert.deepEqual(namesOfNvidiaSmi('No devices were found'), []);
  const bus = ['00:02.0 "VGA compatible controller" "Intel Corporation" "UHD Graphics 620" -r07 "Lenovo" "Device 225d"', '00:01.0 "VGA compatible controller" "Red Hat, Inc." "QXL paravirtual graphic card"', '00:1f.3 "Audio device" "Intel Corporation" "HD Audio"'];
  assert.deepEqual(namesOfLspci(bus.join('\n')), ['Intel Corporation UHD Graphics 620']);
  assert.deepEqual(namesOfMac('{"SPDisplaysDataType":[{"sppci_model":"Apple M2"}]}'), ['Apple M2']);
  assert.deepEqual(namesOfMac('rubbish'), []);
});

test('this machine', async () => {
  const capabilities = await probeCapabilities({ labels: { disk: 'ssd' }, slots: 3, tools: ['sh', 'no-such-tool'] });
  assert.deepEqual([capabilities.os, capabilities.arch, capabilities.slots, capabilities.labels, capabilities.functions], [process.platform, process.arch, 3, { disk: 'ssd' }, []]);
  assert.ok(capabilities.memory > 64 * 1024 * 1024 && Number.isSafeInteger(capabilities.memory));
  assert.ok(!('no-such-tool' in capabilities.tools) && (process.platform === 'win32' || 'sh' in capabilities.tools));
  const from = performance.now();
  const again = await probeCapabilities({ labels: {} });
  assert.ok(performance.now() - from < 50 && again.slots >= 1, 'asked once');
  assert.ok(loadAverage() >= 0);
});
