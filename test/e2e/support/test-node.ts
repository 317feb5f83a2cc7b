/** One real node as a process: `dist/node.js` with a data directory of its own, asked through its unix socket. */
import { spawn, type ChildProcess } from 'node:child_process';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { socketPathOf } from '../../../src/io/paths.ts';
import type { StatusJson } from '../../../src/io/http/views.ts';
import { MARK } from './processes.ts';

export const script = fileURLToPath(new URL('../../../dist/node.js', import.meta.url));
const ANSWER_MS = 10_000;
const ERRORS_LENGTH = 8000;

export interface LogLine {
  readonly time: string;
  readonly level: string;
  readonly event?: string;
  readonly msg?: string;
  readonly [key: string]: unknown;
}

export interface TestNodeInit {
  readonly name: string;
  readonly dataDir: string;
  readonly mark: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Command that the node is started with, for a network of its own. */
  readonly prefix?: readonly string[];
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Whatever happens to the test, its nodes end with it; their supervisors then end the modules. */
const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

/** Starts a process that ends with this one at the latest. */
export function spawnTied(command: string, args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  living.add(child);
  child.once('exit', () => living.delete(child));
  return child;
}

/** The environment of this process without what would configure a node or spy on it. */
export function plainEnvironment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name, value]) => value !== undefined && !name.startsWith('SKEIN_') && !name.startsWith('NODE_') && !name.startsWith('XDG_'));
  return Object.fromEntries(kept) as Record<string, string>;
}

export class TestNode {
  readonly name: string;
  readonly dataDir: string;
  readonly mark: string;
  readonly lines: LogLine[] = [];
  readonly exited: Promise<Ended>;
  ended: Ended | undefined;
  readonly #child: ChildProcess;
  readonly #socketPath: string;
  #errors = '';

  constructor(init: TestNodeInit) {
    this.name = init.name;
    this.dataDir = init.dataDir;
    this.mark = init.mark;
    const env = { ...plainEnvironment(), ...init.env, SKEIN_LOG_FORMAT: 'json', [MARK]: init.mark };
    this.#socketPath = socketPathOf(init.dataDir, env);
    const [command = '', ...args] = [...(init.prefix ?? []), process.execPath, script, ...init.args];
    this.#child = spawnTied(command, args, env);
    createInterface({ input: this.#child.stdout! }).on('line', (text) => this.lines.push(readLine(text)));
    this.#child.stderr!.on('data', (chunk: Buffer) => (this.#errors = (this.#errors + chunk.toString()).slice(-ERRORS_LENGTH)));
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.ended = { code, signal };
        resolve(this.ended);
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get alive(): boolean {
    return this.ended === undefined;
  }

  /** What it wrote to stderr: empty unless something is badly wrong. */
  get errors(): string {
    return this.#errors;
  }

  kill(signal: NodeJS.Signals): void {
    if (this.alive) this.#child.kill(signal);
  }

  /** The log line of this event, of `from` or later. */
  event(name: string, from = 0): LogLine | undefined {
    return this.lines.find((line) => line.event === name && Date.parse(line.time) >= from);
  }

  status(): Promise<StatusJson> {
    return this.get<StatusJson>('/api/v1/status');
  }

  async get<T>(path: string): Promise<T> {
    const { status, body } = await this.ask('GET', path);
    if (status >= 300) throw new Error(`${this.name} ${path}: ${status} ${JSON.stringify(body)}`);
    return body as T;
  }

  /** Rejects when the connection breaks or nobody answers in time. */
  ask(method: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
      const sent = request({ socketPath: this.#socketPath, host: 'localhost', method, path, agent: false, headers: { ...(text === undefined ? {} : { 'content-type': 'application/json' }), ...headers } }, (response) => {
        let answer = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (answer += chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parsed(answer) }));
      });
      sent.setTimeout(ANSWER_MS, () => sent.destroy(new Error(`${this.name} did not answer ${path} in time`)));
      sent.on('error', reject);
      sent.end(text);
    });
  }

  /** Its log, for the report of a test that failed. */
  story(): string {
    const lines = this.lines.slice(-40).map((line) => `  ${line.time} ${line.level} ${line.event ?? ''} ${line.msg ?? ''}`);
    return [`${this.name} (pid ${this.pid}, ${this.ended === undefined ? 'alive' : JSON.stringify(this.ended)}):`, ...lines, this.#errors].join('\n');
  }
}

function readLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return { time: new Date().toISOString(), level: 'raw', msg: text };
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
