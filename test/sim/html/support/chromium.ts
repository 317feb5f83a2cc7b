/** A real browser for a test: an installed Chromium, driven over its debugging protocol. No package is needed for that. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';

const programs = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const START_MS = 20_000;

/** Undefined where none is installed. */
export function findChromium(): string | undefined {
  return programs.find((program) => existsSync(program));
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/** One tab. */
export class Tab {
  /** Errors of scripts and what the page wanted to load, besides itself. */
  readonly complaints: string[] = [];
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (message: Message) => void>();
  readonly #loaded: (() => void)[] = [];
  #session = '';
  #id = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', (event) => this.#received(JSON.parse(String(event.data)) as Message));
  }

  async open(): Promise<void> {
    const { targetId } = await this.#call('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.#call('Target.attachToTarget', { targetId, flatten: true });
    this.#session = String(sessionId);
    for (const domain of ['Page', 'Runtime', 'Network', 'Log']) await this.#call(`${domain}.enable`);
  }

  async size(width: number, height: number, dark = false): Promise<void> {
    await this.#call('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
    await this.#call('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }] });
  }

  async goTo(url: string): Promise<void> {
    const loaded = new Promise<void>((resolve) => this.#loaded.push(resolve));
    await this.#call('Page.navigate', { url });
    await loaded;
  }

  /** The value of an expression in the page. */
  async evaluate<T>(expression: string, is: (value: unknown) => value is T): Promise<T> {
    const { result } = await this.#call('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
    const { value } = result as { readonly value?: unknown };
    if (!is(value)) throw new Error(`${expression} gives ${JSON.stringify(value)}`);
    return value;
  }

  async press(key: string, shift = false): Promise<void> {
    const event = { key, ...(key === ' ' ? { text: ' ' } : {}), modifiers: shift ? 8 : 0 };
    await this.#call('Input.dispatchKeyEvent', { type: 'keyDown', ...event });
    await this.#call('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
  }

  #call(method: string, params: Readonly<Record<string, unknown>> = {}): Promise<Readonly<Record<string, unknown>>> {
    const id = (this.#id += 1);
    this.#socket.send(JSON.stringify({ id, method, params, ...(this.#session === '' ? {} : { sessionId: this.#session }) }));
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => (error === undefined ? resolve(result ?? {}) : reject(new Error(`${method}: ${error.message}`))));
    });
  }

  #received(message: Message): void {
    if (message.id !== undefined) {
      this.#waiting.get(message.id)?.(message);
      this.#waiting.delete(message.id);
    }
    const { method, params } = message;
    if (method === 'Page.loadEventFired') for (const resolve of this.#loaded.splice(0)) resolve();
    if (method === 'Runtime.exceptionThrown' || method === 'Log.entryAdded') this.complaints.push(JSON.stringify(params));
    const url = (params?.['request'] as { readonly url?: string } | undefined)?.url ?? '';
    if (method === 'Network.requestWillBeSent' && !/^(?:file|data|about):/.test(url)) this.complaints.push(`it asks for ${url}`);
  }
}

/** A new tab in a browser of its own, which ends with the test. */
export async function startChromium(t: TestContext, program: string): Promise<Tab> {
  const profile = mkdtempSync(path.join(tmpdir(), 'skein-chromium-'));
  const child = spawn(program, ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'], { stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(async () => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill('SIGKILL')) await gone;
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  });
  const socket = new WebSocket(await debuggerUrl(child));
  t.after(() => socket.close());
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', () => reject(new Error('no connection to the browser')));
  });
  const tab = new Tab(socket);
  await tab.open();
  return tab;
}

function debuggerUrl(child: ChildProcess): Promise<string> {
  let said = '';
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the browser did not start: ${said.slice(-500)}`)), START_MS);
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const url = /listening on (ws:\S+)/.exec(said)?.[1];
      if (url === undefined) return;
      clearTimeout(late);
      resolve(url);
    });
    child.once('exit', (code) => reject(new Error(`the browser ended with ${code}: ${said.slice(-500)}`)));
  });
}
