/** Small cells for tests: short ways to say what a log says. */
import { strict as assert } from 'node:assert';
import { apply } from '../../../src/core/cell/cell.ts';
import { ordinaryModule, ordinaryRun } from '../../../src/core/cell/policy.ts';
import { createCell, moduleAt, type CellState, type ModuleRecord } from '../../../src/core/cell/state.ts';
import { inputsHashOf } from '../../../src/core/cell/inputs.ts';
import type {
  Capabilities,
  CellEvent,
  ClaimItem,
  Command,
  Json,
  ModulePolicy,
  ModuleSpec,
  Outcome,
  Reply,
  ResultItem,
  RunPolicy,
  RunSpec,
} from '../../../src/core/cell/types.ts';
import { jsonText } from '../../../src/core/lib/json-text.ts';
import type { Slice } from '../../../src/core/lib/slice.ts';
import { cellId, nodeId, type Fence, type RunNumber, type SessionId } from '../../../src/core/lib/ids.ts';

export const cellName = cellId('00112233445566778899aabbccddeeff');
export const start = 1_700_000_000_000;

/** Decodes a spec that was sent as JSON text. */
function* decodeSubmit(bytes: Uint8Array, slice: Slice): Generator<undefined, RunSpec | undefined> {
  if (slice.spent(bytes.length)) yield undefined;
  try {
    const spec = JSON.parse(new TextDecoder().decode(bytes)) as Partial<RunSpec> | null;
    return spec?.modules === undefined ? undefined : (spec as RunSpec);
  } catch {
    return undefined;
  }
}

export const hooks = { decodeSubmit, encodeSubmit: (made: RunSpec): Uint8Array => new TextEncoder().encode(jsonText(made)) };

export function capabilities(more: Partial<Capabilities> = {}): Capabilities {
  return { os: 'linux', arch: 'x64', slots: 4, memory: 8_000, gpus: [], tools: {}, labels: {}, functions: [], ...more };
}

export type ModuleSketch = Omit<Partial<ModuleSpec>, 'requires' | 'retry' | 'policy'> & {
  readonly requires?: Partial<ModuleSpec['requires']>;
  readonly retry?: Partial<ModuleSpec['retry']>;
  readonly policy?: Partial<ModulePolicy>;
};

export function module(name: string, needs: readonly number[] = [], { policy, ...more }: ModuleSketch = {}): ModuleSpec {
  return {
    name,
    needs,
    action: { type: 'run', command: 'true' },
    env: {},
    timeoutMs: 0,
    effectful: false,
    durationMs: 0,
    ...more,
    requires: { cpu: 1, memory: 0, labels: [], tools: {}, os: [], arch: [], ...more.requires },
    retry: { attempts: 1, backoffMs: 5_000, factor: 2, jitter: false, capMs: 300_000, ...more.retry },
    ...(policy === undefined ? {} : { policy: { ...ordinaryModule, ...policy } }),
  };
}

export function spec(modules: readonly ModuleSpec[], name = 'pipeline', policy?: Partial<RunPolicy>): RunSpec {
  return { name, params: {}, env: {}, modules, bundles: {}, ...(policy === undefined ? {} : { policy: { ...ordinaryRun, ...policy } }) };
}

export function succeeded(values: Readonly<Record<string, Json>> = {}, durationMs = 10): Outcome {
  return { ok: true, values, error: null, exitCode: 0, tail: '', startedAt: start, durationMs };
}

export function failed(code = 'MODULE_EXIT'): Outcome {
  return { ok: false, values: {}, error: { code, message: 'it failed' }, exitCode: 1, tail: 'last words', startedAt: start, durationMs: 10 };
}

/** A command without its stamp. */
type Unstamped<C> = C extends { readonly now: number } ? Omit<C, 'now'> : C;

/** One cell and the log that is written to it. */
export class TestCell {
  state: CellState = createCell(hooks);
  now = start;
  index = 0;
  events: readonly CellEvent[] = [];
  private keys = 0;

  constructor(founded = true) {
    if (founded) this.found();
  }

  found(): void {
    this.apply({ type: 'genesis', cellId: cellName, clusterName: 'test', createdAt: start, founder: nodeId('a') });
  }

  apply(command: Unstamped<Command>): Reply {
    this.index++;
    const { reply, events } = apply(this.state, this.index, { now: this.now, ...command } as Command);
    this.events = events;
    return reply;
  }

  open(node: string, more: { capabilities?: Partial<Capabilities>; bootId?: string; running?: { run: RunNumber; module: number; fence: Fence }[] } = {}): SessionId {
    const reply = this.apply({
      type: 'sessionOpen',
      node: nodeId(node),
      member: '',
      bootId: more.bootId ?? `${node}-boot`,
      name: `node-${node}`,
      capabilities: capabilities(more.capabilities),
      running: more.running ?? [],
    });
    assert.ok(reply.type === 'session', JSON.stringify(reply));
    return reply.session;
  }

  submit(modules: readonly ModuleSpec[], requestKey?: string, name = 'pipeline', policy?: Partial<RunPolicy>): RunNumber {
    const reply = this.apply({ type: 'submit', requestKey: requestKey ?? `key-${++this.keys}`, spec: spec(modules, name, policy) });
    assert.ok(reply.type === 'run', JSON.stringify(reply));
    return reply.run;
  }

  claims(items: readonly ClaimItem[]): readonly Fence[] {
    const reply = this.apply({ type: 'claimBatch', claims: items });
    assert.ok(reply.type === 'claims', JSON.stringify(reply));
    return reply.fences;
  }

  claim(run: RunNumber, moduleIndex: number, session: SessionId): Fence {
    return this.claims([{ run, module: moduleIndex, session }])[0]!;
  }

  result(run: RunNumber, moduleIndex: number, fence: Fence, outcome: Outcome, more: Partial<ResultItem> = {}): string {
    const item: ResultItem = { run, module: moduleIndex, generation: 1, fence, inputsHash: inputsHashOf(this.state, run, moduleIndex), outcome, ...more };
    const reply = this.apply({ type: 'results', jitter: 0, items: [item] });
    assert.ok(reply.type === 'results', JSON.stringify(reply));
    return reply.verdicts[0]!;
  }

  module(run: RunNumber, moduleIndex: number): ModuleRecord {
    const record = moduleAt(this.state, run, moduleIndex);
    assert.ok(record);
    return record;
  }

  phase(run: RunNumber): string {
    return this.state.runs.get(run)?.phase ?? 'none';
  }

  /** Code of an error reply, or '' for any other. */
  refusal(command: Unstamped<Command>): string {
    const reply = this.apply(command);
    return reply.type === 'error' ? reply.code : '';
  }
}
