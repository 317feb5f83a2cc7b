/**
 * Raft messages of one turn, sent together when it is over. What a later one of them covers never leaves: a commit that
 * was followed by the next entries in the same turn costs no message and no answer of its own, and one whose next entries
 * are to be expected waits a moment for them.
 */
import type { CellEvent } from '../core/cell/types.ts';
import type { CellId, MemberId } from '../core/lib/ids.ts';
import { nodeOfMember } from '../core/lib/ids.ts';
import { coalesce } from '../core/raft/coalesce.ts';
import type { RaftMessage } from '../core/raft/types.ts';
import { encodeRaft } from '../protocol/raft-codec.ts';
import type { Timer } from '../ports/clock.ts';
import type { NodeContext } from './context.ts';

/** How long news without entries wait for entries to travel with. Far below a heartbeat interval. */
const LINGER_MS = 1;

export class RaftMail {
  readonly #context: NodeContext;
  readonly #cell: CellId;
  readonly #self: MemberId;
  #queues = new Map<MemberId, RaftMessage[]>();
  #planned = false;
  #lingers: boolean | undefined;
  #timer: Timer | undefined;

  constructor(context: NodeContext, cell: CellId, self: MemberId) {
    this.#context = context;
    this.#cell = cell;
    this.#self = self;
  }

  send(to: MemberId, message: RaftMessage): void {
    const queue = this.#queues.get(to);
    if (queue === undefined) this.#queues.set(to, [message]);
    else queue.push(message);
    if (this.#planned) return;
    this.#planned = true;
    this.#context.settle(() => this.#settled());
  }

  /** Called for each entry that this turn commits. One whose news cannot wait decides for all. */
  committed(events: readonly CellEvent[]): void {
    this.#lingers = this.#lingers !== false && goesOn(events);
  }

  #settled(): void {
    this.#planned = false;
    const lingers = this.#lingers === true && [...this.#queues.values()].every((queue) => queue.every(isBare));
    this.#lingers = undefined;
    if (!lingers) this.#flush();
    else this.#timer ??= this.#context.after(LINGER_MS, () => this.#flush());
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const queues = this.#queues;
    this.#queues = new Map();
    const { ports, init, self } = this.#context;
    for (const [to, messages] of queues) {
      const node = nodeOfMember(to);
      for (const message of coalesce(messages)) {
        const envelope = { cell: this.#cell, from: this.#self, to, message };
        if (ports.transport.send(node, 'raft', encodeRaft(envelope))) init.probe?.sent?.(self, envelope);
      }
    }
  }
}

function isBare(message: RaftMessage): boolean {
  return message.type === 'append' && message.entries.length === 0;
}

/**
 * New runs and claims, perhaps with the results that made them possible, are soon followed by claims and results; workers
 * hear of their claims, and clients of their runs, from the leader: followers need not know at once. They should of the
 * end of a run, for example: somebody waits there.
 */
function goesOn(events: readonly CellEvent[]): boolean {
  return events.length > 0 && events.every(({ type }) => type === 'module' || type === 'runSubmitted');
}
