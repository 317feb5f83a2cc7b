/**
 * The program of a pooled process (`node host.js BUNDLE`): executes functions of one bundle, one at a time, told by the
 * supervisor on descriptor 3. It ends when the supervisor does.
 */
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';
import { SkeinError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import type { ModuleContext } from '../../ports/module-function.ts';
import { LINE_LENGTH_MAX, PROGRESS_READ_MS } from './limits.ts';
import { LineReader, lineText } from './lines.ts';
import type { Line } from './lines.ts';
import { ITEM_PATH_VARIABLE } from './messages.ts';
import type { CallHead, EndHead } from './messages.ts';
import { progressOf } from './progress-file.ts';
import { thrownMessage } from './thrown.ts';
import { valuesOfReturn } from './values.ts';

/** Output of a function that runs on is handed over so often, so that it outlives a crash. */
const FLUSH_MS = 50;
/** And when there is so much of it: a loop that prints and never waits must not fill the memory. */
const FLUSH_BYTES = 48 * 1024;
/** Between two tries to write to a supervisor that does not read now. */
const WRITE_AGAIN_MS = 1;

type Plain = Omit<ModuleContext, 'signal' | 'log' | 'progress'>;

const ownFolder = process.cwd();

/** What a function is handed. The AbortController is made only when it is asked for. */
class Context {
  #controller: AbortController | undefined;
  #aborted: SkeinError | undefined;
  #log: (text: string) => void;

  constructor(plain: Plain, log: (text: string) => void) {
    Object.assign(this, plain);
    this.#log = log;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted !== undefined) this.#controller.abort(this.#aborted);
    return this.#controller.signal;
  }

  /** Whatever is said in between is overtaken by what is said then. */
  readonly progress = (fraction: number, message = ''): void => {
    // Bounded here: a line that is too long would be the end of this process.
    progressText = lineText('progress', current?.id ?? 0, JSON.stringify(progressOf(fraction, message)), '{}');
    progressTimer ??= setTimeout(sendProgress, Math.max(0, PROGRESS_READ_MS - (performance.now() - progressAt))).unref();
  };

  readonly log = (...parts: unknown[]): void => this.#log(`${format(...parts)}\n`);

  abort(reason: SkeinError): void {
    this.#aborted = reason;
    this.#controller?.abort(reason);
  }
}

const channelFd = 3;
const channel = new Socket({ fd: channelFd });
let output: Buffer[] = [];
let outputBytes = 0;
const sleeper = new Int32Array(new SharedArrayBuffer(4));
let current: { readonly id: number; readonly context: Context; readonly startedAt: number } | undefined;
let flushTimer: NodeJS.Timeout | undefined;
let progressText = '';
let progressAt = -Infinity;
let progressTimer: NodeJS.Timeout | undefined;
let exports: Record<string, unknown> | undefined;

/** Of the bundle; what it was made of is named as if it lay there. */
const codeFolder = dirname(process.argv[2] ?? '');

const loading = import(pathToFileURL(process.argv[2] ?? '').href).then(
  (loaded: Record<string, unknown>) => {
    exports = loaded;
    return '';
  },
  (error: unknown) => thrownMessage(error, codeFolder),
);

/** Returns when it is written: what a function prints waits for nobody's turn, and a slow disk slows it down. */
function send(text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(channelFd, bytes, at);
    } catch (error) {
      // The supervisor is gone, and with it whoever wants to hear this.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') process.exit(0);
      Atomics.wait(sleeper, 0, 0, WRITE_AGAIN_MS);
    }
  }
}

function capture(chunk: string | Uint8Array, encoding?: BufferEncoding): void {
  if (current === undefined) return;
  const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : Buffer.from(chunk);
  output.push(bytes);
  outputBytes += bytes.length;
  if (outputBytes >= FLUSH_BYTES) flushOutput();
  else flushTimer ??= setTimeout(flushOutput, FLUSH_MS).unref();
}

/** That of an execution which has ended meanwhile is dropped by the supervisor. */
function sendProgress(): void {
  progressTimer = undefined;
  progressAt = performance.now();
  send(progressText);
}

function flushOutput(): void {
  send(takeOutput());
}

/** Lines for what was printed since the last time. */
function takeOutput(): string {
  if (flushTimer !== undefined) clearTimeout(flushTimer);
  flushTimer = undefined;
  const bytes = output.length === 1 ? output[0]! : Buffer.concat(output);
  output = [];
  outputBytes = 0;
  const id = current?.id ?? 0;
  let lines = '';
  for (let at = 0; at < bytes.length; at += FLUSH_BYTES) lines += lineText('output', id, '{}', JSON.stringify(bytes.toString('base64', at, at + FLUSH_BYTES)));
  return lines;
}

function end(code: ErrorCode | '', message: string, values = '{}', kind: 'end' | 'fatal' = 'end'): void {
  if (current === undefined) return;
  const head: EndHead = { code, message, exitCode: null, durationMs: performance.now() - current.startedAt };
  send(takeOutput() + lineText(kind, current.id, JSON.stringify(head), values));
  current = undefined;
}

async function execute(id: number, head: CallHead, plain: Plain): Promise<void> {
  const { workDir, inputs, checkpointDir } = head.place ?? { workDir: '', inputs: {}, checkpointDir: '' };
  const { [ITEM_PATH_VARIABLE]: itemPath, ...named } = inputs;
  const context = new Context({ ...plain, workDir, inputs: named, checkpointDir, ...(itemPath === undefined ? {} : { item: itemPath }) }, capture);
  current = { id, context, startedAt: performance.now() };
  if (exports === undefined) {
    const problem = await loading;
    if (problem !== '') {
      end('MODULE_SPAWN', `${head.sourceName} could not be loaded: ${problem}`);
      return;
    }
  }
  const target = exports?.[head.export];
  if (typeof target !== 'function') {
    const names = Object.keys(exports ?? {}).filter((name) => typeof exports?.[name] === 'function');
    end('MODULE_SPAWN', `${head.sourceName} exports no function "${head.export}"; it exports ${names.length === 0 ? 'none' : names.join(', ')}`);
    return;
  }
  const restore = applyEnv({ ...plain.env, ...inputs });
  try {
    if (workDir !== '') process.chdir(workDir);
    const returned: unknown = await target(context);
    const result = valuesOfReturn(returned);
    if (current?.id !== id) return;
    if (result.ok) end('', '', JSON.stringify(result.values));
    else end('MODULE_OUTPUT', `returned what cannot be kept: ${result.message}`);
  } catch (error) {
    if (current?.id === id) end('MODULE_THREW', thrownMessage(error, codeFolder));
  } finally {
    restore();
    if (workDir !== '') process.chdir(ownFolder);
  }
}

/** What the function starts itself sees the module's environment too. One execution at a time makes this safe. */
function applyEnv(env: Readonly<Record<string, string>>): () => void {
  const names = Object.keys(env);
  if (names.length === 0) return () => {};
  const before = names.map((name) => process.env[name]);
  Object.assign(process.env, env);
  return () =>
    names.forEach((name, index) => {
      const value = before[index];
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    });
}

function onLine(line: Line): void {
  if (line.kind === 'call') {
    void execute(line.id, JSON.parse(line.head) as CallHead, JSON.parse(line.body) as Plain);
  } else if (line.kind === 'abort' && current?.id === line.id) {
    const { code, message } = JSON.parse(line.head) as { code: ErrorCode; message: string };
    current.context.abort(new SkeinError(code, message));
  }
}

/** After an error that nothing caught this process is not used again. */
function onFatal(error: unknown): void {
  end('MODULE_THREW', `not caught: ${thrownMessage(error, codeFolder)}`, '{}', 'fatal');
}

for (const stream of [process.stdout, process.stderr]) {
  stream.write = ((chunk: string | Uint8Array, encoding?: unknown, done?: unknown): boolean => {
    capture(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : undefined);
    const callback = typeof encoding === 'function' ? encoding : done;
    if (typeof callback === 'function') process.nextTick(callback);
    return true;
  });
}
process.on('uncaughtException', onFatal);
process.on('unhandledRejection', onFatal);
process.on('exit', flushOutput);
const reader = new LineReader(LINE_LENGTH_MAX, onLine, () => process.exit(1));
channel.setEncoding('utf8');
channel.on('data', (text: string) => reader.push(text));
channel.on('close', () => process.exit(0));
channel.on('error', () => process.exit(0));
