/**
 * The file behind SKEIN_PROGRESS: the last line counts. Either `0.42 message` or `42% message`, or the blocks that
 * `ffmpeg -progress FILE` writes, whose share of the whole is known when a line `duration=SECONDS` says what the whole is.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Progress } from '../../ports/executor.ts';
import { PROGRESS_FILE_BYTES, PROGRESS_MESSAGE_LENGTH_MAX } from './limits.ts';

const O_READ = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

const numbered = /^(\d{1,15}(?:\.\d{1,15})?|\.\d{1,15})(%?)(?:\s+(.*))?$/;

/** What a module says of how far it is. `fraction` outside of 0 to 1 is brought there; null = not known. */
export function progressOf(fraction: unknown, message: unknown): Progress {
  const share = typeof fraction === 'number' && Number.isFinite(fraction) ? Math.min(1, Math.max(0, fraction)) : null;
  return { fraction: share, message: typeof message === 'string' ? oneLine(message) : '' };
}

/** @param text end of the file; its first line may be a part of one. A last line that has not ended is not read yet. */
export function parseProgress(text: string): Progress | undefined {
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split(/\r?\n/).filter((line) => line.trim() !== '');
  const last = lines.at(-1)?.trim();
  if (last === undefined) return undefined;
  const found = numbered.exec(last);
  if (found !== null) return progressOf(Number(found[1]) / (found[2] === '%' ? 100 : 1), found[3] ?? '');
  if (/^[a-z_0-9]+=/.test(last)) return ffmpegProgress(lines);
  return progressOf(null, last);
}

function ffmpegProgress(lines: readonly string[]): Progress | undefined {
  const end = lines.findLastIndex((line) => /^progress=(?:continue|end)\s*$/.test(line));
  if (end < 0) return undefined;
  const fields = new Map<string, string>();
  for (const line of lines.slice(0, end + 1)) {
    const equals = line.indexOf('=');
    if (equals > 0) fields.set(line.slice(0, equals), line.slice(equals + 1).trim());
  }
  const number = (name: string): number | undefined => {
    const value = Number.parseFloat(fields.get(name) ?? '');
    return Number.isFinite(value) ? value : undefined;
  };
  const seconds = (number('out_time_us') ?? number('out_time_ms') ?? 0) / 1e6;
  const duration = number('duration');
  const [frame, speed] = [fields.get('frame'), fields.get('speed')];
  const words = [`${seconds.toFixed(1)} s`, frame === undefined ? '' : `frame ${frame}`, speed === undefined || speed === 'N/A' ? '' : speed];
  const isEnd = fields.get('progress') === 'end';
  return progressOf(isEnd ? 1 : duration !== undefined && duration > 0 ? seconds / duration : null, words.filter((word) => word !== '').join(', '));
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return (line.length > PROGRESS_MESSAGE_LENGTH_MAX ? `${line.slice(0, PROGRESS_MESSAGE_LENGTH_MAX - 1)}…` : line).toWellFormed();
}

/** Looks at one file again and again, and reads its end when it has changed. */
export class ProgressFile {
  readonly #path: string;
  #seen = '';
  #duration = '';
  #reading = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** @returns undefined when nothing new is said, or what is there cannot be read. */
  async read(): Promise<Progress | undefined> {
    if (this.#reading) return undefined;
    this.#reading = true;
    try {
      return await this.#read();
    } catch {
      return undefined;
    } finally {
      this.#reading = false;
    }
  }

  async #read(): Promise<Progress | undefined> {
    // Whatever the module made of it: no waiting at a pipe.
    const handle = await open(this.#path, O_READ);
    try {
      const info = await handle.stat();
      const seen = `${info.size} ${info.mtimeMs}`;
      if (!info.isFile() || info.size === 0 || seen === this.#seen) return undefined;
      const length = Math.min(info.size, PROGRESS_FILE_BYTES);
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, info.size - length);
      this.#seen = seen;
      const text = buffer.toString('utf8', 0, bytesRead);
      // It is said once, at the beginning, and what is read is the end.
      this.#duration = /^duration=.*$/m.exec(text)?.[0] ?? this.#duration;
      return parseProgress(`${this.#duration}\n${text}`);
    } finally {
      await handle.close();
    }
  }
}
