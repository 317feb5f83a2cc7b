/** Files that come with a run: whoever accepts it has them, two nodes keep them, and what nobody has is refused. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import test from 'node:test';
import { inputsHashOf } from '../../src/core/cell/inputs.ts';
import type { FilesRef, Json, ModuleSpec, RunSpec } from '../../src/core/cell/types.ts';
import type { Cid } from '../../src/core/lib/ids.ts';
import { isSkeinError } from '../../src/errors.ts';
import { cidOf } from '../../src/protocol/cid.ts';
import { encodeTree } from '../../src/protocol/tree-codec.ts';
import type { SimNode } from '../../sim/sim-node.ts';
import { modulesOf, Stage } from '../../sim/stage.ts';

const takes: Partial<ModuleSpec> = { files: { inputs: [{ variable: 'SRC', param: 'src' }], outputs: [] } };

class Lab extends Stage {
  constructor(seed: string, nodes = 3) {
    super({ seed, mutants: new Set() }, { nodes });
    this.form();
  }

  put(node: SimNode, bytes: Uint8Array): Cid {
    const cid = cidOf('raw', createHash('sha256').update(bytes).digest());
    node.blobs.put(cid, bytes);
    node.incarnation?.process.run(() => node.runtime?.blobs.added(cid, bytes.byteLength));
    return cid;
  }

  /** @returns how many nodes have it whole. */
  holders(cid: Cid): number {
    return this.cluster.nodes.filter((node) => node.state === 'up' && node.blobs.whole.has(cid)).length;
  }

  /** What comes of a submit. */
  ask(node: SimNode, src: Json, modules: readonly ModuleSpec[] = this.modules()): { ended: boolean; error: Error | undefined } {
    return this.submitAt(node, { name: 'files', params: { src }, env: {}, modules, bundles: {} });
  }

  submitAt(node: SimNode, spec: RunSpec): { ended: boolean; error: Error | undefined } {
    const asked = { ended: false, error: undefined as Error | undefined };
    node.incarnation?.process.run(() =>
      node.runtime?.submit(spec, `key-${node.name}`, (error) => {
        asked.ended = true;
        asked.error = error;
      }),
    );
    return asked;
  }

  modules(): readonly ModuleSpec[] {
    return modulesOf(2, { kind: 'ok', durationMs: 20 }, takes);
  }

  succeeded(): boolean {
    return [...(this.leader.replica?.state.runs.values() ?? [])].some((run) => run.spec.name === 'files' && run.phase === 'succeeded');
  }
}

const bytes = new TextEncoder().encode('all that is in the film');
const fileRef = (cid: Cid): FilesRef => ({ kind: 'file', cid, name: 'film.mkv', size: bytes.byteLength, count: 1 });

test('a run is accepted where its file is not: the node gets it first, and modules have it wherever they are', () => {
  const lab = new Lab('elsewhere', 4);
  const [origin, other] = lab.others(lab.leader) as [SimNode, SimNode];
  const cid = lab.put(origin, bytes);
  const asked = lab.ask(other, { ...fileRef(cid) });
  lab.until('an answer', () => asked.ended, 10_000, 1);
  assert.equal(asked.error, undefined);
  assert.ok(other.blobs.whole.has(cid), 'whoever accepted it has the file');
  lab.until('the run to end', () => lab.succeeded(), 20_000);
});

test('two nodes more keep the files of a run, so that those on which they were put may go', () => {
  const lab = new Lab('copies', 5);
  const [origin] = lab.others(lab.leader) as [SimNode];
  const inside = lab.put(origin, bytes);
  const tree = lab.put(origin, encodeTree([{ path: 'a/b.txt', cid: inside, size: bytes.byteLength, executable: false }]));
  const never = modulesOf(1, { kind: 'hang', durationMs: 0 }, { ...takes, timeoutMs: 0 });
  const asked = lab.ask(origin, { kind: 'tree', cid: tree, name: '', size: bytes.byteLength, count: 1 }, never);
  lab.until('an answer', () => asked.ended, 10_000, 1);
  lab.until('two copies of the list and of the file', () => Math.min(lab.holders(tree), lab.holders(inside)) >= 2, 10_000);
  lab.crash(origin, 'power');
  lab.until('two copies again', () => Math.min(lab.holders(tree), lab.holders(inside)) >= 2, 30_000);
});

test('what nobody has is refused in words that name the parameter, and so is a size that is not true', () => {
  const lab = new Lab('nobody');
  const node = lab.leader;
  const gone = lab.ask(node, { ...fileRef(cidOf('raw', createHash('sha256').update('gone').digest())) });
  lab.until('an answer', () => gone.ended, 60_000, 5);
  assert.ok(isSkeinError(gone.error, 'BLOB_NOT_FOUND'), String(gone.error));
  assert.match(gone.error.message, /^parameter "src": /);
  const wrong = lab.ask(node, { ...fileRef(lab.put(node, bytes)), size: 5 });
  lab.until('an answer', () => wrong.ended, 10_000, 1);
  assert.ok(isSkeinError(wrong.error, 'PARAM_INVALID'));
  const noName = lab.ask(node, { ...fileRef('film' as Cid) });
  lab.until('an answer', () => noName.ended, 10_000, 1);
  assert.ok(isSkeinError(noName.error, 'BLOB_INVALID'));
  const noTree = lab.ask(node, { kind: 'tree', cid: lab.put(node, bytes), name: '', size: 1, count: 1 });
  lab.until('an answer', () => noTree.ended, 10_000, 1);
  assert.ok(isSkeinError(noTree.error, 'BLOB_INVALID'));
});

test('the inputs hash is that of the content', () => {
  const lab = new Lab('hash');
  const node = lab.leader;
  const asked = lab.ask(node, { ...fileRef(lab.put(node, bytes)) });
  lab.until('an answer', () => asked.ended, 10_000, 1);
  const state = lab.leader.replica!.state;
  const [run] = state.runs.keys();
  assert.match(inputsHashOf(state, run!, 0), /^[0-9a-f]{32}$/);
  lab.until('the run to end', () => lab.succeeded(), 20_000);
});

const code = (cid: Cid, size = bytes.byteLength): RunSpec['bundles'] => ({ [cid]: { kind: 'file', cid, name: 'steps.ts', size, count: 1 } });
const functions = (cid: Cid): ModuleSpec[] => modulesOf(6, { kind: 'ok', durationMs: 20 }, { action: { type: 'bundle', bundle: cid, export: 'ok 20', sourceName: './steps.ts' } });
const calling = (cid: Cid, size?: number): RunSpec => ({ name: 'files', params: {}, env: {}, modules: functions(cid), bundles: code(cid, size) });

test('a bundle that is a blob: whoever accepts the run has it first, every node that executes a function fetches it once, two keep it', () => {
  const lab = new Lab('bundle', 4);
  const [origin, other] = lab.others(lab.leader) as [SimNode, SimNode];
  const cid = lab.put(origin, bytes);
  const asked = lab.submitAt(other, calling(cid));
  lab.until('an answer', () => asked.ended, 10_000, 1);
  assert.equal(asked.error, undefined);
  assert.ok(other.blobs.whole.has(cid));
  lab.until('the run to end', () => lab.succeeded(), 20_000);
  assert.ok(lab.holders(cid) >= 2);
  assert.equal(lab.cluster.ledger.ended.finished, 6, 'none had to be handed back');
});

test('the machine on which it was put goes before anybody has claimed: a node that never saw it executes the functions', () => {
  const lab = new Lab('bundle-gone', 4);
  const [origin] = lab.others(lab.leader) as [SimNode];
  const cid = lab.put(origin, bytes);
  const asked = lab.submitAt(lab.leader, calling(cid));
  lab.until('an answer', () => asked.ended, 10_000, 1);
  lab.crash(origin, 'power');
  lab.until('the run to end', () => lab.succeeded(), 30_000);
});

test('a bundle that nobody has, or that is not as long as it is said to be, is refused by the name of its file', () => {
  const lab = new Lab('bundle-nobody');
  const gone = lab.submitAt(lab.leader, calling(cidOf('raw', createHash('sha256').update('gone').digest())));
  lab.until('an answer', () => gone.ended, 60_000, 5);
  assert.ok(isSkeinError(gone.error, 'BLOB_NOT_FOUND'), String(gone.error));
  assert.match(gone.error.message, /^the bundle of steps\.ts: /);
  assert.deepEqual(gone.error.data, { file: 'steps.ts' });
  const wrong = lab.submitAt(lab.leader, calling(lab.put(lab.leader, bytes), 5));
  lab.until('an answer', () => wrong.ended, 10_000, 1);
  assert.ok(isSkeinError(wrong.error, 'PIPELINE_INVALID'), String(wrong.error));
  assert.match(wrong.error.message, /^the bundle of steps\.ts: it is said to have 5 bytes/);
});

test('all copies are lost while it runs: the module waits for it, and goes on when it is put again', () => {
  const lab = new Lab('bundle-lost');
  const cid = lab.put(lab.leader, bytes);
  const spec = calling(cid);
  const asked = lab.submitAt(lab.leader, { ...spec, modules: spec.modules.map((module, at) => (at === 0 ? { ...module, action: { type: 'run', command: 'ok 1500' } } : { ...module, needs: [0] })) });
  lab.until('an answer', () => asked.ended, 10_000, 1);
  for (const { blobs } of lab.cluster.nodes) blobs.lose(cid);
  for (const node of lab.cluster.nodes) node.incarnation?.process.run(() => node.runtime?.blobs.remove(cid, () => undefined));
  const missed = (): boolean => [...lab.leader.replica!.state.runs.values()].some((run) => run.modules.some(({ inputsMissed }) => inputsMissed > 0));
  lab.until('somebody to miss it', missed, 60_000, 50);
  lab.put(lab.others(lab.leader)[0]!, bytes);
  lab.until('the run to end', () => lab.succeeded(), 60_000, 50);
});
