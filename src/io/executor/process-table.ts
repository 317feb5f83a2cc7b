/** The system's processes, and which of them belong to a module: by group, session, descent, or mark in the environment. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { MARKER_VARIABLE } from './messages.ts';

export interface ProcessRow {
  readonly pid: number;
  readonly ppid: number;
  readonly group: number;
  readonly session: number;
  /** Tells a process from a later one with the same pid. */
  readonly startedAt: string;
}

/** Whose processes are looked for. */
export interface TreeQuery {
  /** Process groups (= pid of their leader, which is also their session) that are known to be the module's. */
  readonly groups: ReadonlySet<number>;
  /** Told the value of the mark in a process's environment. */
  readonly owns: (mark: string) => boolean;
  /** pid → startedAt of processes found before: they stay ours when their parent dies. Added to by `findTree`. */
  readonly known: Map<number, string>;
}

/** One look at the process table; environments are read on demand and once. */
export class ProcessTable {
  readonly rows: readonly ProcessRow[];
  readonly #children = new Map<number, ProcessRow[]>();
  readonly #marks = new Map<number, string>();

  constructor(rows: readonly ProcessRow[] = readProcesses()) {
    this.rows = rows;
    for (const row of rows) {
      const siblings = this.#children.get(row.ppid);
      if (siblings === undefined) this.#children.set(row.ppid, [row]);
      else siblings.push(row);
    }
  }

  /** Value of the mark in the process's environment, '' if it has none or cannot be read. */
  mark(pid: number): string {
    let mark = this.#marks.get(pid);
    if (mark === undefined) this.#marks.set(pid, (mark = readMark(pid)));
    return mark;
  }

  /** Living processes that belong to the query, with all their descendants. Never this process or its parent. */
  findTree(query: TreeQuery): ProcessRow[] {
    const found = new Map<number, ProcessRow>();
    const open: ProcessRow[] = [];
    const add = (row: ProcessRow): void => {
      if (found.has(row.pid) || row.pid === process.pid || row.pid === process.ppid || row.pid <= 1) return;
      found.set(row.pid, row);
      query.known.set(row.pid, row.startedAt);
      open.push(row);
    };
    for (const row of this.rows) {
      if (query.groups.has(row.group) || query.groups.has(row.session) || query.known.get(row.pid) === row.startedAt) add(row);
      else if (row.session !== 0 && query.owns(this.mark(row.pid))) add(row);
    }
    for (let row = open.pop(); row !== undefined; row = open.pop()) this.#children.get(row.pid)?.forEach(add);
    return [...found.values()];
  }
}

/** As old as one turn of the event loop may last: what happens in one turn shares one look. */
const SHARED_MS = 5;
let shared: { readonly table: ProcessTable; readonly takenAt: number } | undefined;

/** A look at the processes of (nearly) now. */
export function presentProcesses(): ProcessTable {
  const now = performance.now();
  if (shared === undefined || now - shared.takenAt > SHARED_MS) {
    const table = new ProcessTable();
    shared = { table, takenAt: performance.now() };
  }
  return shared.table;
}

/** Processes that are not dead; on systems without /proc by `ps`. */
export function readProcesses(): ProcessRow[] {
  return process.platform === 'linux' ? readProc() : readPs();
}

function readProc(): ProcessRow[] {
  const rows: ProcessRow[] = [];
  for (const name of readdirSync('/proc')) {
    const first = name.charCodeAt(0);
    if (first < 0x31 || first > 0x39) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      // The command name in parentheses may hold anything, so fields are counted from its end.
      const [state, ppid, group, session, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (state === 'Z' || state === 'X') continue;
      rows.push({ pid: Number(name), ppid: Number(ppid), group: Number(group), session: Number(session), startedAt: rest[15] ?? '' });
    } catch {
      // It ended meanwhile.
    }
  }
  return rows;
}

function readPs(): ProcessRow[] {
  const listed = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,pgid=,stat=,lstart='], { encoding: 'utf8' });
  const rows: ProcessRow[] = [];
  for (const line of (listed.stdout ?? '').split('\n')) {
    const [pid, ppid, group, state, ...started] = line.trim().split(/\s+/);
    if (pid === undefined || group === undefined || state?.startsWith('Z') === true) continue;
    rows.push({ pid: Number(pid), ppid: Number(ppid), group: Number(group), session: 0, startedAt: started.join(' ') });
  }
  return rows;
}

const markPattern = new RegExp(`(?:^|\\0)${MARKER_VARIABLE}=([^\\0]*)`);

function readMark(pid: number): string {
  if (process.platform !== 'linux') return '';
  try {
    return markPattern.exec(readFileSync(`/proc/${pid}/environ`, 'latin1'))?.[1] ?? '';
  } catch {
    return '';
  }
}

/** Whether a process of the group is alive. Zombies do not count: an init that reaps slowly would hold modules up. */
export function groupLives(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return presentProcesses().rows.some((row) => row.group === group);
}
