/**
 * What a module prints, execution by execution, wherever it is executed: a step at a time, as the reader asks for the
 * next one, so that nothing piles up. From a running execution it is read at its node, by place, so that a cut or a
 * reader that comes back loses nothing; from one that ended, from the blob or the tail that is recorded.
 *
 *     (look at the state) → running: pieces from its node, until it is over → look again
 *                         → ended: parts of blob or tail, → look again
 *                         → none: the end, or wait and look again
 */
import { cutMark } from '../../core/lib/log-mark.ts';
import type { Fence } from '../../core/lib/ids.ts';
import { SkeinError } from '../../errors.ts';
import type { LogEvent, LogPosition } from '../api.ts';
import type { NodeContext } from '../context.ts';
import type { LogAnswer, LogAsks } from './asks.ts';
import { LOG_AGAIN_MAX_MS, LOG_AGAIN_MS, LOG_PIECE_BYTES, LOG_RECORD_WAIT_MS } from './limits.ts';
import { partOfTail, placeInBlob, wholeCharacters } from './stored.ts';
import type { ExecutionLog, ModuleLogs } from './view.ts';

export interface FollowerInit {
  readonly context: NodeContext;
  readonly asks: LogAsks;
  readonly look: (done: (error: Error | undefined, logs?: ModuleLogs) => void) => void;
  /** Part of a blob, fetched first if it is not here. */
  readonly readBlob: (log: NonNullable<ExecutionLog['log']>, from: number, length: number, done: (error: Error | undefined, bytes?: Uint8Array) => void) => void;
  /** Goes on until the module is final; else what is there now is all. */
  readonly follow: boolean;
  /** Only this attempt; 0 = all. */
  readonly attempt: number;
  /** What came before is known to the reader. */
  readonly after: LogPosition | undefined;
}

type Next = (error: Error | undefined, event?: LogEvent) => void;

export class LogFollower {
  readonly #init: FollowerInit;
  readonly #shown = new Set<Fence>();
  #current: ExecutionLog | undefined;
  #offset = 0;
  #next: Next | undefined;
  #againMs = LOG_AGAIN_MS;
  #idleTold = false;
  /** The execution that is followed is over, and not recorded. */
  #missingSince: number | undefined;
  #ended = false;
  #cancel: (() => void) | undefined;
  #forgetStop: (() => void) | undefined;

  constructor(init: FollowerInit) {
    this.#init = init;
  }

  /** Calls back once, later: with an event, or with neither after the end. */
  next(done: Next): void {
    const { context } = this.#init;
    const stopping = (): void => this.#fail(new SkeinError('NODE_STOPPING', 'the node stops'));
    this.#next = done;
    if (context.stopped) return stopping();
    // Its timers and answers die with the node, and whoever waits for the next event is to hear of it.
    this.#forgetStop ??= context.onStop(stopping);
    context.defer(() => this.#step());
  }

  stop(): void {
    this.#forgetStop?.();
    this.#ended = true;
    this.#next = undefined;
    this.#cancel?.();
  }

  #give(event: LogEvent): void {
    const next = this.#next;
    this.#next = undefined;
    next?.(undefined, event);
  }

  #fail(error: Error): void {
    const next = this.#next;
    this.#next = undefined;
    this.#ended = true;
    next?.(error);
  }

  #step(): void {
    if (this.#next === undefined) return;
    if (this.#ended) {
      const next = this.#next;
      this.#next = undefined;
      return next(undefined);
    }
    const { state } = this.#current ?? {};
    if (state === 'running') this.#ask();
    else if (state === 'ended') this.#read();
    else this.#look();
  }

  // ── Which execution ────────────────────────────────────────────────────────────────────────────────────────────

  #look(): void {
    this.#init.look((error, logs) => {
      if (this.#next === undefined) return;
      if (error !== undefined || logs === undefined) return this.#fail(error ?? new Error('no answer'));
      this.#looked(logs);
    });
  }

  #looked(logs: ModuleLogs): void {
    const followed = this.#current;
    if (followed !== undefined) return this.#goesOn(followed, logs);
    const found = logs.executions.find((execution) => this.#wants(execution));
    if (found !== undefined) return this.#begin(found);
    if (logs.final || !this.#init.follow) {
      this.#ended = true;
      return this.#give({ type: 'end', phase: logs.phase, final: logs.final });
    }
    this.#idle();
  }

  #wants({ fence, attempt }: ExecutionLog): boolean {
    const { after } = this.#init;
    return !this.#shown.has(fence) && (after === undefined || fence >= after.fence) && (this.#init.attempt === 0 || attempt === this.#init.attempt);
  }

  #begin(execution: ExecutionLog): void {
    if (execution.state === 'lost') return this.#lost(execution, 'node');
    const { fence, attempt, node, nodeId, state } = execution;
    const { after } = this.#init;
    this.#current = execution;
    this.#idleTold = false;
    this.#missingSince = undefined;
    this.#offset = after?.fence === fence ? after.offset : 0;
    if (this.#offset > 0) return this.#step();
    this.#give({ type: 'execution', fence, attempt, node, nodeId, running: state === 'running' });
  }

  /** It is over where it ran, or cannot be heard: what the state says of it now. */
  #goesOn(followed: ExecutionLog, logs: ModuleLogs): void {
    const now = logs.executions.find(({ fence }) => fence === followed.fence);
    if (now === undefined) return this.#unrecorded(followed, logs);
    if (now.state === 'lost') return this.#lost(now, 'node');
    this.#current = now;
    if (now.state === 'ended') this.#step();
    // Not begun yet, or not recorded yet, or not known to be lost.
    else if (this.#init.follow) this.#later();
    else this.#idle();
  }

  /** Stopped: what it printed is recorded in a moment, unless another execution has taken its place. */
  #unrecorded(followed: ExecutionLog, { phase, executions }: ModuleLogs): void {
    const at = this.#init.context.now();
    this.#missingSince ??= at;
    const replaced = phase === 'succeeded' || phase === 'cached' || phase === 'failed' || executions.some(({ fence }) => fence > followed.fence);
    if (!replaced && at - this.#missingSince < LOG_RECORD_WAIT_MS) this.#later();
    else this.#lost(followed, 'dropped');
  }

  #lost({ fence, attempt, node }: ExecutionLog, why: Extract<LogEvent, { type: 'lost' }>['why']): void {
    this.#shown.add(fence);
    this.#current = undefined;
    this.#give({ type: 'lost', fence, attempt, node, why });
  }

  // ── One that runs ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Until the reader was told that there is no more now, there is no waiting for more. */
  #ask(): void {
    const { nodeId, fence } = this.#current!;
    const askedAt = this.#init.context.now();
    this.#cancel = this.#init.asks.ask(nodeId, fence, this.#offset, this.#idleTold, (answer) => {
      this.#cancel = undefined;
      if (this.#next !== undefined) this.#answered(answer, this.#init.context.now() - askedAt);
    });
  }

  #answered(answer: LogAnswer | undefined, tookMs: number): void {
    if (answer === undefined && !this.#init.follow) return this.#lost(this.#current!, 'silent');
    if (answer === undefined || answer.over) return this.#look();
    if (answer.offset > this.#offset) return this.#part(answer.offset, new TextEncoder().encode(cutMark(answer.offset - this.#offset)));
    const whole = answer.bytes.subarray(0, wholeCharacters(answer.bytes));
    if (answer.offset === this.#offset && whole.byteLength > 0) this.#part(this.#offset + whole.byteLength, whole);
    // It waited there for more; one that has no room for questions answers at once.
    else if (this.#idleTold && tookMs >= LOG_AGAIN_MS) this.#ask();
    else this.#idle();
  }

  /** Nothing more now: said once, then waited for. */
  #idle(): void {
    if (!this.#init.follow && this.#current !== undefined) return this.#finished();
    if (this.#idleTold) return this.#later();
    this.#idleTold = true;
    this.#give({ type: 'idle' });
  }

  #later(): void {
    const timer = this.#init.context.after(this.#againMs, () => this.#step());
    this.#cancel = () => timer.cancel();
    this.#againMs = Math.min(LOG_AGAIN_MAX_MS, 2 * this.#againMs);
  }

  // ── One that ended ─────────────────────────────────────────────────────────────────────────────────────────────

  #read(): void {
    const { log, tail } = this.#current!;
    if (log === null) {
      const part = partOfTail(tail, this.#offset);
      return part === undefined ? this.#finished() : this.#part(part.next, part.bytes);
    }
    const place = placeInBlob(log, this.#offset, LOG_PIECE_BYTES);
    if (place === undefined) return this.#finished();
    this.#init.readBlob(log, place.from, place.length, (error, bytes) => {
      if (this.#next === undefined) return;
      if (error !== undefined || bytes === undefined || bytes.byteLength === 0) return this.#fail(error ?? new Error(`${log.cid} ends too soon`));
      if (place.isMark) return this.#part(log.cutAt + log.cut, bytes);
      const isLast = place.from + bytes.byteLength === log.size;
      // Of half a character before a cut there is no more.
      const whole = (isLast ? 0 : wholeCharacters(bytes)) || bytes.byteLength;
      this.#part(this.#offset + whole, bytes.subarray(0, whole));
    });
  }

  #finished(): void {
    this.#shown.add(this.#current!.fence);
    this.#current = undefined;
    this.#look();
  }

  #part(next: number, bytes: Uint8Array): void {
    const { fence, attempt } = this.#current!;
    const offset = this.#offset;
    this.#offset = next;
    this.#againMs = LOG_AGAIN_MS;
    this.#give({ type: 'output', fence, attempt, offset, next, bytes });
  }
}
