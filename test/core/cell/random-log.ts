/**
 * Turns random numbers into a log that is mostly sensible and sometimes absurd: it remembers what was issued, so that
 * late, doubled and misdirected commands hit something real.
 */
import * as fc from 'fast-check';
import { inputsHashOf } from '../../../src/core/cell/inputs.ts';
import type { CellState } from '../../../src/core/cell/state.ts';
import type { ForeachSource } from '../../../src/core/cell/foreach-spec.ts';
import type { ClaimItem, Command, Limit, ModulePhase, ModuleSpec, Outcome, ResultItem, RunningClaim, RunSpec } from '../../../src/core/cell/types.ts';
import { cellId, nodeId, type Cid, type NodeId } from '../../../src/core/lib/ids.ts';
import { capabilities, cellName, failed, module, spec, start, succeeded } from './cells.ts';

export type Step = readonly [number, number, number, number];

export const steps = (maxLength: number): fc.Arbitrary<Step[]> =>
  fc.array(fc.tuple(fc.nat({ max: 99 }), fc.nat({ max: 999 }), fc.nat({ max: 999 }), fc.nat({ max: 999 })), { maxLength, size: 'max' });

const absurd = [-1, 0.5, NaN, Infinity, 2 ** 53, 99_999];

/** Small graphs whose shape is a function of `seed`. */
export function graph(seed: number): ModuleSpec[] {
  const size = 1 + (seed % 6);
  return Array.from({ length: size }, (_, i) => {
    const needs = Array.from({ length: i }, (_, need) => need).filter((need) => ((seed >> 1) ^ (need * 7 + i * 13)) % 3 === 0);
    const kind = (seed + i * 5) % 10;
    return module(`m${i}`, needs, {
      effectful: kind === 1,
      timeoutMs: 60_000,
      requires: { cpu: kind === 2 ? 2 : kind === 3 ? 0.5 : 1, memory: kind === 4 ? 3_000 : 0, labels: kind === 5 ? ['gpu'] : [] },
      retry: { attempts: 1 + (kind % 3), backoffMs: 1_000, jitter: kind % 2 === 0 },
    });
  });
}

const limitKeys: readonly Limit[][] = [[{ key: 'nas', max: 1 }], [{ key: 'licence', max: 2 }], [{ key: 'nas', max: 2 }, { key: 'licence', max: 1 }]];

/** Some modules go over a list: that of a module that they need, or one of the specification. */
function foreachOf(seed: number, at: number, needs: readonly number[]): Pick<ModuleSpec, 'foreach'> {
  if ((seed + at * 2) % 3 !== 0) return {};
  const [first] = needs;
  const values = Array.from({ length: (seed + at) % 4 }, (_, item) => item % 2);
  const source: ForeachSource = first === undefined ? { type: 'list', values } : { type: 'value', module: first, output: 'value' };
  return { foreach: { source, failFast: (seed + at) % 2 === 0, parallelMax: (seed + at) % 3 } };
}

/** The same graphs with limits, pauses, bounds on parallelism and barriers; also a function of `seed`. */
export function policySpec(seed: number): RunSpec {
  const modules = graph(seed).map((plain, i): ModuleSpec => {
    const limits = limitKeys[(seed + i * 3) % 5] ?? [];
    const priority = (seed + i) % 4 === 0 ? 1 + ((seed * 3 + i) % 10) : 0;
    const hedgeFactor = limits.length === 0 && !plain.effectful && (seed + i) % 5 < 4 ? 2 : 0;
    return { ...plain, policy: { priority, limits, hedgeFactor }, ...foreachOf(seed, i, plain.needs) };
  });
  const barrier = seed % 3 === 0 ? 'wave' : 'none';
  return { ...spec(modules), policy: { priority: 1 + (seed % 10), parallelMax: seed % 4, barrier } };
}

/** The same graphs with files: most modules leave some, and take those of their needs. Also a function of `seed`. */
export function filesSpec(seed: number): RunSpec {
  const modules = policySpec(seed).modules.map((plain, i): ModuleSpec => {
    const leaves = (seed + i * 7) % 4 !== 0;
    const inputs = plain.needs.filter((need) => (seed + need * 7) % 4 !== 0 && (seed + need + i) % 3 !== 0).map((need) => ({ variable: `IN${need}`, module: need, output: 'o' }));
    const { foreach: _list, ...single } = plain;
    return { ...single, files: { inputs, outputs: leaves ? [{ name: 'o', pattern: 'o' }] : [] } };
  });
  return { ...policySpec(seed), modules };
}

/** All of it at once, and what the slow model does not know of: lists of files, cached results, checkpoints. Also a function of `seed`. */
export function wildSpec(seed: number): RunSpec {
  const modules = filesSpec(seed).modules.map((plain, i): ModuleSpec => {
    const [first] = plain.needs;
    const hasList = first !== undefined && (seed + first * 7) % 4 !== 0 && (seed + i) % 2 === 0;
    const list: Pick<ModuleSpec, 'foreach'> = hasList ? { foreach: { source: { type: 'files', module: first, output: 'o' }, failFast: seed % 2 === 0, parallelMax: 0 } } : foreachOf(seed, i, plain.needs.filter((need) => (seed + need * 7) % 4 === 0));
    return { ...plain, ...list, ...(plain.effectful || (seed + i) % 3 === 0 ? {} : { cache: true }), ...((seed + i) % 2 === 0 ? { checkpoint: { folder: 'state', everyMs: 1_000 } } : {}) };
  });
  return { ...filesSpec(seed), modules, params: { crf: seed % 2 } };
}

const cid = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy' as Cid;

/** Some of them, by the bits of a number. */
function nodes(names: string, bits: number): NodeId[] {
  return names.split('').filter((_, at) => (bits >> at) % 2 === 1).map((name) => nodeId(name));
}

export class RandomLog {
  private now = start;
  private readonly issued: (RunningClaim & { inputsHash: string; generation: number; leaves: boolean })[] = [];
  private open: RandomLog['issued'] = [];
  private count = 0;
  private runs: number[] = [];
  private sessions: number[] = [];
  private readonly policies: boolean;
  private readonly files: boolean;
  private readonly wild: boolean;

  /** @param policies specs with limits and the like, and pauses. @param files modules leave files, which are lost. @param wild `wildSpec`, and runs that are run again. */
  constructor(policies = false, files = false, wild = false) {
    this.policies = policies;
    this.files = files || wild;
    this.wild = wild;
  }

  /** The next command for a cell that is at `state`. */
  next(state: CellState, [chosen, a, b, c]: Step): Command {
    let kind = chosen;
    this.observe(state);
    this.count++;
    // Something to play with first.
    if (this.count <= 2) kind = 15;
    else if (this.count <= 4) kind = 5;
    // Runs that come to an end are what can be run again.
    if (this.wild && kind < 12 && this.runs.length - state.finished.size > 3) kind = 30 + kind * 4;
    this.now += a % 7 === 0 ? (b % 5) * 1_000 : 0;
    const now = c % 97 === 0 ? absurd[a % absurd.length]! : c % 31 === 0 ? this.now - 5_000 : this.now;
    if (this.wild && kind % 5 === 4) return this.again(state, now, a, b, c);
    if (kind < 12) return { type: 'submit', now, requestKey: `key-${a % 30}`, spec: this.wild ? wildSpec(b % 40) : this.files ? filesSpec(b) : this.policies ? policySpec(b) : spec(graph(b)) };
    if (kind < 20) return this.sessionOpen(now, a, b, c);
    if (kind < 30 && this.policies) return { type: 'hedgeBatch', now, claims: this.claims(state, a, b, c, 'claimed') };
    if (kind < 50) return { type: 'claimBatch', now, claims: this.claims(state, a, b, c) };
    if (kind < 78) return { type: 'results', now, jitter: (c % 10) / 10, items: Array.from({ length: 1 + (a % 3) }, (_, i) => this.result(a + i * 7, b + i * 3, c + i)) };
    if (kind < 83) return { type: 'release', now, claims: [this.claim(a), this.claim(b)], reason: (['declined', 'released', 'lost', 'timeout'] as const)[c % 4]! };
    if (kind < 89) return { type: 'sessionExpire', now, session: this.session(a), reason: (['silent', 'socket', 'left', 'superseded'] as const)[c % 4]! };
    if (kind < 92 && this.files && c % 4 !== 0) return this.lost(state, now, a, b, c);
    if (kind < 90) return { type: 'cancel', now, run: this.run(a), reason: 'why not' };
    if (kind < 95 && this.policies && c % 3 !== 0) return this.pause(state, now, a, b, c);
    if (kind < 95) return { type: 'nodeDrain', now, node: nodeId('abcd'[a % 4]!), on: b % 2 === 0 };
    if (kind < 97) return { type: 'retire', now, runs: [this.run(a), this.run(b)] };
    if (kind < 98) return { type: 'submitPart', now, requestKey: `part-${a % 3}`, part: b % 3, parts: 2, bytes: new Uint8Array([a % 256]) };
    if (kind < 99) return { type: 'genesis', cellId: cellName, clusterName: 'again', createdAt: now, founder: nodeId('x') };
    return { type: 'close', now, senior: cellId('ffff') };
  }

  /** Learns from the state what was issued since. */
  private observe(state: CellState): void {
    this.runs = [...state.runs.keys()];
    this.sessions = [...state.sessions.keys()];
    for (const session of state.sessions.values()) {
      for (const [fence, { run, index, template, generation }] of session.claims) {
        if (this.issued.some((claim) => claim.fence === fence)) continue;
        this.issued.push({ run: run.number, module: index, fence, inputsHash: inputsHashOf(state, run.number, index), generation, leaves: (run.spec.modules[template]!.files?.outputs.length ?? 0) > 0 });
      }
    }
    this.open = this.issued.filter(({ run, module }) => state.runs.get(run)?.modules[module]?.finishedAt === 0);
  }

  private run(pick: number): number {
    return pick % 23 === 0 ? absurd[pick % absurd.length]! : (this.runs[pick % Math.max(1, this.runs.length)] ?? pick);
  }

  private session(pick: number): number {
    return pick % 19 === 0 ? absurd[pick % absurd.length]! : (this.sessions[pick % Math.max(1, this.sessions.length)] ?? pick);
  }

  /** Mostly a claim, live or given up, of a module that is not final. */
  /** Holders come and go, and what has none is made again. */
  private lost(state: CellState, now: number, a: number, b: number, c: number): Command {
    const made = [...state.runs.values()].flatMap(({ number, modules }) => modules.filter(({ outcome }) => outcome?.files !== undefined).map(({ index, generation, holders }) => ({ run: number, module: index, generation, holders })));
    const { holders = [], ...item } = made[a % Math.max(1, made.length)] ?? { run: this.run(a), module: b % 7, generation: 1 };
    const off = c % 4 === 1;
    const node = (off ? holders[b % Math.max(1, holders.length)] : undefined) ?? nodeId('abcde'[b % 5]!);
    const generation = b % 31 === 0 ? item.generation - 1 : item.generation;
    return c % 4 === 2 || (off && b % 2 === 0) ? { type: 'invalidate', now, items: [{ ...item, generation }, ...made.slice(0, 1).map(({ run, module, generation: other }) => ({ run, module, generation: other }))] } : { type: 'holders', now, items: [{ ...item, generation, node, on: !off }] };
  }

  /** Runs are run again, results stand for others, executions leave checkpoints. */
  private again(state: CellState, now: number, a: number, b: number, c: number): Command {
    const ended = [...state.finished.values()].filter(({ phase }) => phase !== 'succeeded' || a % 5 === 0).map(({ number }) => number);
    if (c % 3 === 0) return { type: 'rerun', now, requestKey: `again-${a % 40}`, run: ended[b % Math.max(1, ended.length)] ?? this.run(b), failedOnly: a % 4 !== 0 };
    if (c % 3 === 1) return { type: 'reuse', now, claims: this.claims(state, a, b, c) };
    const { run, module, fence, inputsHash } = this.open.findLast((claim) => state.runs.get(claim.run)?.modules[claim.module]?.session !== 0) ?? this.claim(a);
    return { type: 'checkpoint', now, claim: { run, module, fence }, inputsHash: b % 7 === 0 ? 'other' : inputsHash, files: { kind: 'tree', cid, name: '', size: b, count: c } };
  }

  private claim(pick: number): RandomLog['issued'][number] {
    const from = pick % 5 === 0 ? this.issued : this.open;
    return from[pick % Math.max(1, from.length)] ?? { run: this.run(pick), module: pick % 7, fence: pick, inputsHash: '', generation: 1, leaves: false };
  }

  /** The queue is mostly resumed again soon, or nothing would happen. */
  private pause(state: CellState, now: number, a: number, b: number, c: number): Command {
    if (c % 3 === 1) return { type: 'queuePause', now, on: b % 3 === 0, reason: 'the queue' };
    const paused = [...state.runs.values()].find((run) => run.paused !== null);
    return { type: 'runPause', now, run: b % 2 === 0 ? this.run(a) : (paused?.number ?? this.run(a)), on: b % 2 === 0, reason: 'the run' };
  }

  private sessionOpen(now: number, a: number, b: number, c: number): Command {
    const node = 'abcd'[a % 4]!;
    const running = Array.from({ length: b % 4 }, (_, i) => this.claim(a + i)).map(({ run, module, fence }) => ({ run, module, fence }));
    const labels: Record<string, string> = c % 3 === 0 ? { gpu: '' } : {};
    return {
      type: 'sessionOpen',
      now,
      node: nodeId(node),
      member: '',
      bootId: `${node}${c % 2}`,
      name: `node-${node}`,
      capabilities: capabilities({ slots: 1 + (b % 4), memory: 4_000 * (c % 3), labels }),
      running,
    };
  }

  private claims(state: CellState, a: number, b: number, c: number, wanted: ModulePhase = 'ready'): ClaimItem[] {
    const ready: ClaimItem[] = [];
    for (const run of state.runs.values()) {
      for (const { phase, index } of run.modules) if (phase === wanted || (phase !== 'cancelled' && c % 11 === 0)) ready.push({ run: run.number, module: index, session: 0 });
    }
    return Array.from({ length: 1 + (b % 3) }, (_, i) => {
      const item = ready[(a + i) % Math.max(1, ready.length)] ?? { run: this.run(a), module: b % 7, session: 0 };
      return { ...item, module: c % 41 === 0 ? absurd[b % absurd.length]! : item.module, session: this.session(b + i) };
    });
  }

  /** Files that a `foreach` may go over. Made again they are mostly as many. */
  private listed(outcome: Outcome, count: number): Outcome {
    return { ...outcome, files: { o: { kind: 'tree', cid, name: '', size: count, count } }, digests: { o: new Uint8Array(16 * count).fill(count) } };
  }

  private result(a: number, b: number, c: number): ResultItem {
    const claim = this.claim(a);
    const codes = ['MODULE_EXIT', 'MODULE_EXIT', 'NODE_STOPPING', 'MODULE_FENCED', 'MODULE_CANCELLED', 'NODE_EXHAUSTED', ...(this.files ? ['INPUT_MISSING', 'OUTPUT_LOST'] : [])];
    let outcome: Outcome = b % 4 === 0 ? failed(codes[c % codes.length]) : succeeded(c % 4 === 0 ? {} : c % 4 === 1 ? { value: c % 5 } : { value: Array.from({ length: c % 5 }, (_, item) => item) });
    if (outcome.ok && claim.leaves) outcome = { ...outcome, files: { o: { kind: 'file', cid, name: 'f', size: 1, count: 1 } } };
    if (outcome.ok && claim.leaves && this.wild) outcome = this.listed(outcome, b % 3 === 0 ? 1 : 2 + (c % 2));
    if (b % 29 === 0) outcome = succeeded({ big: 'x'.repeat(5_000) });
    if (a % 3 === 0) outcome = { ...outcome, tail: 'x'.repeat(c % 50), log: { cid: `log${a % 7}` as Cid, size: a % 11 === 0 ? -1 : a, cut: b, cutAt: c } };
    return {
      run: claim.run,
      module: claim.module,
      fence: b % 37 === 0 ? absurd[c % absurd.length]! : claim.fence,
      inputsHash: b % 31 === 0 ? 'other' : claim.inputsHash,
      generation: b % 41 === 0 ? claim.generation + 1 : claim.generation,
      outcome,
      ...(claim.leaves ? { holders: nodes('abcd', c), unable: nodes('abcd', c >> 3) } : {}),
    };
  }
}
