/**
 * Functions of the embedding program, in this process. They cannot be killed: a cancel or a timeout aborts their signal
 * and reports at once; what they return later is dropped. Between functions the event loop gets its turn.
 */
import { format } from 'node:util';
import { SkeinError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Execution, LogPiece, Progress } from '../../ports/executor.ts';
import type { Json } from '../../core/cell/types.ts';
import type { ModuleContext, ModuleFunction } from '../../ports/module-function.ts';
import { stopMessage } from './job.ts';
import { progressOf } from './progress-file.ts';
import { Tail } from './tail.ts';
import { thrownMessage } from './thrown.ts';
import { TimeoutWheel } from './timeout-wheel.ts';
import { valuesOfReturn } from './values.ts';
import type { Values, ValuesResult } from './values.ts';

/** Starting functions pauses after so long, so that messages and timers are not held up. */
const TURN_MS = 4;

export interface RegisteredResult {
  readonly code: ErrorCode | '';
  readonly message: string;
  readonly values: Values;
  readonly tail: string;
}

type Done = (result: RegisteredResult) => void;

const nothing: Values = {};
const noValues: ValuesResult = { ok: true, values: nothing };

/** One execution, and at the same time the context that the function is handed. */
export class RegisteredCall implements ModuleContext {
  readonly params: Readonly<Record<string, Json>>;
  readonly env: Readonly<Record<string, string>>;
  readonly inputs = {};
  readonly workDir = '';
  readonly checkpointDir = '';
  readonly attempt: number;
  readonly fence: number;
  readonly runId: string;
  readonly runName: string;
  readonly module: string;
  readonly idempotencyKey: string;
  readonly item: Json | undefined;
  readonly itemIndex: number | undefined;
  readonly #execution: Execution;
  readonly #target: ModuleFunction;
  #done: Done | undefined;
  #needs: ModuleContext['needs'] | undefined;
  #controller: AbortController | undefined;
  #reason: SkeinError | undefined;
  #tail: Tail | undefined;
  /** How far it is. */
  said: Progress | undefined;

  constructor(execution: Execution, target: ModuleFunction, env: Readonly<Record<string, string>>, done: Done) {
    this.params = execution.params;
    this.env = env;
    this.attempt = execution.attempt;
    this.fence = execution.fence;
    this.runId = execution.runId;
    this.runName = execution.runName;
    this.module = execution.spec.name;
    this.idempotencyKey = execution.idempotencyKey;
    this.item = execution.item?.value;
    this.itemIndex = execution.item?.index;
    this.#execution = execution;
    this.#target = target;
    this.#done = done;
  }

  get needs(): ModuleContext['needs'] {
    this.#needs ??= needsOf(this.#execution.needs);
    return this.#needs;
  }

  /** Made only for functions that ask for it. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  get progress(): (fraction: number, message?: string) => void {
    return (fraction, message = '') => void (this.said = progressOf(fraction, message));
  }

  get log(): (...parts: unknown[]) => void {
    return (...parts) => {
      if (this.#done === undefined) return;
      this.#tail ??= new Tail();
      this.#tail.appendText(`${format(...parts)}\n`);
    };
  }

  /** What is in memory of what it printed. */
  printed(offset: number): LogPiece | undefined {
    return this.#tail?.since(offset);
  }

  /** What the function throws is its result; only what the caller's `done` throws comes out of here. */
  run(): void {
    if (this.#done === undefined) return;
    let returned: unknown;
    let later: boolean;
    try {
      returned = this.#target(this);
      later = isThenable(returned);
    } catch (error) {
      this.#end('MODULE_THREW', thrownMessage(error));
      return;
    }
    if (!later) this.#returned(returned);
    else
      Promise.resolve(returned).then(
        (value) => this.#returned(value),
        (error: unknown) => this.#end('MODULE_THREW', thrownMessage(error)),
      );
  }

  stop(code: ErrorCode): void {
    if (this.#done === undefined) return;
    const message = stopMessage(code, this.#execution.spec.timeoutMs);
    this.#reason = new SkeinError(code, message);
    const controller = this.#controller;
    this.#end(code, message);
    controller?.abort(this.#reason);
  }

  #returned(value: unknown): void {
    const result = value === undefined ? noValues : keptValues(value);
    if (result.ok) this.#end('', '', result.values);
    else this.#end('MODULE_OUTPUT', `returned what cannot be kept: ${result.message}`);
  }

  #end(code: ErrorCode | '', message: string, values: Values = nothing): void {
    const done = this.#done;
    this.#done = undefined;
    done?.({ code, message, values, tail: this.#tail?.text() ?? '' });
  }
}

/** Starts calls in order, a few milliseconds of them per turn of the event loop. */
export class RegisteredRunner {
  readonly #clock: Clock;
  readonly #timeouts: TimeoutWheel<RegisteredCall>;
  #queue: RegisteredCall[] = [];
  #at = 0;
  #scheduled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#timeouts = new TimeoutWheel(clock, (call) => call.stop('MODULE_TIMEOUT'));
  }

  start(call: RegisteredCall, timeoutMs: number): void {
    this.#queue.push(call);
    if (timeoutMs > 0) this.#timeouts.add(call, timeoutMs);
    this.#schedule();
  }

  ended(call: RegisteredCall): void {
    this.#timeouts.remove(call);
  }

  stop(): void {
    this.#timeouts.stop();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    const until = this.#clock.now() + TURN_MS;
    while (this.#at < this.#queue.length) {
      this.#queue[this.#at++]?.run();
      if (this.#clock.now() > until) break;
    }
    if (this.#at < this.#queue.length) this.#schedule();
    else {
      this.#queue = [];
      this.#at = 0;
    }
  }
}

export function needsOf(needs: Execution['needs']): ModuleContext['needs'] {
  const shaped: Record<string, { outputs: Readonly<Record<string, Json>> }> = {};
  for (const name of Object.keys(needs)) shaped[name] = { outputs: needs[name] ?? {} };
  return shaped;
}

/** Reading what was returned runs the user's getters, which may throw. */
function keptValues(value: unknown): ValuesResult {
  try {
    return valuesOfReturn(value);
  } catch (error) {
    return { ok: false, message: thrownMessage(error) };
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
