/** One node of the demo: the real `dist/node.js` as a process of its own, with a data directory of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../dist/node.js', import.meta.url));

export interface LogLine {
  readonly time: string;
  readonly event?: string;
  readonly level: string;
  readonly msg?: string;
  readonly [key: string]: unknown;
}

export interface NodeProcessInit {
  readonly name: string;
  readonly dataDir: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly line?: (node: NodeProcess, line: LogLine) => void;
}

export class NodeProcess {
  readonly name: string;
  readonly dataDir: string;
  readonly lines: LogLine[] = [];
  readonly started: Promise<LogLine>;
  readonly exited: Promise<void>;
  readonly #child: ChildProcess;
  #ended = false;

  constructor(init: NodeProcessInit) {
    this.name = init.name;
    this.dataDir = init.dataDir;
    const args = [script, '--name', init.name, '--data-dir', init.dataDir, '--p2p-port', '0', '--http-port', '0', ...init.args];
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...init.env, SKEIN_LOG_FORMAT: 'json' } });
    const started = Promise.withResolvers<LogLine>();
    const exited = Promise.withResolvers<void>();
    this.started = started.promise;
    this.exited = exited.promise;
    createInterface({ input: this.#child.stdout! }).on('line', (text) => {
      const line = parse(text);
      if (line === undefined) return;
      this.lines.push(line);
      if (line.event === 'node-started') started.resolve(line);
      init.line?.(this, line);
    });
    let stderr = '';
    this.#child.stderr!.on('data', (chunk: Buffer) => (stderr = (stderr + chunk.toString()).slice(-4000)));
    this.#child.on('exit', (code, signal) => {
      this.#ended = true;
      started.reject(new Error(`node ${init.name} ended (${signal ?? `exit code ${code}`}) before it had started: ${stderr}`));
      exited.resolve();
    });
    this.started.catch(() => undefined);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get alive(): boolean {
    return !this.#ended;
  }

  kill(signal: NodeJS.Signals): void {
    if (!this.#ended) this.#child.kill(signal);
  }

  /** HTTP address, once started. */
  async url(): Promise<string> {
    return String((await this.started)['httpUrl']);
  }

  /** Loopback multiaddr for the others to dial, once started. */
  async address(): Promise<string> {
    const addresses = (await this.started)['addresses'] as string[];
    return addresses.find((address) => address.includes('/127.0.0.1/')) ?? addresses[0] ?? '';
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(`${await this.url()}${path}`, { signal: AbortSignal.timeout(5000) });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }
}

function parse(text: string): LogLine | undefined {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    return undefined;
  }
}
