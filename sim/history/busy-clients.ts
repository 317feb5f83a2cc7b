/**
 * Clients at real nodes, for tests with real processes: they submit, try again under the same key, cancel and read while
 * the test does its worst to the nodes; what they asked and were told goes into the recorder.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { RecordedClient, type HttpNode } from './http-client.ts';
import type { Recorder } from './recorder.ts';

export interface BusyClientsInit {
  readonly recorder: Recorder;
  /** Who may be asked now, always in the same order; asked again for each call. A node that is dead or stopped may be among them. */
  readonly nodes: () => readonly HttpNode[];
  /** Body of a submit: `{spec}` or `{pipeline, file}`. Small: most runs should end while the test lasts. */
  readonly body: unknown;
  /** A new request key. */
  readonly key: () => string;
  /** @default 4 */
  readonly clients?: number;
  /** Mean wait of one client between two calls. @default 50 */
  readonly pauseMs?: number;
  /** Requests in all. @default 200 */
  readonly submitsMax?: number;
  /** In [0, 1). @default Math.random */
  readonly random?: () => number;
}

const CLIENTS = 4;
const PAUSE_MS = 50;
const SUBMITS_MAX = 200;
/** Cancels and reads are of one of so many newest runs. */
const NEWEST = 6;

export class BusyClients {
  readonly #init: BusyClientsInit;
  readonly #random: () => number;
  readonly #keys: string[] = [];
  readonly #runs = new Set<string>();
  #loops: Promise<void>[] = [];
  #stopped = false;

  constructor(init: BusyClientsInit) {
    this.#init = init;
    this.#random = init.random ?? Math.random;
  }

  /** Runs that a client was told of. */
  get runs(): ReadonlySet<string> {
    return this.#runs;
  }

  start(): void {
    const { recorder, clients = CLIENTS } = this.#init;
    this.#loops = Array.from({ length: clients }, (_, index) => this.#work(new RecordedClient(recorder, `c${index + 1}`), index));
  }

  /** Resolves when the last call has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  /** One linearizable read of each run, to be called once the cluster rests: a client may wait long with its question. */
  async lookAtAll(node: HttpNode): Promise<void> {
    const client = new RecordedClient(this.#init.recorder, 'last look');
    for (const run of this.#runs) await client.read(node, run, 'strong');
  }

  async #work(client: RecordedClient, index: number): Promise<void> {
    while (!this.#stopped) {
      // What a broken connection means is in the history.
      await this.#call(client, index).catch(() => undefined);
      await pause(2 * this.#random() * (this.#init.pauseMs ?? PAUSE_MS));
    }
  }

  async #call(client: RecordedClient, index: number): Promise<unknown> {
    const nodes = this.#init.nodes();
    const [any, home] = [this.#pick(nodes), nodes[index % nodes.length]];
    const run = this.#pick([...this.#runs].slice(-NEWEST));
    if (any === undefined || home === undefined) return undefined;
    const what = this.#random();
    if (run === undefined || what < 0.3) return this.#submit(client, nodes, any);
    if (what < 0.4) return this.#ask(client, any, this.#pick(this.#keys.slice(-NEWEST))!);
    if (what < 0.5) return client.cancel(any, run);
    return what < 0.75 ? client.read(any, run, 'strong') : client.read(home, run, 'local');
  }

  /** At one node, or at two at once. */
  async #submit(client: RecordedClient, nodes: readonly HttpNode[], node: HttpNode): Promise<void> {
    const { key, submitsMax = SUBMITS_MAX } = this.#init;
    if (this.#keys.length >= submitsMax) return;
    const made = key();
    this.#keys.push(made);
    const other = this.#random() < 0.2 ? this.#pick(nodes) : undefined;
    await Promise.allSettled([node, ...(other === undefined ? [] : [other])].map((one) => this.#ask(client, one, made)));
  }

  async #ask(client: RecordedClient, node: HttpNode, key: string): Promise<void> {
    const { status, body } = await client.submit(node, this.#init.body, key);
    if (status < 300) this.#runs.add((body as { readonly runId: string }).runId);
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.#random() * list.length)];
  }
}
