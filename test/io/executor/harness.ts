/** What the executor tests share: an executor on real processes, and executions made from a few words. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createHash } from 'node:crypto';
import type { ModuleAction, ModuleSpec, Outcome } from '../../../src/core/cell/types.ts';
import type { RunId } from '../../../src/core/lib/ids.ts';
import { createExecutor } from '../../../src/io/executor/executor.ts';
import type { ExecutorInit, ProcessExecutor } from '../../../src/io/executor/executor.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { Execution } from '../../../src/ports/executor.ts';
import type { Note } from '../../../src/ports/observer.ts';

export const realClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  setTimer(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  defer: (callback) => queueMicrotask(callback),
  settle: (callback) => void setImmediate(callback),
};

export interface ExecutionOptions extends Partial<Omit<Execution, 'spec'>> {
  readonly spec?: Partial<ModuleSpec>;
}

let fences = 0;

export function execution(action: ModuleAction, options: ExecutionOptions = {}): Execution {
  const spec: ModuleSpec = {
    name: 'build',
    needs: [],
    action,
    env: {},
    requires: { cpu: 1, memory: 0, labels: [], tools: {}, os: [], arch: [] },
    timeoutMs: 0,
    retry: { attempts: 1, backoffMs: 0, factor: 1, jitter: false, capMs: 0 },
    effectful: false,
    durationMs: 0,
    ...options.spec,
  };
  return {
    runId: 'r1-c0ffee' as RunId,
    run: 7,
    runName: 'demo',
    module: 0,
    fence: ++fences,
    generation: 0,
    attempt: 1,
    params: {},
    env: {},
    needs: {},
    inputs: [],
    checkpoint: [],
    idempotencyKey: 'key-1',
    bundle: () => undefined,
    ...options,
    spec,
  };
}

export function command(text: string, options?: ExecutionOptions): Execution {
  return execution({ type: 'run', command: text }, options);
}

export function registered(name: string, options?: ExecutionOptions): Execution {
  return execution({ type: 'registered', function: name }, options);
}

/** @param source of an ES module. */
export function bundled(source: string, name: string, options?: ExecutionOptions): Execution {
  const hash = createHash('sha256').update(source).digest('hex');
  return execution({ type: 'bundle', bundle: hash, export: name, sourceName: './steps.ts' }, { bundle: (asked) => (asked === hash ? source : undefined), ...options });
}

export interface Bench {
  readonly executor: ProcessExecutor;
  readonly workDir: string;
  readonly notes: Note[];
  readonly run: (execution: Execution) => Promise<Outcome>;
}

/** An executor that is stopped and whose folder is removed after the test. */
export function bench(t: TestContext, options: Partial<ExecutorInit> = {}): Bench {
  const workDir = options.workDir ?? temporaryFolder(t);
  const notes: Note[] = [];
  const executor = createExecutor({ workDir, nodeName: 'node-a', nodeId: 'peer-a', clock: realClock, observer: { notify: (note) => notes.push(note) }, ...options });
  t.after(() => new Promise<void>((resolve) => executor.stop(resolve)));
  return { executor, workDir, notes, run: (execution) => runOn(executor, execution) };
}

export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'skein-executor-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function runOn(executor: ProcessExecutor, execution: Execution): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let calls = 0;
    executor.start(execution, (outcome) => {
      if (++calls > 1) reject(new Error('done was called twice'));
      resolve(outcome);
    });
  });
}

/** Living, not a zombie. */
export function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return !/^\d+ \(.*\) [ZX] /s.test(readStat(pid));
  } catch {
    return process.platform !== 'linux';
  }
}

export async function until(condition: () => boolean, waitMs = 15_000): Promise<boolean> {
  const end = performance.now() + waitMs;
  while (!condition()) {
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
}

function readStat(pid: number): string {
  return readFileSync(`/proc/${pid}/stat`, 'latin1');
}
