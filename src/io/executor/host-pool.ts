/**
 * Pooled processes for functions of bundles. A process belongs to one bundle (by hash) for its whole life and executes
 * its functions one at a time, for whichever run asks: runs with the same bundle run the same code. Modules that must
 * not share memory are `run:` modules. As many processes as cores start at once; further ones, up to the maximum, one by
 * one while executions wait longer than short functions would let them. Idle processes end after HOST_IDLE_MS; a bundle
 * that waits takes over the place of an idle one, or of one that has had its turn.
 */
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { BundleFolder } from './bundle-folder.ts';
import type { CallJob } from './call-job.ts';
import type { JobTools } from './command-job.ts';
import { spawnCode, spawnMessage } from './job.ts';
import { HOST_EXECUTIONS_MAX, HOST_IDLE_MS } from './limits.ts';
import { PooledHost } from './pooled-host.ts';

/** While another bundle waits, a process goes on with its own for so long. */
const TURN_MS = 500;
/** All processes have been busy for so long: one more is started, since these are no short functions. */
const GROW_MS = 50;

export class HostPool {
  readonly bundles: BundleFolder;
  readonly #tools: JobTools;
  readonly #hosts = new Set<PooledHost>();
  /** First come first served; bounded by the executions of the node. */
  readonly #waiting = new Set<CallJob>();
  #started = 0;
  #stopped = false;
  #idleTimer: NodeJS.Timeout | undefined;
  #growTimer: NodeJS.Timeout | undefined;
  readonly #base: number;

  constructor(tools: JobTools) {
    this.#tools = tools;
    this.bundles = new BundleFolder(tools.folder);
    this.#base = Math.min(tools.init.pooledMax, availableParallelism());
  }

  call(job: CallJob): void {
    const host = this.#idleHost(job.head.bundle);
    if (host !== undefined) return host.run(job);
    const arriving = this.bundles.arriving(job.head.bundle);
    if (arriving !== undefined) void arriving.then(() => !job.ended && this.call(job));
    else if (!this.bundles.has(job.head.bundle)) job.lost('NODE_EXHAUSTED', `the bundle of ${job.head.sourceName} could not be written`, null);
    else {
      this.#waiting.add(job);
      this.#serve();
    }
  }

  /** No process is started any more. */
  stop(): void {
    this.#waiting.clear();
    this.#stopped = true;
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#growTimer);
  }

  /** Drops what has ended while it waited. */
  forget(job: CallJob): void {
    this.#waiting.delete(job);
  }

  #idleHost(bundle: string): PooledHost | undefined {
    for (const host of this.#hosts) if (host.usable && !host.busy && host.bundle === bundle) return host;
    return undefined;
  }

  /** Gives waiting jobs idle processes, or new ones while there is room. */
  #serve(countMax = this.#base): void {
    if (this.#stopped) return;
    for (const job of this.#waiting) {
      const host = this.#idleHost(job.head.bundle) ?? this.#newHost(job, countMax);
      if (host === undefined) {
        this.#growLater();
        return;
      }
      this.#waiting.delete(job);
      if (!job.ended) host.run(job);
    }
  }

  #growLater(): void {
    this.#growTimer ??= setTimeout(() => {
      this.#growTimer = undefined;
      const [first] = this.#waiting;
      if (first === undefined) return;
      const late = performance.now() - first.waitingSince >= GROW_MS;
      this.#serve(late ? Math.min(this.#usable() + 1, this.#tools.init.pooledMax) : this.#base);
    }, GROW_MS);
  }

  #usable(): number {
    let count = 0;
    for (const host of this.#hosts) if (host.usable) count++;
    return count;
  }

  #newHost(job: CallJob, countMax: number): PooledHost | undefined {
    if (this.#usable() >= countMax) {
      let idle: PooledHost | undefined;
      for (const host of this.#hosts) if (host.usable && !host.busy && (idle === undefined || host.idleSince < idle.idleSince)) idle = host;
      if (idle === undefined) return undefined;
      idle.kill();
    }
    const host = new PooledHost(`h${++this.#started}`, job.head.bundle, this.#tools, { free: (freed) => this.#freed(freed), gone: (gone) => this.#gone(gone) });
    this.#hosts.add(host);
    try {
      host.start(this.bundles.fileOf(job.head.bundle));
    } catch (error) {
      this.#hosts.delete(host);
      host.kill();
      job.lost(spawnCode(error), `no process for it: ${spawnMessage(error)}`, null);
    }
    return host;
  }

  #freed(host: PooledHost): void {
    if (host.executions >= HOST_EXECUTIONS_MAX) {
      host.kill();
      this.#serve();
      return;
    }
    host.idleSince = performance.now();
    host.turnSince ||= host.idleSince;
    const next = this.#nextFor(host);
    if (next !== undefined) {
      this.#waiting.delete(next);
      host.run(next);
      return;
    }
    if (this.#waiting.size > 0) this.#serve();
    this.#idleTimer ??= setTimeout(() => this.#endIdle(), HOST_IDLE_MS);
  }

  /** The longest waiting job of its bundle, unless another bundle waits and this one has had its turn. */
  #nextFor(host: PooledHost): CallJob | undefined {
    const turnOver = host.idleSince - host.turnSince > TURN_MS;
    for (const job of this.#waiting) {
      if (job.head.bundle === host.bundle) return job;
      if (turnOver) return undefined;
    }
    return undefined;
  }

  #gone(host: PooledHost): void {
    this.#hosts.delete(host);
    if (this.#waiting.size > 0) this.#serve();
  }

  #endIdle(): void {
    this.#idleTimer = undefined;
    const now = performance.now();
    for (const host of this.#hosts) if (host.usable && !host.busy && now - host.idleSince >= HOST_IDLE_MS) host.kill();
    if ([...this.#hosts].some((host) => host.usable)) this.#idleTimer = setTimeout(() => this.#endIdle(), HOST_IDLE_MS / 2);
  }
}
