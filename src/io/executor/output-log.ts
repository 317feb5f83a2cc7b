/**
 * What one execution prints, as it comes: its last bytes in memory, and all of it in a file, once there is more than the
 * tail shows or somebody might want to read it while it runs. An execution that prints nothing, or little and ends soon,
 * has no file. Beginning and end are kept:
 *
 *     l7        the first LOG_HEAD_BYTES
 *     l7.1 …    what follows, in segments; the oldest go when enough newer ones are there
 *
 * At the end they become one file. The process waits (its pipe is not read) while too much waits for the disk. A disk
 * that takes no more ends the log, not the module: its tail goes on.
 */
import { open, rm, type FileHandle } from 'node:fs/promises';
import { cutMark } from '../../core/lib/log-mark.ts';
import { LOG_END_BYTES, LOG_FLUSH_MS, LOG_HEAD_BYTES, LOG_PENDING_BYTES_MAX, LOG_SEGMENT_BYTES } from './limits.ts';
import { Tail } from './tail.ts';

export interface LogSizes {
  readonly headBytes: number;
  /** A multiple of the next one. */
  readonly endBytes: number;
  readonly segmentBytes: number;
  readonly pendingBytesMax: number;
}

export const logSizes: LogSizes = { headBytes: LOG_HEAD_BYTES, endBytes: LOG_END_BYTES, segmentBytes: LOG_SEGMENT_BYTES, pendingBytesMax: LOG_PENDING_BYTES_MAX };

/** Where to read what has been printed so far. */
export interface LiveLog {
  readonly path: string;
  /** Segments before this one are gone. */
  readonly firstSegment: number;
}

export interface KeptLog {
  readonly path: string;
  readonly cut: number;
  readonly cutAt: number;
}

/** Written at once. */
const BATCH_BYTES = 1024 * 1024;
/** Of one character in UTF-8. */
const CHARACTER_BYTES_MAX = 4;
/** How far the kept end may move to begin with a whole line. */
const LINE_SEARCH_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

export class OutputLog {
  readonly tail = new Tail();
  readonly #path: string;
  readonly #onLive: (live: LiveLog) => void;
  readonly #sizes: LogSizes;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #written = 0;
  /** Segment that is written; 0 = the head, -1 = no file yet. */
  #segment = -1;
  #firstSegment = 1;
  #handle: FileHandle | undefined;
  #pump: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #waiting: (() => void)[] = [];
  #problem = '';
  #finished = false;

  /** @param onLive a file is there, or the oldest part of it is gone. */
  constructor(path: string, onLive: (live: LiveLog) => void, sizes: LogSizes = logSizes) {
    this.#path = path;
    this.#onLive = onLive;
    this.#sizes = sizes;
  }

  /** Why the log was given up, or ''. */
  get problem(): string {
    return this.#problem;
  }

  get full(): boolean {
    return this.#pendingBytes >= this.#sizes.pendingBytesMax;
  }

  /** @returns false when so much waits for the disk that nothing more should be read before `whenDrained`. */
  append(bytes: Uint8Array): boolean {
    if (bytes.byteLength === 0 || this.#finished) return true;
    this.tail.append(bytes);
    if (this.#problem !== '') return true;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.byteLength;
    if (this.#pendingBytes >= Math.min(BATCH_BYTES, this.#sizes.pendingBytesMax)) this.#write();
    else if (this.#pump === undefined) this.#timer ??= setTimeout(() => this.#write(), LOG_FLUSH_MS);
    return !this.full;
  }

  whenDrained(callback: () => void): void {
    if (this.full) this.#waiting.push(callback);
    else callback();
  }

  /** @returns whether it ended without a file: nothing was printed, or so little, and so late, that the tail is all. */
  endWithoutFile(): boolean {
    if (!this.tail.isWhole || this.#segment >= 0 || this.#pump !== undefined) return false;
    this.#finished = true;
    clearTimeout(this.#timer);
    this.#pending = [];
    return true;
  }

  /** @returns undefined when the tail is all there is, or when the disk did not take it. */
  async finish(): Promise<KeptLog | undefined> {
    this.#finished = true;
    clearTimeout(this.#timer);
    if (this.tail.isWhole) this.#pending = [];
    else this.#write();
    while (this.#pump !== undefined) await this.#pump;
    const kept = this.tail.isWhole || this.#problem !== '' ? undefined : await this.#join().catch((error: unknown) => this.#giveUp(error));
    await this.#handle?.close().catch(() => undefined);
    this.#handle = undefined;
    if (kept === undefined && this.#segment >= 0) await rm(this.#path, { force: true }).catch(() => undefined);
    await this.#removeSegments(this.#firstSegment, this.#segment + 1);
    return kept;
  }

  #write(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pump ??= this.#writeAll()
      .catch((error: unknown) => this.#giveUp(error))
      .finally(() => {
        this.#pump = undefined;
        // Came while it ended.
        if (this.#pending.length > 0) this.#write();
        this.#drained();
      });
  }

  async #writeAll(): Promise<void> {
    // In the next turn, so that `#pump` is set: `finish` waits for it.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const batch = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending);
      this.#pending = [];
      await this.#writeParts(batch);
      this.#pendingBytes -= batch.byteLength;
      this.#drained();
    }
  }

  async #writeParts(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; ) {
      const { segment, offset, room } = placeInLog(this.#written, this.#sizes);
      if (segment !== this.#segment) await this.#begin(segment);
      const part = bytes.subarray(at, at + Math.min(room, bytes.byteLength - at));
      await writeWhole(this.#handle!, part, offset);
      at += part.byteLength;
      this.#written += part.byteLength;
    }
  }

  async #begin(segment: number): Promise<void> {
    await this.#handle?.close();
    this.#handle = undefined;
    this.#handle = await open(segmentPath(this.#path, segment), 'w+', 0o600);
    this.#segment = segment;
    // The one that is being written counts for nothing: enough whole ones stay.
    const first = Math.max(1, segment - this.#sizes.endBytes / this.#sizes.segmentBytes);
    const gone = this.#firstSegment;
    this.#firstSegment = first;
    if (segment === 0 || first > gone) this.#onLive({ path: this.#path, firstSegment: first });
    await this.#removeSegments(gone, first);
  }

  /** Beginning, mark, end: one file. */
  async #join(): Promise<KeptLog> {
    const { headBytes, endBytes } = this.#sizes;
    if (this.#segment <= 0) return { path: this.#path, cut: 0, cutAt: 0 };
    await this.#handle?.close();
    this.#handle = await open(this.#path, 'r+');
    let from = headBytes;
    let mark: Uint8Array = new Uint8Array(0);
    if (this.#written > headBytes + endBytes) {
      from = await this.#lineStart(this.#written - endBytes);
      mark = Buffer.from(cutMark(from - headBytes));
    }
    await writeWhole(this.#handle, mark, headBytes);
    let end = headBytes + mark.byteLength;
    for (let at = from; at < this.#written; ) {
      const part = await readLog({ path: this.#path, firstSegment: this.#firstSegment }, at, BATCH_BYTES, this.#sizes);
      if (part.bytes.byteLength === 0) throw new Error('a part of the log is gone');
      await writeWhole(this.#handle, part.bytes, end);
      at += part.bytes.byteLength;
      end += part.bytes.byteLength;
    }
    return { path: this.#path, cut: from - headBytes, cutAt: from === headBytes ? 0 : headBytes };
  }

  async #lineStart(from: number): Promise<number> {
    const live = { path: this.#path, firstSegment: this.#firstSegment };
    for (let at = from - 1; at < from + LINE_SEARCH_BYTES; ) {
      const { bytes } = await readLog(live, at, LINE_SEARCH_BYTES, this.#sizes);
      const newline = bytes.indexOf(NEWLINE);
      if (newline >= 0) return at + newline + 1;
      if (bytes.byteLength === 0) break;
      at += bytes.byteLength;
    }
    return from;
  }

  #giveUp(error: unknown): undefined {
    this.#problem = error instanceof Error ? error.message : String(error);
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  #drained(): void {
    if (this.full) return;
    for (const callback of this.#waiting.splice(0)) callback();
  }

  async #removeSegments(from: number, to: number): Promise<void> {
    for (let segment = from; segment < to; segment++) await rm(segmentPath(this.#path, segment), { force: true }).catch(() => undefined);
  }
}

function segmentPath(path: string, segment: number): string {
  return segment === 0 ? path : `${path}.${segment}`;
}

/** Where the byte at this place of the output lies, and how many fit there. */
function placeInLog(at: number, { headBytes, segmentBytes }: LogSizes): { readonly segment: number; readonly offset: number; readonly room: number } {
  if (at < headBytes) return { segment: 0, offset: at, room: headBytes - at };
  const beyond = at - headBytes;
  const offset = beyond % segmentBytes;
  return { segment: 1 + Math.floor(beyond / segmentBytes), offset, room: segmentBytes - offset };
}

/**
 * A part of what has been printed so far.
 * @returns nothing when there is nothing yet; with a later offset when what lay there is gone.
 */
export async function readLog(live: LiveLog, at: number, length: number, sizes: LogSizes = logSizes): Promise<{ readonly offset: number; readonly bytes: Uint8Array }> {
  const { path, firstSegment } = live;
  const from = at >= sizes.headBytes ? Math.max(at, sizes.headBytes + (firstSegment - 1) * sizes.segmentBytes) : at;
  const { segment, offset, room } = placeInLog(from, sizes);
  const bytes = await readSegment(segmentPath(path, segment), offset, Math.min(length, room));
  // Whoever waits for the rest of a character finds it in the next file, or that it is gone.
  if (room >= CHARACTER_BYTES_MAX || room >= length || bytes.byteLength < room) return { offset: from, bytes };
  if (firstSegment > segment + 1) return readLog(live, from + room, length, sizes);
  const rest = await readSegment(segmentPath(path, segment + 1), 0, length - room);
  return { offset: from, bytes: Buffer.concat([bytes, rest]) };
}

/** @returns nothing when it is not there. */
async function readSegment(file: string, offset: number, length: number): Promise<Uint8Array> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Uint8Array(0);
    throw error;
  }
  try {
    const bytes = new Uint8Array(length);
    const { bytesRead } = await handle.read(bytes, 0, length, offset);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function writeWhole(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < bytes.byteLength; ) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.byteLength - written, position + written);
    if (bytesWritten === 0) throw new Error('the disk takes no more bytes');
    written += bytesWritten;
  }
}
