/** One function of a bundle in the supervisor: its inputs are put into place, it waits for a pooled process, runs in it, and what it left is taken. */
import { performance } from 'node:perf_hooks';
import { basename, join } from 'node:path';
import type { ErrorCode } from '../../errors.ts';
import { CallFiles } from './call-files.ts';
import type { JobTools } from './command-job.ts';
import { changedMessage, endWithLog, failureOfTaking, spawnCode, spawnMessage, stopMessage } from './job.ts';
import type { Job, JobEnd } from './job.ts';
import { TIMER_MS_MAX } from './limits.ts';
import type { CallHead, CancelMode, EndHead, TakenFile } from './messages.ts';
import { OutputLog } from './output-log.ts';

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
  /** JSON texts for the host: as they came, but for where its files are. The head may have been without these. */
  headText: string;
  readonly context: string;
  /** Undefined for a function without files. */
  readonly #files: CallFiles | undefined;
  /** What the function prints, and native code and child processes of it. */
  readonly log: OutputLog;
  readonly waitingSince = performance.now();
  readonly #graceMs: number;
  readonly #onEnd: JobEnd;
  #startedAt = 0;
  #host: JobHost | undefined;
  #stopCode: ErrorCode | '' = '';
  #ended = false;
  /** It has returned, and its outputs are being taken. */
  #taking = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(id: number, head: CallHead, headText: string, context: string, tools: JobTools) {
    const { init, folder, onEnd, onLive } = tools;
    this.id = id;
    this.headText = headText;
    this.head = head;
    this.exclusive = head.exclusive;
    this.context = context;
    this.#graceMs = init.graceMs;
    this.log = new OutputLog(join(folder, `l${id}`), (live) => onLive(id, live));
    this.#onEnd = onEnd;
    const { inputs, outputs, checkpoint } = this.head;
    this.#files = inputs.length + outputs.length === 0 && checkpoint === undefined ? undefined : new CallFiles(id, this.head, tools);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Puts its inputs into place and says `ready`, unless it has ended by then. */
  prepare(ready: () => void): void {
    if (this.#files === undefined) return ready();
    this.#files.place().then(
      (place) => {
        if (this.#ended) return;
        const { checkpoint: _placed, ...head } = this.head;
        this.headText = JSON.stringify({ ...head, inputs: [], outputs: [], place } satisfies CallHead);
        ready();
      },
      (error: unknown) => this.lost(spawnCode(error), spawnMessage(error), null),
    );
  }

  /** waiting → running. */
  startOn(host: JobHost): void {
    this.#host = host;
    this.#startedAt = performance.now();
    if (this.head.timeoutMs > 0) this.#after(this.head.timeoutMs, () => this.cancel('grace', 'MODULE_TIMEOUT'));
  }

  cancel(mode: CancelMode, code: ErrorCode): void {
    if (this.#ended || this.#taking) return;
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
    if (this.#stopCode !== '') return this.#stopped();
    if (this.#files !== undefined) return this.#leave(this.#files, head, values);
    this.#end(this.log.tail.empty ? head : withChange(head, { tail: this.log.tail.text() }), values);
  }

  #leave(files: CallFiles, head: string, values: string): void {
    const told = withChange(head, { tail: this.log.tail.text() });
    if (!isSuccess(told)) return this.#end(told, values);
    const changed = files.changed();
    if (changed !== '') return this.#end(JSON.stringify(this.#headOf('MODULE_INPUT', changedMessage(basename(changed)), null)), '{}');
    if (!files.hasOutputs) return this.#end(told, values);
    // Its process is free for others: a stop would meet one of them.
    this.#taking = true;
    files.take().then(
      (taken: readonly TakenFile[]) => this.#end(told, values, taken),
      (error: unknown) => {
        const { code, message } = failureOfTaking(error);
        this.#end(JSON.stringify(this.#headOf(code, message, null)), '{}');
      },
    );
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

  #stopped(): void {
    this.#end(JSON.stringify(this.#headOf(this.#stopCode, this.#stopMessage, null)), '{}');
  }

  #headOf(code: ErrorCode | '', message: string, exitCode: number | null): EndHead {
    const durationMs = this.#host === undefined ? 0 : performance.now() - this.#startedAt;
    return { code, message, exitCode, durationMs, tail: this.log.tail.text() };
  }

  #end(head: string, values: string, taken?: readonly TakenFile[]): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    endWithLog(this.id, this.log, head, values, this.#onEnd, taken);
    this.#files?.end();
  }

  #after(delayMs: number, callback: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(callback, Math.min(delayMs, TIMER_MS_MAX));
  }
}

function withChange(head: string, change: Partial<EndHead>): string {
  try {
    return JSON.stringify({ ...(JSON.parse(head) as object), ...change });
  } catch {
    return head;
  }
}

function isSuccess(head: string): boolean {
  try {
    return (JSON.parse(head) as { code?: unknown }).code === '';
  } catch {
    return false;
  }
}
