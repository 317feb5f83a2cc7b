/** Shared by the tests of this folder. */
import assert from 'node:assert/strict';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { SkeinError } from '../../src/errors.ts';
import { loadPipeline } from '../../src/pipeline/load.ts';
import type { Pipeline } from '../../src/pipeline/model.ts';
import type { Problem } from '../../src/pipeline/problems.ts';

export const repository = path.resolve(import.meta.dirname, '../..');

export function load(text: string, file = 'pipeline.yaml'): Promise<Pipeline> {
  return loadPipeline({ text, file });
}

/** The error of something that must fail with this code. */
export async function failure(work: Promise<unknown> | (() => unknown), code: string): Promise<SkeinError> {
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (error) {
    assert.ok(error instanceof SkeinError, `a SkeinError, not ${String(error)}`);
    assert.equal(error.code, code, error.message);
    return error;
  }
  return assert.fail(`nothing was thrown, expected ${code}`);
}

export async function problemsOf(text: string, file?: string): Promise<Problem[]> {
  const error = await failure(load(text, file), 'PIPELINE_INVALID');
  return error.data['problems'] as Problem[];
}

/** `line:column message | found | allowed | hint`, empty parts left out. */
export function brief({ line, column, message, found, allowed, hint }: Problem): string {
  const rest = [found === '' ? '' : `found ${found}`, allowed === '' ? '' : `allowed ${allowed}`, hint].filter((part) => part !== '');
  return [`${line}:${column} ${message}`, ...rest].join(' | ');
}

/** A folder with these files, removed after the test. */
export async function folderWith(context: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'skein-test-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
  return folder;
}
