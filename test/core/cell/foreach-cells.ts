/** Short ways to say what modules with `foreach` are and do. */
import assert from 'node:assert/strict';
import { moduleName } from '../../../src/core/cell/accessors.ts';
import type { ForeachSpec } from '../../../src/core/cell/foreach-spec.ts';
import type { BlobFile, Json, Outcome } from '../../../src/core/cell/types.ts';
import { nodeId, type Cid, type RunNumber } from '../../../src/core/lib/ids.ts';
import { succeeded, type ModuleSketch, type TestCell } from './cells.ts';

export const cids = ['bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy', 'bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq'] as Cid[];

export const over = (source: ForeachSpec['source'], more: Partial<ForeachSpec> = {}): ModuleSketch => ({ foreach: { source, failFast: true, parallelMax: 0, ...more } });
export const list = (...values: Json[]): ForeachSpec['source'] => ({ type: 'list', values });
export const valueOf = (need: number, output = 'list'): ForeachSpec['source'] => ({ type: 'value', module: need, output });

export function phases(cell: TestCell, run: RunNumber): string[] {
  return cell.state.runs.get(run)!.modules.map((record) => `${moduleName(record)} ${record.phase}`);
}

export function end(cell: TestCell, run: RunNumber, index: number, session: number, outcome: Outcome = succeeded()): void {
  assert.equal(cell.result(run, index, cell.claim(run, index, session), outcome, { holders: [nodeId('a')], generation: cell.module(run, index).generation }), 'accepted');
}

export const file = (path: string, cid = cids[0]!): BlobFile => ({ path, cid, size: 1, executable: false });
