/** S24: recorded with too few copies, or with holders that have none. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import type { RunRecord } from '../../../src/core/cell/state.ts';
import type { FilesRef, ModuleSpec, ResultVerdict } from '../../../src/core/cell/types.ts';
import { nodeId, type Cid, type NodeId, type RunId } from '../../../src/core/lib/ids.ts';
import { cidOf } from '../../../src/protocol/cid.ts';
import { encodeTree } from '../../../src/protocol/tree-codec.ts';
import { CopyChecker } from '../../../sim/checkers/copies.ts';
import { module, spec, succeeded } from '../../core/cell/cells.ts';
import { CELL, entry, FakeNode, Reports } from './fakes.ts';

const blob = (text: string): { cid: Cid; bytes: Uint8Array } => {
  const bytes = new TextEncoder().encode(text);
  return { cid: cidOf('raw', createHash('sha256').update(bytes).digest()), bytes };
};
const outputs = [{ name: 'o', pattern: 'o' }];
/** What nobody takes, what b takes, and what is the list of c. */
const modules: ModuleSpec[] = [
  module('given', [], { files: { inputs: [], outputs } }),
  module('taken', [], { files: { inputs: [], outputs } }),
  module('b', [1], { files: { inputs: [{ variable: 'IN', module: 1, output: 'o' }], outputs: [] } }),
  module('listed', [], { files: { inputs: [], outputs } }),
  module('c', [3], { foreach: { source: { type: 'files', module: 3, output: 'o' }, failFast: true, parallelMax: 0 } }),
];

class Story {
  readonly reports = new Reports();
  readonly nodes = ['a', 'b', 'c'].map((name) => new FakeNode(name));
  readonly checker = new CopyChecker(this.reports.report, (id) => this.nodes.find((node) => node.id === id));
  readonly file = blob('a file');
  readonly ref: FilesRef = { kind: 'file', cid: this.file.cid, name: 'f', size: 6, count: 1 };
  #index = 1;

  constructor(open = 'abc') {
    const run = { spec: spec(modules), modules: [] } as Partial<RunRecord> as RunRecord;
    for (const [at, name] of open.split('').entries()) {
      this.nodes[0]!.state.sessions.set(at, { id: at, nodeId: nodeId(name) } as never);
      this.nodes[0]!.state.sessionOfNode.set(nodeId(name), at);
    }
    this.nodes[0]!.state.runs.set(5, run);
    this.applied([{ type: 'runSubmitted', run: 5, runId: 'r-c' as RunId, at: 0 }]);
  }

  applied(events: Parameters<CopyChecker['applied']>[0]['events'], rest: Partial<Parameters<CopyChecker['applied']>[0]> = {}): void {
    this.checker.applied({ node: this.nodes[0]!, cell: CELL, entry: entry((this.#index += 1), 1), command: undefined, reply: undefined, events, first: true, ...rest });
  }

  has(names: string, { cid, bytes } = this.file): void {
    for (const name of names.split('')) this.nodes.find((node) => node.name === name)!.blobs.put(cid, bytes);
  }

  result(index: number, holders: string, more: { unable?: NodeId[]; verdict?: ResultVerdict; ref?: FilesRef } = {}): Reports {
    const outcome = { ...succeeded(), files: { o: more.ref ?? this.ref } };
    const item = { run: 5, module: index, generation: 1, fence: 1, inputsHash: '', outcome, holders: holders.split('').map((name) => nodeId(name)), unable: more.unable ?? [] };
    this.applied([], { command: { type: 'results', now: 0, jitter: 0, items: [item] }, reply: { type: 'results', verdicts: [more.verdict ?? 'accepted'] } });
    return this.reports;
  }
}

test('S24: as many copies as there could be, up to what it needs', () => {
  for (const [open, index, holders, bad] of [['abc', 0, 'ab', false], ['abc', 0, 'a', true], ['abc', 1, 'a', false], ['abc', 3, 'a', false], ['a', 0, 'a', false], ['bc', 0, 'a', true], ['bc', 1, 'a', true]] as const) {
    const story = new Story(open);
    story.has('abc');
    const reports = story.result(index, holders);
    if (bad) reports.only('S24');
    else reports.none();
    assert.equal(story.checker.committed, 1);
  }
});

test('S24: a node that could not is not asked for, a result that was sent back counts as nothing', () => {
  const unable = new Story();
  unable.has('a');
  unable.result(0, 'a', { unable: [nodeId('b'), nodeId('c')] }).none();
  const half = new Story();
  half.has('a');
  half.result(0, 'a', { unable: [nodeId('b')] }).only('S24');
  const back = new Story();
  back.has('a');
  back.result(0, 'a', { verdict: 'needCopies' }).none();
  assert.deepEqual([back.checker.committed, back.checker.sentBack], [0, 1]);
});

test('S24: a holder that does not have it, or not all that it lists; what a fault took is nobody’s fault', () => {
  const none = new Story();
  none.has('a');
  none.result(0, 'ab').only('S24');
  const taken = new Story();
  taken.has('ab');
  taken.nodes[1]!.blobs.lose(taken.file.cid);
  taken.result(0, 'ab').none();
  const list = new Story();
  const bytes = encodeTree([{ path: 'p', cid: list.file.cid, size: 6, executable: false }]);
  const named = { cid: cidOf('raw', createHash('sha256').update(bytes).digest()), bytes };
  const ref: FilesRef = { kind: 'tree', cid: named.cid, name: '', size: 6, count: 1 };
  list.has('ab', named);
  list.has('a');
  list.result(0, 'ab', { ref }).only('S24');
});

test('S24: a copy that was made later', () => {
  const story = new Story();
  story.has('ab');
  story.result(0, 'ab').none();
  const record = { generation: 1, outcome: { files: { o: story.ref } } };
  Object.assign(story.nodes[0]!.state.runs.get(5)!, { modules: [record] });
  const holder = (node: string): void => story.applied([], { command: { type: 'holders', now: 0, items: [{ run: 5, module: 0, generation: 1, node: nodeId(node), on: true }] }, reply: { type: 'ok' } });
  holder('b');
  story.reports.none();
  holder('c');
  story.reports.only('S24');
});
