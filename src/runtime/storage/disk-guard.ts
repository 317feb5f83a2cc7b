/**
 * One failure ends it all: after a write or sync failed nobody knows what is on the disk, so nothing is retried and no
 * callback is called any more (PROTOCOL §1).
 */
import { SkeinError } from '../../errors.ts';
import type { DiskDone } from '../../ports/disk.ts';

export class DiskGuard {
  readonly #fatal: (error: SkeinError) => void;
  #failed = false;

  constructor(fatal: (error: SkeinError) => void) {
    this.#fatal = fatal;
  }

  get failed(): boolean {
    return this.#failed;
  }

  /** Wraps the next step after a disk operation. */
  after(operation: string, next: () => void): DiskDone {
    return (error) => {
      if (this.#failed) return;
      if (error === undefined) next();
      else this.fail(operation, error);
    };
  }

  fail(operation: string, cause: Error): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#fatal(new SkeinError('DISK_FAILED', `${operation}: ${cause.message}`, { operation }, { cause }));
  }
}
