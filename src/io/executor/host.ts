/**
 * The program of a pooled process (`node host.js BUNDLE`): executes functions of one bundle, one at a time, told by the
 * supervisor on descriptor 3. It ends when the supervisor does.
 */
import { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';
import { SkeinError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import type { ModuleContext } from '../../ports/module-function.ts';
import { LINE_LENGTH_MAX } from './limits.ts';
import { LineReader, LineWriter } from './lines.ts';
import type { Line } from './lines.ts';
import type { CallHead, EndHead } from './messages.ts';
import { Tail } from './tail.ts';
import { thrownMessage } from './thrown.ts';
import { valuesOfReturn } from './values.ts';

/** Output of a function that runs on is handed over so often, so that it outlives a crash. */
const TAIL_FLUSH_MS = 100;

type Plain = Omit<ModuleContext, 'signal' | 'log'>;

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

  readonly log = (...parts: unknown[]): void => this.#log(`${format(...parts)}\n`);

  abort(reason: SkeinError): void {
    this.#aborted = reason;
    this.#controller?.abort(reason);
  }
}

const channel = new Socket({ fd: 3 });
const writer = new LineWriter(channel);
const tail = new Tail();
let current: { readonly id: number; readonly context: Context; readonly startedAt: number } | undefined;
let flushTimer: NodeJS.Timeout | undefined;
let exports: Record<string, unknown> | undefined;

const loading = import(pathToFileURL(process.argv[2] ?? '').href).then(
  (loaded: Record<string, unknown>) => {
    exports = loaded;
    return '';
  },
  (error: unknown) => thrownMessage(error),
);

function capture(chunk: string | Uint8Array): void {
  if (current === undefined) return;
  if (typeof chunk === 'string') tail.appendText(chunk);
  else tail.append(chunk);
  flushTimer ??= setTimeout(flushTail, TAIL_FLUSH_MS).unref();
}

function flushTail(): void {
  flushTimer = undefined;
  if (current === undefined || tail.empty) return;
  // The text has no raw newline or tab once it is JSON.
  writer.send('tail', current.id, '{}', JSON.stringify(tail.text()));
  tail.clear();
}

function end(code: ErrorCode | '', message: string, values = '{}', kind: 'end' | 'fatal' = 'end'): void {
  if (current === undefined) return;
  const head: EndHead = { code, message, exitCode: null, durationMs: performance.now() - current.startedAt, tail: tail.text() };
  writer.send(kind, current.id, JSON.stringify(head), values);
  current = undefined;
  tail.clear();
  if (flushTimer !== undefined) clearTimeout(flushTimer);
  flushTimer = undefined;
}

async function execute(id: number, head: CallHead, plain: Plain): Promise<void> {
  const { workDir, inputs } = head.place ?? { workDir: '', inputs: {} };
  const context = new Context({ ...plain, workDir, inputs }, capture);
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
    if (current?.id === id) end('MODULE_THREW', thrownMessage(error));
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
  end('MODULE_THREW', `not caught: ${thrownMessage(error)}`, '{}', 'fatal');
  writer.flush();
}

for (const stream of [process.stdout, process.stderr]) {
  stream.write = ((chunk: string | Uint8Array, encoding?: unknown, done?: unknown): boolean => {
    capture(chunk);
    const callback = typeof encoding === 'function' ? encoding : done;
    if (typeof callback === 'function') process.nextTick(callback);
    return true;
  });
}
process.on('uncaughtException', onFatal);
process.on('unhandledRejection', onFatal);
process.on('exit', () => {
  flushTail();
  writer.flush();
});
const reader = new LineReader(LINE_LENGTH_MAX, onLine, () => process.exit(1));
channel.setEncoding('utf8');
channel.on('data', (text: string) => reader.push(text));
channel.on('close', () => process.exit(0));
channel.on('error', () => process.exit(0));
