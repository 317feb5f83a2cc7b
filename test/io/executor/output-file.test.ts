import assert from 'node:assert/strict';
import { mkfifoSync } from './fifo.ts';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import * as fc from 'fast-check';
import { parseOutput, readOutput } from '../../../src/io/executor/output-file.ts';
import { VALUE_BYTES_MAX, VALUES_BYTES_MAX } from '../../../src/io/executor/limits.ts';
import { temporaryFolder } from './harness.ts';

function parse(text: string): ReturnType<typeof parseOutput> {
  return parseOutput(Buffer.from(text));
}

function values(text: string): unknown {
  const result = parse(text);
  assert.ok(result.ok, result.ok ? '' : result.message);
  return result.values;
}

function problem(text: string): string {
  const result = parse(text);
  assert.ok(!result.ok);
  return result.message;
}

test('name=value lines, strings whatever they look like, the last one wins', () => {
  assert.deepEqual(values('a=1\nb=true\n\nc={"x":1}\na=2\nempty=\neq=x=y\r\n'), { a: '2', b: 'true', c: '{"x":1}', empty: '', eq: 'x=y' });
});

test('here-documents keep their lines, also ones that look like entries', () => {
  assert.deepEqual(values('r<<END\nx=1\n\n  two<<Y\nEND\nz=last<<not a heredoc'), { r: 'x=1\n\n  two<<Y', z: 'last<<not a heredoc' });
  assert.deepEqual(values('r<<END\nEND\n'), { r: '' });
});

test('every problem names its line', () => {
  assert.match(problem('a=1\nnonsense\n'), /line 2: "nonsense" is neither/);
  assert.match(problem('r<<END\nno end'), /line 1: "r<<END" is not ended by a line "END"/);
  assert.match(problem('r<<\nx\n'), /line 1: "r<<" lacks the word/);
  assert.match(problem('=x'), /line 1: "" is no name/);
  assert.match(problem('9a=x'), /is no name/);
  assert.match(problem('__proto__=x'), /__proto__/);
  assert.match(parseOutputBytes(Buffer.from([0x61, 0x3d, 0xff, 0xfe])), /not UTF-8/);
});

test('a value over 4 KB is refused by name, and so are too many bytes together', () => {
  assert.match(problem(`ok=1\nbig=${'x'.repeat(VALUE_BYTES_MAX)}`), /value "big" takes 4098 bytes/);
  assert.ok(parse(`big=${'x'.repeat(VALUE_BYTES_MAX - 2)}`).ok);
  const many = Array.from({ length: VALUES_BYTES_MAX / 1000 + 1 }, (_, index) => `v${index}=${'x'.repeat(1000)}`).join('\n');
  assert.match(problem(many), /together take more than/);
  assert.match(problem(Array.from({ length: 300 }, (_, index) => `v${index}=1`).join('\n')), /more than 256 values/);
});

test('what is written in either form is read back', () => {
  const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,20}$/).filter((text) => text !== '__proto__');
  const line = fc.string({ unit: 'grapheme', maxLength: 60 }).map((text) => text.replaceAll(/[\r\n]/g, ''));
  const text = fc.array(line, { maxLength: 5 }).map((lines) => lines.join('\n'));
  fc.assert(
    fc.property(fc.dictionary(name, text, { maxKeys: 8, noNullPrototype: true }), fc.boolean(), (wanted, heredocs) => {
      const file = Object.entries(wanted).map(([key, value]) => (heredocs || value.includes('\n') ? `${key}<<.END.${key}\n${value}\n.END.${key}\n` : `${key}=${value}\n`)).join('');
      fc.pre(!Object.values(wanted).some((value) => value.includes('.END.')));
      assert.deepEqual({ ...(values(file) as object) }, { ...wanted });
    }),
  );
});

test('no bytes make it throw, and what it accepts is within the limits', () => {
  const pieces = fc.constantFrom('a=', '<<', 'E', '\n', '\r\n', '=', 'b<<E\n', 'E\n', '\u0000', '🪿', 'x'.repeat(5000));
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.array(pieces, { maxLength: 30 }).map((parts) => Buffer.from(parts.join(''))));
  fc.assert(
    fc.property(bytes, (content) => {
      const result = parseOutput(content);
      if (!result.ok) assert.ok(result.message.length > 0 && result.message.length < 500);
      else for (const value of Object.values(result.values)) assert.ok(Buffer.byteLength(JSON.stringify(value)) <= VALUE_BYTES_MAX);
    }),
  );
});

test('only a plain file of bounded size is read', (t) => {
  const folder = temporaryFolder(t);
  const path = (name: string): string => join(folder, name);
  assert.deepEqual(readOutput(path('missing')), { ok: true, values: {} });
  writeFileSync(path('good'), '\ufeffa=ü\n');
  assert.deepEqual(readOutput(path('good')), { ok: true, values: { a: 'ü' } });
  writeFileSync(path('huge'), 'a=1\n'.repeat(100_000));
  assert.match(messageOf(path('huge')), /holds 400000 bytes/);
  mkdirSync(path('folder'));
  assert.match(messageOf(path('folder')), /plain file/);
  symlinkSync('/dev/zero', path('link'));
  assert.match(messageOf(path('link')), /cannot be read/);
  if (mkfifoSync(path('fifo'))) assert.match(messageOf(path('fifo')), /plain file/);
});

function messageOf(path: string): string {
  const result = readOutput(path);
  return result.ok ? '' : result.message;
}

function parseOutputBytes(bytes: Uint8Array): string {
  const result = parseOutput(bytes);
  return result.ok ? '' : result.message;
}
