/** Short ways to say what modules leave and take, and who has it. */
import assert from 'node:assert/strict';
import { fromSections, stateHash, toSections } from '../../../src/core/cell/snapshot.ts';
import type { FilesRef, ModuleFiles, ModuleSpec, Outcome, ResultItem } from '../../../src/core/cell/types.ts';
import { nodeId, type Cid, type Fence, type NodeId } from '../../../src/core/lib/ids.ts';
import { hooks, module, succeeded, TestCell } from './cells.ts';

export const cid = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy' as Cid;
export const ref: FilesRef = { kind: 'file', cid, name: 'f', size: 10, count: 1 };
export const nodes = (text: string): NodeId[] => text.split('').map((name) => nodeId(name));
export const makes = (inputs: ModuleFiles['inputs'], ...outputs: string[]): Partial<ModuleSpec> => ({ files: { inputs, outputs: outputs.map((name) => ({ name, pattern: name })) } });
export const takes = (from: number, output = 'o'): ModuleFiles['inputs'][number] => ({ variable: `IN${from}`, module: from, output });

/** a makes o, b makes p of it, c takes p and gives q. */
export const chain = [module('a', [], makes([], 'o')), module('b', [0], makes([takes(0)], 'p')), module('c', [1], makes([takes(1, 'p')], 'q'))];

export function left(...outputs: string[]): Outcome {
  return { ...succeeded(), files: Object.fromEntries(outputs.map((name) => [name, ref])) };
}

export class Files extends TestCell {
  readonly sessions: Record<string, number> = {};

  constructor(names: string) {
    super();
    for (const name of names) this.sessions[name] = this.open(name);
  }

  deliver(run: number, index: number, fence: Fence, outcome: Outcome, holders: string, more: Partial<ResultItem> = {}): string {
    const { generation } = this.module(run, index);
    return this.result(run, index, fence, outcome, { generation, holders: nodes(holders), ...more });
  }

  /** Executes a module on `on`; `holders` have what it left. */
  done(run: number, index: number, on: string, outcome: Outcome, holders = on): void {
    assert.equal(this.deliver(run, index, this.claim(run, index, this.sessions[on]!), outcome, holders), 'accepted');
  }

  gone(name: string): void {
    this.apply({ type: 'sessionExpire', session: this.sessions[name]!, reason: 'silent' });
  }

  lose(run: number, ...modules: number[]): void {
    this.apply({ type: 'invalidate', items: modules.map((index) => ({ run, module: index, generation: this.module(run, index).generation })) });
  }

  phases(run: number): string {
    return this.state.runs.get(run)!.modules.map(({ phase }) => phase).join(' ');
  }

  /** The same state from its snapshot, which the rest of the test goes on with. */
  restored(): this {
    const { header, runs } = toSections(this.state);
    const back = fromSections(header, runs.map(({ plain }) => plain()), hooks);
    assert.equal(stateHash(back), stateHash(this.state));
    this.state = back;
    return this;
  }
}
