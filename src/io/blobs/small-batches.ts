/** Gathers what is asked for in one turn, and hands it to the thread when it is enough to be worth the way there. */
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { SmallJob, SmallOutcome, SmallResult } from './small-io.ts';

const THREAD = fileURLToPath(new URL(`./small-io-thread${extname(import.meta.url)}`, import.meta.url));
/** Fewer are done by the system's threads, without one of our own. */
const BATCH_MIN = 8;
/** Files of one job: who asks for one file more does not wait for thousands. */
const BATCH_MAX = 128;
/** A thread without work ends after this. */
const IDLE_MS = 10_000;

interface Wanted {
  readonly name: string;
  readonly length: number;
  /** Of a file to be written. */
  readonly bytes: Uint8Array | undefined;
  /** @param outcome undefined: not by the thread; the caller does it in another way. */
  readonly done: (outcome: SmallOutcome | undefined, bytes: Uint8Array) => void;
}

const NOTHING = new Uint8Array(0);

export class SmallBatches {
  readonly #folder: string;
  readonly #through: string;
  readonly #waiting: Readonly<Record<SmallJob['op'], Wanted[]>> = { read: [], write: [] };
  readonly #underWay: (readonly Wanted[])[] = [];
  #worker: Worker | undefined;
  #planned = false;
  #idle: NodeJS.Timeout | undefined;

  /** @param through where files are written before they get their names. */
  constructor(folder: string, through: string) {
    this.#folder = folder;
    this.#through = through;
  }

  read(name: string, length: number, done: (outcome: SmallOutcome | undefined, bytes: Uint8Array) => void): void {
    this.#add('read', { name, length, bytes: undefined, done });
  }

  write(name: string, bytes: Uint8Array, done: (outcome: SmallOutcome | undefined) => void): void {
    this.#add('write', { name, length: bytes.byteLength, bytes, done });
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#end(this.#worker);
  }

  #add(op: SmallJob['op'], wanted: Wanted): void {
    this.#waiting[op].push(wanted);
    if (this.#planned) return;
    this.#planned = true;
    setImmediate(() => {
      this.#planned = false;
      for (const each of ['read', 'write'] as const) this.#start(each);
    });
  }

  #start(op: SmallJob['op']): void {
    const waiting = this.#waiting[op].splice(0);
    if (waiting.length === 0) return;
    // One that works is as near as the system's threads.
    if (waiting.length < BATCH_MIN && this.#underWay.length === 0) {
      for (const { done } of waiting) done(undefined, NOTHING);
      return;
    }
    for (let at = 0; at < waiting.length; at += BATCH_MAX) this.#send(op, waiting.slice(at, at + BATCH_MAX));
  }

  #send(op: SmallJob['op'], batch: readonly Wanted[]): void {
    const names = batch.map(({ name }) => name);
    const lengths = batch.map(({ length }) => length);
    this.#underWay.push(batch);
    clearTimeout(this.#idle);
    const worker = (this.#worker ??= this.#begin());
    worker.ref();
    if (op === 'read') return worker.postMessage({ op, folder: this.#folder, names, lengths } satisfies SmallJob, []);
    const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
    let at = 0;
    for (const wanted of batch) {
      bytes.set(wanted.bytes!, at);
      at += wanted.length;
    }
    worker.postMessage({ op, folder: this.#folder, through: this.#through, names, lengths, bytes } satisfies SmallJob, [bytes.buffer]);
  }

  #begin(): Worker {
    const worker = new Worker(THREAD);
    // Whoever it worked for has been told that it does not, once it has failed.
    worker.on('message', (result: SmallResult) => worker === this.#worker && this.#came(result));
    // It could not begin, or had no memory: the files are there to be read and written all the same.
    worker.on('error', () => this.#end(worker));
    worker.on('exit', () => this.#end(worker));
    return worker;
  }

  #came({ outcomes, bytes }: SmallResult): void {
    const batch = this.#underWay.shift() ?? [];
    let at = 0;
    for (const [i, { length, bytes: written, done }] of batch.entries()) {
      const outcome = outcomes[i];
      done(outcome, written === undefined && typeof outcome === 'number' ? bytes.subarray(at, at + outcome) : NOTHING);
      at += length;
    }
    if (this.#underWay.length > 0) return;
    this.#worker?.unref();
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#end(this.#worker), IDLE_MS).unref();
  }

  #end(worker: Worker | undefined): void {
    if (worker === undefined || worker !== this.#worker) return;
    this.#worker = undefined;
    void worker.terminate();
    for (const batch of this.#underWay.splice(0)) for (const { done } of batch) done(undefined, NOTHING);
  }
}
