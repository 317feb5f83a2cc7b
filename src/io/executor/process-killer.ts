/** SIGKILL for whole process trees, daemons that left their group and session included. */
import { ProcessTable } from './process-table.ts';
import type { TreeQuery } from './process-table.ts';

/** Looks at the process table until nothing of the tree is left. */
const PASSES_MAX = 200;
const FIRST_WAITS_MS = [1, 2, 5];
const WAIT_MS = 20;

interface Request {
  readonly query: TreeQuery;
  readonly resolve: (clean: boolean) => void;
  passes: number;
}

/** One look at the process table serves everything that is to be killed at that moment. */
export class ProcessKiller {
  #requests: Request[] = [];
  #working = false;

  /** Resolves true when no process of the tree lives, false when some survived (uninterruptible IO, no permission). */
  kill(query: TreeQuery): Promise<boolean> {
    return new Promise((resolve) => {
      this.#requests.push({ query, resolve, passes: 0 });
      if (this.#working) return;
      this.#working = true;
      void this.#work();
    });
  }

  async #work(): Promise<void> {
    // What is asked for in the same turn shares the first look.
    await Promise.resolve();
    for (let pass = 0; this.#requests.length > 0; pass++) {
      const table = new ProcessTable();
      this.#requests = this.#requests.filter((request) => !this.#finished(request, table));
      if (this.#requests.length > 0) await new Promise((resolve) => setTimeout(resolve, FIRST_WAITS_MS[pass] ?? WAIT_MS));
    }
    this.#working = false;
  }

  #finished(request: Request, table: ProcessTable): boolean {
    const doomed = table.findTree(request.query);
    const spent = request.passes++ >= PASSES_MAX;
    if (doomed.length > 0 && !spent) {
      for (const group of request.query.groups) killQuietly(-group);
      for (const row of doomed) killQuietly(row.pid);
      return false;
    }
    request.resolve(doomed.length === 0);
    return true;
  }
}

/** @param pid negative = process group. @returns false when there is no such process any more. */
export function killQuietly(pid: number, signal: NodeJS.Signals = 'SIGKILL'): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
