/**
 * Raft messages of one turn, sent together when it is over. What a later one of them covers never leaves: a commit that
 * was followed by the next entries in the same turn costs no message and no answer of its own.
 */
import type { CellId, MemberId } from '../core/lib/ids.ts';
import { nodeOfMember } from '../core/lib/ids.ts';
import { coalesce } from '../core/raft/coalesce.ts';
import type { RaftMessage } from '../core/raft/types.ts';
import { encodeRaft } from '../protocol/raft-codec.ts';
import type { NodeContext } from './context.ts';

export class RaftMail {
  readonly #context: NodeContext;
  readonly #cell: CellId;
  readonly #self: MemberId;
  #queues = new Map<MemberId, RaftMessage[]>();

  constructor(context: NodeContext, cell: CellId, self: MemberId) {
    this.#context = context;
    this.#cell = cell;
    this.#self = self;
  }

  send(to: MemberId, message: RaftMessage): void {
    if (this.#queues.size === 0) this.#context.settle(() => this.#flush());
    const queue = this.#queues.get(to);
    if (queue === undefined) this.#queues.set(to, [message]);
    else queue.push(message);
  }

  #flush(): void {
    const queues = this.#queues;
    this.#queues = new Map();
    for (const [to, messages] of queues) {
      const node = nodeOfMember(to);
      for (const message of coalesce(messages)) {
        this.#context.ports.transport.send(node, 'raft', encodeRaft({ cell: this.#cell, from: this.#self, to, message }));
      }
    }
  }
}
