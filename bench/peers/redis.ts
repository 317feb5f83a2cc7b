/** A Redis server of our own for one measurement, in a folder of its own and on loopback only. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PeerMissing } from './bullmq-api.ts';

/** How often the append-only file is synced: never written, once a second, before each answer. */
export const DURABILITIES = ['off', 'everysec', 'always'] as const;
export type Durability = (typeof DURABILITIES)[number];

export class RedisServer {
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(process: ChildProcess, port: number, folder: string) {
    this.#process = process;
    this.port = port;
    this.#folder = folder;
  }

  /** @throws PeerMissing */
  static async start(durability: Durability): Promise<RedisServer> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), 'skein-bench-redis-'));
    const log = durability === 'off' ? ['--appendonly', 'no'] : ['--appendonly', 'yes', '--appendfsync', durability];
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder, ...log];
    const process = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const failed = once(process, 'error').then(([error]) => {
      rmSync(folder, { recursive: true, force: true });
      throw new PeerMissing(`redis-server cannot be started (${(error as Error).message}); on Debian: apt-get install redis-server`, { cause: error });
    });
    await Promise.race([failed, ready(process)]);
    return new RedisServer(process, port, folder);
  }

  async stop(): Promise<void> {
    const gone = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await gone;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function ready(process: ChildProcess): Promise<void> {
  let text = '';
  for await (const chunk of process.stdout!) {
    text += String(chunk);
    if (text.includes('Ready to accept connections')) {
      process.stdout!.resume();
      return;
    }
  }
  throw new Error(`redis-server ended:\n${text}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
