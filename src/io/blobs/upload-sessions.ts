/**
 * Files that come over connections that may break. Whoever sends one gives it a name of his own, and when the connection
 * breaks asks how much has come, and sends the rest.
 *
 *     (nothing) → coming → broken off → coming → … → stored
 *
 * What breaks off is kept for UPLOAD_KEPT_MS, and lost with the process.
 */
import type { Readable } from 'node:stream';
import { isSkeinError, SkeinError } from '../../errors.ts';
import type { FolderBlobStore } from './folder-store.ts';
import { IncomingFile, type Imported } from './import-file.ts';
import { UPLOAD_KEPT_MS, UPLOADS_MAX } from './limits.ts';

/** How far a file has come. */
export interface UploadState {
  /** The rest begins there. */
  readonly received: number;
  /** All has come, and becomes durable: ask again. */
  readonly finishing: boolean;
  readonly stored: Imported | null;
}

interface Session {
  file: IncomingFile;
  /** The one that comes now. */
  running: { readonly source: Readable; readonly over: Promise<unknown> } | undefined;
  stored: Imported | undefined;
  /** Why it was refused: whoever lost the answer with the connection is told again. */
  refused: SkeinError | undefined;
  timer: NodeJS.Timeout | undefined;
}

export class UploadSessions {
  readonly #store: FolderBlobStore;
  /** The one that was heard of last is last. */
  readonly #sessions = new Map<string, Session>();

  constructor(store: FolderBlobStore) {
    this.#store = store;
  }

  /**
   * @param source the file from `offset` on. What still comes over an earlier connection is given up.
   * @throws SkeinError REQUEST_INVALID when `offset` is not where it broke off; BLOB_TOO_LARGE, BLOB_DISK_FULL, BLOB_STORE_FAILED, LIMIT_EXCEEDED; errors of `source`
   */
  async put(key: string, offset: number, source: Readable): Promise<Imported> {
    const session = this.#session(key);
    try {
      while (session.running !== undefined) await stop(session.running);
      return session.stored ?? (await this.#run(session, offset, source));
    } finally {
      if (session.running?.source === source) session.running = undefined;
      this.#keep(key, session);
    }
  }

  #run(session: Session, offset: number, source: Readable): Promise<Imported> {
    const { received } = session.file;
    if (offset !== received) {
      if (offset !== 0) throw new SkeinError('REQUEST_INVALID', `so far ${received} bytes of this upload have come, and this goes on at ${offset}`, { status: 409 });
      this.#begin(session);
    }
    session.refused = undefined;
    // What came over an earlier connection has set it again as it ended.
    clearTimeout(session.timer);
    const taken = this.#take(session, source);
    session.running = { source, over: taken.catch(() => undefined) };
    return taken;
  }

  /** @throws SkeinError BLOB_NOT_FOUND; why it was refused */
  async state(key: string): Promise<UploadState> {
    const session = this.#sessions.get(key);
    if (session === undefined) throw new SkeinError('BLOB_NOT_FOUND', `nothing is known here of an upload ${JSON.stringify(key)}: begin with it`);
    // Whoever asks has lost the connection, whatever this end of it believes.
    while (session.running !== undefined && !session.file.finishing) await stop(session.running);
    if (session.refused !== undefined) throw session.refused;
    return { received: session.file.received, finishing: session.file.finishing && session.stored === undefined, stored: session.stored ?? null };
  }

  async #take(session: Session, source: Readable): Promise<Imported> {
    try {
      return (session.stored = await session.file.take(source));
    } catch (error) {
      if (isSkeinError(error)) {
        session.refused = error;
        this.#begin(session);
      }
      throw error;
    }
  }

  /** From its first byte. */
  #begin(session: Session): void {
    void session.file.drop().catch(() => undefined);
    session.file = new IncomingFile(this.#store);
  }

  #session(key: string): Session {
    const known = this.#sessions.get(key);
    if (known !== undefined) {
      clearTimeout(known.timer);
      return known;
    }
    if (this.#sessions.size >= UPLOADS_MAX) this.#forgetOldest();
    const session: Session = { file: new IncomingFile(this.#store), running: undefined, stored: undefined, refused: undefined, timer: undefined };
    this.#sessions.set(key, session);
    return session;
  }

  #forgetOldest(): void {
    const oldest = [...this.#sessions].find(([, { running }]) => running === undefined);
    if (oldest === undefined) throw new SkeinError('LIMIT_EXCEEDED', `${UPLOADS_MAX} files are coming to this node already`);
    this.#forget(...oldest);
  }

  #keep(key: string, session: Session): void {
    clearTimeout(session.timer);
    this.#sessions.delete(key);
    this.#sessions.set(key, session);
    session.timer = setTimeout(() => this.#forget(key, session), UPLOAD_KEPT_MS).unref();
  }

  #forget(key: string, session: Session): void {
    clearTimeout(session.timer);
    this.#sessions.delete(key);
    if (session.stored === undefined) void session.file.drop().catch(() => undefined);
  }
}

async function stop({ source, over }: NonNullable<Session['running']>): Promise<void> {
  source.destroy();
  await over;
}
