/** The lock sockets of one data directory: bind one, look at the others. How they make a lock: see data-dir.ts. */
import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, existsSync, openSync, readdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { basename, dirname, join } from 'node:path';

/** Longest path of a unix socket that every system takes (macOS 103, Linux 107). */
const SOCKET_PATH_BYTES_MAX = 103;
const LOCK_NAME_BYTES = 'lock-'.length + 16;

export interface BoundLock {
  /** File name, never used twice. */
  readonly name: string;
  readonly server: Server;
}

export class LockFolder {
  /** Symbolic link to the lock that is held; beside the locks, so that all starters see it. */
  readonly holderLink: string;
  readonly #folder: string;
  readonly #prefix: string;
  /** Prefix of paths given to the system: it may be shorter than the folder. */
  readonly #reach: string;
  readonly #descriptor: number | undefined;

  /**
   * Long paths fit no socket address. Linux reaches them through a descriptor of the folder; elsewhere the locks lie
   * beside the well-known socket, which has a short path then.
   */
  constructor(dataDir: string, socketPath: string) {
    const fits = Buffer.byteLength(dataDir) + 1 + LOCK_NAME_BYTES <= SOCKET_PATH_BYTES_MAX;
    const inside = fits || process.platform === 'linux';
    this.#folder = inside ? dataDir : dirname(socketPath);
    this.#prefix = process.platform === 'win32' ? basename(socketPath) : inside ? 'lock-' : `${basename(socketPath, '.sock').slice(0, 8)}-`;
    this.holderLink = inside ? join(dataDir, 'node.sock') : socketPath;
    this.#descriptor = !fits && inside ? openSync(dataDir, 'r') : undefined;
    this.#reach = this.#descriptor === undefined ? this.#folder : `/proc/self/fd/${this.#descriptor}`;
  }

  /** @returns undefined on Windows when the pipe is taken: there the system itself lets one process have it only. */
  async bind(): Promise<BoundLock | undefined> {
    const name = process.platform === 'win32' ? this.#prefix : `${this.#prefix}${randomBytes(8).toString('hex')}`;
    const server = createServer();
    const path = this.#pathTo(name);
    const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
      server.once('error', resolve);
      server.listen(path, () => resolve(undefined));
    });
    if (error === undefined) {
      server.removeAllListeners('error');
      if (process.platform !== 'win32') makePrivate(path);
      return { name, server };
    }
    if (error.code === 'EADDRINUSE') return undefined;
    throw error;
  }

  unbind({ name, server }: BoundLock): void {
    server.close();
    if (process.platform !== 'win32') rmSync(this.#pathTo(name), { force: true });
  }

  /** Names of the other locks whose process lives. Removes those of dead ones. */
  async othersAlive(own: BoundLock): Promise<string[]> {
    if (process.platform === 'win32') return [];
    const others = readdirSync(this.#reach).filter((name) => this.#isLock(name) && name !== own.name);
    const alive: string[] = [];
    for (const name of others) {
      const state = await LockFolder.probe(this.#pathTo(name));
      if (state === 'alive') alive.push(name);
      if (state === 'dead') rmSync(this.#pathTo(name), { force: true });
    }
    return alive;
  }

  isThere({ name }: BoundLock): boolean {
    return process.platform === 'win32' || existsSync(this.#pathTo(name));
  }

  /** Full path, whatever its length. */
  pathOf({ name }: BoundLock): string {
    return process.platform === 'win32' ? this.#pathTo(name) : join(this.#folder, name);
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }

  /** A stopped process counts as alive, and so does one that may not be asked. */
  static probe(path: string): Promise<'alive' | 'dead' | 'gone'> {
    return new Promise((resolve) => {
      const socket = connect(path);
      socket.once('connect', () => {
        socket.destroy();
        resolve('alive');
      });
      socket.once('error', (error: NodeJS.ErrnoException) => {
        socket.destroy();
        resolve(error.code === 'ENOENT' ? 'gone' : error.code === 'ECONNREFUSED' ? 'dead' : 'alive');
      });
    });
  }

  #isLock(name: string): boolean {
    return name.length === this.#prefix.length + 16 && name.startsWith(this.#prefix);
  }

  #pathTo(name: string): string {
    return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : `${this.#reach}/${name}`;
  }
}

/** The file may be gone already, taken for dead between bind and listen: `isThere` finds out. */
function makePrivate(path: string): void {
  try {
    chmodSync(path, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
