/** What a verb may touch of the process; tests hand in their own. */
import type { Writable } from 'node:stream';

export interface Output extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface CliIo {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly stdin: AsyncIterable<Buffer | string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Wall clock, ms. */
  readonly now: () => number;
  /** Calls `listener` at each such signal, in place of ending; @returns stops that. */
  readonly onSignal: (signal: StopSignal, listener: () => void) => () => void;
}

export type StopSignal = 'SIGINT' | 'SIGTERM';

/** A terminal signals the whole process group, and the wrapper of an old Node.js passes its own on: one Ctrl-C, two signals. */
const DOUBLED_SIGNAL_MS = 100;

/** @param isWrapped a wrapper on an old Node.js started this process and passes signals on. */
export function processIo(isWrapped: boolean): CliIo {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    env: process.env,
    cwd: process.cwd(),
    now: Date.now,
    onSignal: (signal, listener) => {
      let last = -Infinity;
      const heard = (): void => {
        const now = performance.now();
        const isDoubled = isWrapped && now - last < DOUBLED_SIGNAL_MS;
        last = now;
        if (!isDoubled) listener();
      };
      process.on(signal, heard);
      return () => process.off(signal, heard);
    },
  };
}

export function line(output: Output, text: string): void {
  output.write(`${text}\n`);
}

/** A block that is painted over again and again: only where somebody watches a capable terminal. */
export function isLive(io: CliIo): boolean {
  return io.stdout.isTTY === true && io.env['TERM'] !== 'dumb' && !isSet(io.env['CI']);
}

export function hasColour(io: CliIo, output: Output): boolean {
  if (isSet(io.env['NO_COLOR'])) return false;
  const forced = io.env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return output.isTTY === true && io.env['TERM'] !== 'dumb';
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0' && value !== 'false';
}
