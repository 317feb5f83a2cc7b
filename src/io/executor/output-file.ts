/**
 * The file behind SKEIN_OUTPUT, in the form that GITHUB_OUTPUT has: `name=value` lines and here-documents
 *
 *     report<<END
 *     many lines
 *     END
 *
 * Values are strings, whatever they look like. The last one of a name wins. Empty lines between entries are skipped.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { OUTPUT_FILE_BYTES_MAX } from './limits.ts';
import { checkValues, problemOfName } from './values.ts';
import type { ValuesResult } from './values.ts';

/** @param bytes content of the file, at most OUTPUT_FILE_BYTES_MAX. Never throws; a problem names its line. */
export function parseOutput(bytes: Uint8Array): ValuesResult {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { ok: false, message: 'SKEIN_OUTPUT is not UTF-8 text' };
  }
  const lines = text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  const values = new Map<string, string>();
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? '';
    at++;
    if (line === '') continue;
    const equals = line.indexOf('=');
    const heredoc = line.indexOf('<<');
    if (equals >= 0 && (heredoc < 0 || equals < heredoc)) {
      const problem = problemOfName(line.slice(0, equals));
      if (problem !== '') return refuse(at, problem);
      values.set(line.slice(0, equals), line.slice(equals + 1));
    } else if (heredoc >= 0) {
      const first = at;
      const name = line.slice(0, heredoc);
      const delimiter = line.slice(heredoc + 2);
      const problem = delimiter === '' ? `"${shortened(name)}<<" lacks the word that ends it` : problemOfName(name);
      if (problem !== '') return refuse(first, problem);
      const end = lines.indexOf(delimiter, at);
      if (end < 0) return refuse(first, `"${name}<<${shortened(delimiter)}" is not ended by a line "${shortened(delimiter)}"`);
      values.set(name, lines.slice(at, end).join('\n'));
      at = end + 1;
    } else {
      return refuse(at, `"${shortened(line)}" is neither name=value nor name<<WORD`);
    }
  }
  return checkValues(Object.fromEntries(values));
}

/**
 * Reads and parses the file that a module wrote. A missing file has no values. A module can put anything there: what is
 * not a plain file is refused without being opened for long (no blocking on a pipe, no following of links).
 */
export function readOutput(path: string): ValuesResult {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { ok: true, values: {} };
    return { ok: false, message: `SKEIN_OUTPUT cannot be read: ${(error as Error).message}` };
  }
  try {
    const info = fstatSync(fd);
    if (!info.isFile()) return { ok: false, message: 'SKEIN_OUTPUT is not a plain file any more' };
    if (info.size === 0) return { ok: true, values: {} };
    if (info.size > OUTPUT_FILE_BYTES_MAX) return { ok: false, message: `SKEIN_OUTPUT holds ${info.size} bytes; at most ${OUTPUT_FILE_BYTES_MAX} are read` };
    const bytes = Buffer.alloc(info.size);
    return parseOutput(bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0)));
  } catch (error) {
    return { ok: false, message: `SKEIN_OUTPUT cannot be read: ${(error as Error).message}` };
  } finally {
    closeSync(fd);
  }
}

function refuse(line: number, message: string): ValuesResult {
  return { ok: false, message: `SKEIN_OUTPUT line ${line}: ${message}` };
}

function shortened(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
