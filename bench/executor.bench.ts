/**
 * One executor on this machine, without a cluster: no-op functions registered in this process, no-op functions through
 * the pooled processes, `run: true` as real commands. Prints a line of JSON, then the same for people.
 *
 *     node bench/executor.bench.ts [--count 20000]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { ModuleAction, Outcome } from '../src/core/cell/types.ts';
import type { RunId } from '../src/core/lib/ids.ts';
import { realClock } from '../src/io/clock.ts';
import { createExecutor, type ProcessExecutor } from '../src/io/executor/executor.ts';
import type { Execution } from '../src/ports/executor.ts';

export interface ExecutorFigures {
  /** UNDER_WAY at once, as many slots would be. */
  readonly registeredPerSecond: number;
  readonly pooledPerSecond: number;
  readonly commandsPerSecond: number;
  /** One at a time. */
  readonly pooledMs: number;
  readonly commandMs: number;
}

const UNDER_WAY = 64;
const COMMANDS_SHARE = 50;
const SOURCE = 'export const noop = () => {};';

const actions = {
  registered: { type: 'registered', function: 'noop' },
  pooled: { type: 'bundle', bundle: 'noop', export: 'noop', sourceName: './noop.ts' },
  command: { type: 'run', command: 'true' },
} satisfies Record<string, ModuleAction>;

let fences = 0;

function execution(action: ModuleAction): Execution {
  const requires = { cpu: 1, memory: 0, labels: [], tools: {}, os: [], arch: [] };
  const retry = { attempts: 1, backoffMs: 0, factor: 1, jitter: false, capMs: 0 };
  const spec = { name: 'noop', needs: [], action, env: {}, requires, timeoutMs: 1_800_000, retry, effectful: false, durationMs: 0 };
  const identity = { runId: 'r1-bench' as RunId, run: 1, runName: 'bench', module: 0, fence: ++fences, generation: 0, attempt: 1, idempotencyKey: 'key' };
  return { ...identity, spec, params: {}, env: {}, needs: {}, inputs: [], checkpoint: [], bundle: () => SOURCE };
}

function once(executor: ProcessExecutor, action: ModuleAction): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    executor.start(execution(action), (outcome) => (outcome.ok ? resolve(outcome) : reject(new Error(outcome.error?.message))));
  });
}

/** @returns executions per second. */
async function rate(executor: ProcessExecutor, action: ModuleAction, count: number, underWay: number): Promise<number> {
  let started = 0;
  const from = performance.now();
  const lane = async (): Promise<void> => {
    while (started++ < count) await once(executor, action);
  };
  await Promise.all(Array.from({ length: underWay }, lane));
  return (count * 1000) / (performance.now() - from);
}

export async function measureExecutor(count: number): Promise<ExecutorFigures> {
  const workDir = mkdtempSync(join(tmpdir(), 'skein-bench-'));
  const executor = createExecutor({ workDir, nodeName: 'bench', nodeId: 'bench', observer: { notify: () => undefined }, clock: realClock(), registered: { noop: () => undefined } });
  const commands = Math.max(1, Math.round(count / COMMANDS_SHARE));
  try {
    await Promise.all([once(executor, actions.pooled), once(executor, actions.command)]);
    await rate(executor, actions.pooled, Math.ceil(count / 10), UNDER_WAY);
    return {
      registeredPerSecond: await rate(executor, actions.registered, count, UNDER_WAY),
      pooledPerSecond: await rate(executor, actions.pooled, count, UNDER_WAY),
      commandsPerSecond: await rate(executor, actions.command, commands, UNDER_WAY),
      pooledMs: 1000 / (await rate(executor, actions.pooled, Math.ceil(count / 10), 1)),
      commandMs: 1000 / (await rate(executor, actions.command, commands, 1)),
    };
  } finally {
    await new Promise<void>((resolve) => executor.stop(resolve));
    rmSync(workDir, { recursive: true, force: true });
  }
}

export function describeExecutor(figures: ExecutorFigures): string {
  const perSecond = (value: number): string => `${Math.round(value).toLocaleString('en')} a second`;
  return [
    `registered functions, ${UNDER_WAY} under way  ${perSecond(figures.registeredPerSecond)}`,
    `pooled functions, ${UNDER_WAY} under way      ${perSecond(figures.pooledPerSecond)}, one at a time ${figures.pooledMs.toFixed(2)} ms`,
    `run: true, ${UNDER_WAY} under way             ${perSecond(figures.commandsPerSecond)}, one at a time ${figures.commandMs.toFixed(1)} ms`,
  ].join('\n');
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { count: { type: 'string', default: '20000' } } });
  const figures = await measureExecutor(Number(values.count));
  process.stdout.write(`${JSON.stringify({ bench: 'executor', ...figures })}\n${describeExecutor(figures)}\n`);
}
