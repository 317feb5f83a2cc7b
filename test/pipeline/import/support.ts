/** Shared by the tests of this folder. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { RunSpec } from '../../../src/core/cell/types.ts';
import { compileRun } from '../../../src/pipeline/compile.ts';
import { importWorkflow, type ImportOptions } from '../../../src/pipeline/import/import.ts';
import { load, repository } from '../helpers.ts';

const folder = path.join(repository, '../shared/fixtures');
export const skip = existsSync(folder) ? false : 'the folder ../shared/fixtures is not there';

export interface Reference {
  readonly format: string;
  readonly tasks: number;
  readonly edges: number;
  readonly zeroRuntime: number;
  readonly noRuntime: number;
  readonly sumRuntime: number;
  readonly criticalPath: number;
}

export function readFixture(name: string): string {
  return readFileSync(path.join(folder, name), 'utf8');
}

export function references(): [string, Reference][] {
  return Object.entries(JSON.parse(readFixture('reference-visible.json')) as Record<string, Reference>);
}

/** One task of a document in WfFormat 1.5, both halves of it. */
export interface TaskInit {
  readonly id: string;
  readonly parents?: readonly string[];
  readonly children?: readonly string[];
  readonly [key: string]: unknown;
}

/** A document in WfFormat 1.5 (or another version with the same form). */
export function document(tasks: readonly TaskInit[], more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    name: 'small',
    schemaVersion: '1.5',
    ...more,
    workflow: {
      specification: { tasks: tasks.map(({ id, parents = [], children = [] }) => ({ name: id, id, parents, children })) },
      execution: { makespanInSeconds: 9, executedAt: '2026-01-01T00:00:00Z', tasks: tasks.map((task) => ({ runtimeInSeconds: 1, ...task })) },
    },
  });
}

/** Imports, and reads the result back as any other pipeline file. */
export async function imported(text: string, options: Partial<ImportOptions> = {}): Promise<{ spec: RunSpec; yaml: string; notes: readonly string[] }> {
  const { yaml, notes } = importWorkflow(text, { file: 'workflow.json', ...options });
  return { spec: await compileRun(await load(yaml)), yaml, notes };
}

/** Needs by name, for each module. */
export function needsOf({ modules }: RunSpec): Record<string, string[]> {
  return Object.fromEntries(modules.map(({ name, needs }) => [name, needs.map((need) => modules[need]?.name ?? '?')]));
}
