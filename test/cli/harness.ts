/** Runs the command line in this process against fake nodes behind real unix sockets. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { TestContext } from 'node:test';
import type { CliIo, Output, StopSignal } from '../../src/cli/io.ts';
import { main } from '../../src/cli/main.ts';
import type { Json } from '../../src/core/cell/types.ts';
import { listenHttp, type HttpListener } from '../../src/io/http/listen.ts';
import { socketPathOf } from '../../src/io/paths.ts';
import type { StartNode } from '../../src/io/running-node.ts';
import type { Note } from '../../src/ports/observer.ts';
import { FAKE_START, FakeNode, fakeSpec } from '../support/fake-node.ts';
import { sharedBlobs } from '../support/node-blobs.ts';

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly tty?: boolean;
  readonly startNode?: StartNode;
  /** Wall clock. @default a minute after the fake node's start */
  readonly now?: () => number;
}

/** A command line that is running. */
export interface Running {
  readonly done: Promise<CliResult>;
  /** As if the signal arrived. */
  signal(signal?: StopSignal): void;
  stdout(): string;
  stderr(): string;
  /** Resolves as soon as stdout and stderr together match. */
  saw(pattern: RegExp): Promise<void>;
}

export class TestBed {
  readonly home: string;
  readonly notes: Note[] = [];
  readonly #listeners: HttpListener[] = [];

  constructor(t: TestContext) {
    this.home = mkdtempSync(join(tmpdir(), 'skein-cli-'));
    t.after(async () => {
      await Promise.all(this.#listeners.map((listener) => listener.close()));
      rmSync(this.home, { recursive: true, force: true });
    });
  }

  get env(): Record<string, string> {
    return { XDG_DATA_HOME: join(this.home, 'data'), XDG_CONFIG_HOME: join(this.home, 'config'), HOME: this.home };
  }

  /** Puts a node behind the socket of a slot, and on a free TCP port. */
  async serve(api: FakeNode = new FakeNode(), slot = 0): Promise<{ readonly api: FakeNode; readonly listener: HttpListener }> {
    const dataDir = join(this.home, 'data', 'skein', String(slot));
    mkdirSync(dataDir, { recursive: true });
    const listener = await listenHttp({
      api,
      blobs: sharedBlobs(),
      observer: { notify: (note) => void this.notes.push(note) },
      compile: () => fakeSpec(),
      version: '0.1.0',
      host: '127.0.0.1',
      port: { port: 0, fixed: true },
      socket: { path: socketPathOf(dataDir, this.env) },
    });
    this.#listeners.push(listener);
    return { api, listener };
  }

  start(argv: readonly string[], options: CliOptions = {}): Running {
    const out = new Capture(options.tty === true);
    const err = new Capture(options.tty === true);
    const listeners = new Map<StopSignal, Set<() => void>>();
    const io: CliIo = {
      stdout: out,
      stderr: err,
      stdin: (async function* () {
        yield options.stdin ?? '';
      })(),
      env: { ...this.env, ...options.env },
      cwd: this.home,
      now: options.now ?? (() => FAKE_START + 60_000),
      onSignal: (signal, listener) => {
        const set = listeners.get(signal) ?? new Set();
        listeners.set(signal, set.add(listener));
        return () => set.delete(listener);
      },
    };
    const refuse: StartNode = () => Promise.reject(new Error('this test starts no node'));
    const done = main({ argv, io, startNode: async () => options.startNode ?? refuse }).then((code) => ({ code, stdout: out.text, stderr: err.text }));
    return {
      done,
      signal: (signal = 'SIGINT') => listeners.get(signal)?.forEach((listener) => listener()),
      stdout: () => out.text,
      stderr: () => err.text,
      saw: (pattern) => sawEither([out, err], pattern),
    };
  }

  run(argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    return this.start(argv, options).done;
  }
}

class Capture extends Writable implements Output {
  text = '';
  readonly isTTY: boolean;
  readonly columns = 100;
  readonly rows = 30;
  readonly onText = new Set<() => void>();

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    for (const listener of this.onText) listener();
    done();
  }
}

function sawEither(captures: readonly Capture[], pattern: RegExp): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!pattern.test(captures.map((capture) => capture.text).join('\n'))) return;
      for (const capture of captures) capture.onText.delete(look);
      resolve();
    };
    for (const capture of captures) capture.onText.add(look);
    look();
  });
}

/** A pipeline file in the bed's folder. */
export const fourModulesYaml = `name: four-modules
params:
  crf: { type: integer, default: 23 }
modules:
  FetchData: { run: "echo fetched" }
  ValidateEnvironment: { run: "true" }
  ProcessData: { needs: [FetchData], run: "true" }
  PublishResults: { needs: [ProcessData, ValidateEnvironment], run: "true" }
`;

export function parseLines(text: string): Json[] {
  return text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Json);
}
