/** What every part of a node shares: identity, ports, and the way to say something to another node. */
import type { NodeId } from '../core/lib/ids.ts';
import type { CellMutant } from '../core/cell/mutants.ts';
import type { NoteLevel } from '../ports/observer.ts';
import type { Timer } from '../ports/clock.ts';
import { encodeBlob, type BlobMessage } from '../protocol/blob-codec.ts';
import type { WorkMessage } from '../protocol/messages.ts';
import { encodeWork } from '../protocol/work-codec.ts';
import type { NodePorts, NodeRuntimeInit, Timing } from './init.ts';
import type { RuntimeMutant } from './mutants.ts';
import { Routine } from './routine.ts';

/** Far more than any process counts up to, and far from where numbers are not exact. */
const FIRST_IDS = 2 ** 44;

export class NodeContext {
  readonly init: NodeRuntimeInit;
  readonly ports: NodePorts;
  readonly timing: Timing;
  readonly self: NodeId;
  readonly bootId: string;
  /** Set by the runtime: hands a message to this very node, as if it came from outside. */
  receiveWork: (from: NodeId, message: WorkMessage) => void = () => {};
  receiveBlob: (from: NodeId, message: BlobMessage) => void = () => {};
  #stopped = false;
  readonly #timers = new Set<Timer>();
  readonly #onStop = new Set<() => void>();

  constructor(init: NodeRuntimeInit) {
    this.init = init;
    this.ports = init.ports;
    this.timing = init.timing;
    this.self = init.ports.transport.self;
    this.bootId = init.ports.transport.bootId;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  now(): number {
    return this.ports.clock.now();
  }

  /**
   * Where this process begins to number its requests. Whoever was asked by the process before it may answer late, over the
   * new connection: such an answer must fit nothing that was asked since.
   */
  firstId(): number {
    return Math.floor(this.ports.random.float() * FIRST_IDS);
  }

  /** Test-only: is this rule switched off? */
  mutant(name: RuntimeMutant | CellMutant): boolean {
    return this.init.mutants?.has(name) === true;
  }

  note(level: NoteLevel, event: string, message: string, data?: Record<string, unknown>): void {
    this.ports.observer.notify(data === undefined ? { level, event, message } : { level, event, message, data });
  }

  /** As `sendWork`. */
  sendBlob(to: NodeId, message: BlobMessage): boolean {
    if (to !== this.self) return this.ports.transport.send(to, 'blob', encodeBlob(message));
    this.defer(() => this.receiveBlob(this.self, message));
    return true;
  }

  /** To this node itself by way of the next turn, so that no call returns into its caller. */
  sendWork(to: NodeId, message: WorkMessage): boolean {
    if (to !== this.self) return this.ports.transport.send(to, 'work', encodeWork(message));
    this.defer(() => this.receiveWork(this.self, message));
    return true;
  }

  defer(callback: () => void): void {
    this.ports.clock.defer(() => {
      if (!this.#stopped) callback();
    });
  }

  settle(callback: () => void): void {
    this.ports.clock.settle(() => {
      if (!this.#stopped) callback();
    });
  }

  /** A timer that dies with the node. */
  after(delayMs: number, callback: () => void): Timer {
    if (this.#stopped) return { cancel: () => undefined };
    const timer = this.ports.clock.setTimer(delayMs, () => {
      this.#timers.delete(timer);
      if (!this.#stopped) callback();
    });
    this.#timers.add(timer);
    return {
      cancel: () => {
        this.#timers.delete(timer);
        timer.cancel();
      },
    };
  }

  /** Calls back every `intervalMs` (read anew each time) until cancelled or stopped. */
  every(intervalMs: () => number, callback: () => void): Timer {
    const routine = this.routine(intervalMs, () => {
      callback();
      return true;
    });
    routine.wake();
    return routine;
  }

  /**
   * As `every`, for what there is to do at times only: a node with nothing to do is not woken for it. Sleeps until it is
   * woken, and again when `work` says that nothing is left.
   */
  routine(intervalMs: () => number, work: () => boolean): Routine {
    const routine: Routine = new Routine(this.ports.clock, intervalMs, () => !this.#stopped && work(), () => this.#timers.delete(routine));
    if (this.#stopped) routine.cancel();
    else this.#timers.add(routine);
    return routine;
  }

  /** Calls back once when the node stops, for whoever waits for what will not happen any more. @returns takes it back. */
  onStop(callback: () => void): () => void {
    this.#onStop.add(callback);
    return () => this.#onStop.delete(callback);
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    const callbacks = [...this.#onStop];
    this.#onStop.clear();
    for (const callback of callbacks) callback();
  }
}
