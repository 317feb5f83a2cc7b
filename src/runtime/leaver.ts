/**
 * A node that goes in good order: takes no new work, finishes or hands back what it has, is taken out of the
 * configuration, ends its session. Then, and only then, nobody waits for it. Both sides of it are here.
 */
import type { CellId, NodeId, SessionId } from '../core/lib/ids.ts';
import type { WorkMessage } from '../protocol/messages.ts';
import { HAND_OVER_MS, HAND_OVER_NOW_MS } from './blobs/limits.ts';
import type { CellHost } from './cell-host.ts';
import type { NodeContext } from './context.ts';
import type { Worker } from './worker.ts';

/** What runs may finish within this time; then it is handed back. */
const FINISH_MS = 30_000;
/** Handing back: SIGTERM, grace, SIGKILL, and the way to the leader. */
const HAND_BACK_MS = 8000;
/** How long the cell may take to let this node go. */
const DEPART_MS = 10_000;
const POLL_MS = 50;
const ASK_EVERY_MS = 100;

export interface LeaverParts {
  readonly host: CellHost;
  readonly worker: Worker;
  target(): { readonly cell: CellId | ''; readonly node: NodeId | '' };
  session(): SessionId;
}

export class Leaver {
  readonly #context: NodeContext;
  readonly #parts: LeaverParts;
  readonly #firstId: number;
  #asked: number;
  /** Whom it was last asked: nobody else can let this node go. */
  #askedNode: NodeId | '' = '';
  #gone = false;
  #handedBack = false;
  /** Others do not have yet what this many modules left here. */
  #lastCopies = 0;

  constructor(context: NodeContext, parts: LeaverParts) {
    this.#context = context;
    this.#parts = parts;
    this.#firstId = this.#asked = context.firstId();
  }

  /** @param now hand back at once. A second call hurries a first one. */
  leave(now: boolean, done: () => void): void {
    const { worker } = this.#parts;
    const started = this.#context.now();
    worker.drain(now);
    this.#handedBack ||= now;
    let handBackAt = now ? started : started + FINISH_MS;
    let departAt = Infinity;
    let handOverUntil = Infinity;
    let lastAsked = -Infinity;
    const timer = this.#context.every(() => POLL_MS, () => {
      const at = this.#context.now();
      if (this.#handedBack) handBackAt = Math.min(handBackAt, at);
      if (departAt === Infinity) {
        if (at >= handBackAt && !this.#handedBack) {
          this.#handedBack = true;
          worker.drain(true);
        }
        if (!worker.idle && at < handBackAt + HAND_BACK_MS) return;
        handOverUntil = at + (this.#handedBack ? HAND_OVER_NOW_MS : HAND_OVER_MS);
        departAt = handOverUntil + DEPART_MS;
      }
      if (this.#gone || at >= departAt || this.#parts.target().cell === '') {
        timer.cancel();
        if (this.#lastCopies > 0) this.#context.note('warn', 'copies-not-handed-over', `this node leaves with the only copies of what ${this.#lastCopies} modules left: no other node could take them in time`, { modules: this.#lastCopies });
        done();
        return;
      }
      if (at - lastAsked < ASK_EVERY_MS) return;
      lastAsked = at;
      this.#ask(at < handOverUntil);
    });
  }

  /** @param handOver stays until others have what only this node has. */
  #ask(handOver: boolean): void {
    const { cell, node } = this.#parts.target();
    if (cell === '' || node === '') return;
    this.#asked += 1;
    this.#askedNode = node;
    this.#context.sendWork(node, { type: 'leave', id: this.#asked, cell, node: this.#context.self, session: this.#parts.session(), handOver });
  }

  receive(from: NodeId, message: Extract<WorkMessage, { type: 'leave' | 'leaveReply' }>): void {
    if (message.type === 'leaveReply') {
      const own = message.id > this.#firstId && message.id <= this.#asked;
      if (own) this.#lastCopies = message.lastCopies;
      if (message.done && own && from === this.#askedNode) this.#gone = true;
      return;
    }
    if (message.node !== from) return;
    const { leader, autopilot, cell } = this.#parts.host;
    const led = leader !== undefined && autopilot !== undefined && message.cell === cell;
    const lastCopies = led ? leader.handOver(from) : 0;
    const done = led && (lastCopies === 0 || !message.handOver) && autopilot.release(from);
    const { node } = this.#parts.target();
    this.#context.sendWork(from, { type: 'leaveReply', id: message.id, done, lastCopies, hint: { cell: message.cell, node, addresses: [] } });
  }
}
