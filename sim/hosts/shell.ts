/** Commands of the system, run to their end one after the other: a LAN is made of a few dozen of them. */
import { spawnSync } from 'node:child_process';

const COMMAND_MS = 20_000;

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  /** What it said on stderr, or why it could not be started. */
  readonly problem: string;
}

export function attempt(command: string, args: readonly string[], input = ''): Ran {
  const { status, stdout, stderr, error } = spawnSync(command, args, { input, encoding: 'utf8', timeout: COMMAND_MS });
  return { code: status ?? 1, stdout: stdout ?? '', problem: (error?.message ?? stderr).trim() };
}

/** @throws Error that quotes the command and what it said. */
export function run(command: string, args: readonly string[], input = ''): string {
  const { code, stdout, problem } = attempt(command, args, input);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${problem || `exit code ${code}`}${input === '' ? '' : `\n${input}`}`);
  return stdout;
}
