/**
 * Whose namespaces and mounts these are. Names carry the process that made them, so that runs beside each other do not
 * meet, and the next run can remove what a killed one has left behind, and nothing else.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { attempt } from './shell.ts';

const PREFIX = 'skein-lan';
const NAME = new RegExp(`^${PREFIX}-(\\d+)-(\\d+)(?:-|$)`);
/** Where `ip netns` keeps its names. */
const NAMESPACES = '/run/netns';

/** Changes when a process id is used again. @returns undefined when there is no such process. */
function startOf(pid: number): string | undefined {
  try {
    // The name of the program is in brackets and may hold anything; the start time is the 20th word after it.
    return readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')[19];
  } catch {
    return undefined;
  }
}

/** Beginning of all names that this process gives. */
export function ownPrefix(): string {
  return `${PREFIX}-${process.pid}-${startOf(process.pid) ?? '0'}`;
}

function isAbandoned(name: string): boolean {
  const [, pid = '', start] = NAME.exec(name) ?? [];
  return pid !== '' && startOf(Number(pid)) !== start;
}

function namespaces(): string[] {
  try {
    return readdirSync(NAMESPACES);
  } catch {
    return [];
  }
}

/** Mounts of tmpfs with the name under which they were mounted. */
function mounts(): { readonly name: string; readonly path: string }[] {
  const lines = readFileSync('/proc/mounts', 'utf8').split('\n');
  return lines.map((line) => line.split(' ')).flatMap(([name = '', path = '']) => (name.startsWith(PREFIX) ? [{ name, path: path.replaceAll('\\040', ' ') }] : []));
}

function endProcesses(namespace: string): void {
  for (const pid of attempt('ip', ['netns', 'pids', namespace]).stdout.split('\n').filter(Boolean)) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}

/** Ends the processes in these namespaces, removes these and the mounts of that name with their folders. With a namespace all that is in it goes: interfaces, rules. */
function remove(isMeant: (name: string) => boolean): string[] {
  const meant = namespaces().filter(isMeant);
  for (const name of meant) endProcesses(name);
  for (const name of meant) attempt('ip', ['netns', 'delete', name]);
  const mounted = mounts().filter(({ name }) => isMeant(name));
  for (const { path } of mounted) if (attempt('umount', ['-l', path]).code === 0) rmSync(path, { recursive: true, force: true });
  return [...meant, ...mounted.map(({ path }) => path)];
}

/** @param prefix of names, as `ownPrefix()` and what follows it. */
export function removeOwn(prefix: string): void {
  remove((name) => name === prefix || name.startsWith(`${prefix}-`));
}

/** Removes what processes have left that do not live any more. @returns names of it. */
export function removeAbandoned(): string[] {
  return remove(isAbandoned);
}
