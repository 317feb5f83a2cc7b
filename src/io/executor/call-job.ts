/** One function of a bundle in the supervisor: waits for a pooled process, then runs in it. */
import { performance } from 'node:perf_hooks';
import type { ErrorCode } from '../../errors.ts';
import { clipText, Tail } from './tail.ts';
import { stopMessage } from './job.ts';
import type { Job, JobEnd } from './job.ts';
import { TAIL_BYTES_MAX, TIMER_MS_MAX } from './limits.ts';
import type { CallHead, CancelMode, EndHead } from './messages.ts';

/** What a job asks of the pooled process that runs it. */
export interface JobHost {
  abort(id: number, code: ErrorCode, message: string): void;
  /** SIGKILL for its whole tree. */
  kill(): void;
}

export class CallJob implements Job {
  readonly id: number;
  readonly exclusive: boolean;
  readonly head: CallHead;
  /** JSON texts, sent on as they came. */
  readonly headText: string;
  readonly context: string;
  /** Output that did not come with the result: written by native code or child processes, or before a crash. */
  readonly tail = new Tail();
  readonly waitingSince = performance.now();
  readonly #graceMs: number;
  readonly #onEnd: JobEnd;
  #startedAt = 0;
  #host: JobHost | undefined;
  #stopCode: ErrorCode | '' = '';
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(id: number, headText: string, context: string, graceMs: number, onEnd: JobEnd) {
    this.id = id;
    this.headText = headText;
    this.head = JSON.parse(headText) as CallHead;
    this.exclusive = this.head.exclusive;
    this.context = context;
    this.#graceMs = graceMs;
    this.#onEnd = onEnd;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** waiting → running. */
  startOn(host: JobHost): void {
    this.#host = host;
    this.#startedAt = performance.now();
    if (this.head.timeoutMs > 0) this.#after(this.head.timeoutMs, () => this.cancel('grace', 'MODULE_TIMEOUT'));
  }

  cancel(mode: CancelMode, code: ErrorCode): void {
    if (this.#ended) return;
    const first = this.#stopCode === '';
    if (first) this.#stopCode = code;
    if (this.#host === undefined) {
      this.#stopped();
    } else if (mode === 'now') {
      this.#host.kill();
    } else if (first) {
      this.#host.abort(this.id, code, this.#stopMessage);
      this.#after(this.#graceMs, () => this.#host?.kill());
    }
  }

  /** The function has returned or thrown. `head` and `values` are JSON texts of code that is not ours. */
  returned(head: string, values: string): void {
    if (this.#ended) return;
    if (this.#stopCode !== '') this.#stopped(tailOf(head));
    else if (this.tail.empty) this.#end(head, values);
    else {
      this.tail.appendText(tailOf(head));
      this.#end(withTail(head, this.tail.text()), values);
    }
  }

  /** Its process ended, or could not be started. */
  lost(code: ErrorCode, message: string, exitCode: number | null): void {
    if (this.#ended) return;
    if (this.#stopCode !== '') this.#stopped();
    else this.#end(JSON.stringify(this.#headOf(code, message, exitCode)), '{}');
  }

  get #stopMessage(): string {
    return this.#stopCode === '' ? '' : stopMessage(this.#stopCode, this.head.timeoutMs);
  }

  #stopped(lastOutput = ''): void {
    this.tail.appendText(lastOutput);
    this.#end(JSON.stringify(this.#headOf(this.#stopCode, this.#stopMessage, null)), '{}');
  }

  #headOf(code: ErrorCode | '', message: string, exitCode: number | null): EndHead {
    const durationMs = this.#host === undefined ? 0 : performance.now() - this.#startedAt;
    return { code, message, exitCode, durationMs, tail: this.tail.text() };
  }

  #end(head: string, values: string): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#onEnd(this.id, head, values);
  }

  #after(delayMs: number, callback: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(callback, Math.min(delayMs, TIMER_MS_MAX));
  }
}

function tailOf(head: string): string {
  try {
    const { tail } = JSON.parse(head) as { tail?: unknown };
    return typeof tail === 'string' ? clipText(tail, TAIL_BYTES_MAX) : '';
  } catch {
    return '';
  }
}

function withTail(head: string, tail: string): string {
  try {
    return JSON.stringify({ ...(JSON.parse(head) as object), tail });
  } catch {
    return head;
  }
}
