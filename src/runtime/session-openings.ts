/** Requests for a session, on the leader: each becomes one log entry however often it is asked for, unless the session is open already. */
import { nodeOfMember, type MemberId, type NodeId, type SessionId } from '../core/lib/ids.ts';
import type { Command } from '../core/cell/types.ts';
import type { LeaderHint, WorkMessage } from '../protocol/messages.ts';
import type { NodeContext } from './context.ts';
import type { LeaderSessions, SoftSession } from './leader-sessions.ts';
import type { Replica } from './replica.ts';

type SessionOpen = Extract<WorkMessage, { type: 'sessionOpen' }>;

/** On its way into the log, with the ids of all requests that ask for the same. */
interface Opening {
  readonly bootId: string;
  readonly member: MemberId | '';
  readonly ids: number[];
}

export interface SessionOpeningsInit {
  readonly context: NodeContext;
  readonly replica: Replica;
  readonly sessions: LeaderSessions;
  hint(): LeaderHint;
  /** Its end is on its way into the log. */
  givenUp(session: SoftSession): boolean;
  /** The node lives, and can be reached there. */
  heard(session: SoftSession, addresses: readonly string[]): void;
}

export class SessionOpenings {
  readonly #init: SessionOpeningsInit;
  readonly #opening = new Map<NodeId, Opening>();

  constructor(init: SessionOpeningsInit) {
    this.#init = init;
  }

  receive(from: NodeId, message: SessionOpen): void {
    const { replica } = this.#init;
    const { id, member } = message;
    if (member !== '' && nodeOfMember(member) !== from) this.#answer(from, id, 0, 'REQUEST_INVALID');
    else if (replica.evicted(member)) this.#answer(from, id, 0, 'MEMBER_REMOVED');
    else if (!this.#isOpen(from, message)) this.#open(from, message);
  }

  #isOpen(from: NodeId, { id, bootId, member, addresses }: SessionOpen): boolean {
    const { replica, sessions } = this.#init;
    const present = sessions.ofNode(from);
    const record = present === undefined ? undefined : replica.state.sessions.get(present.id);
    if (present === undefined || record === undefined || record.bootId !== bootId || record.member !== member) return false;
    // To the worker this is as good as an acked keepalive, so it has the same conditions.
    if (!replica.mayPlan() || this.#init.givenUp(present)) return true;
    // What was assigned before may have come while the worker did not know of its session: the next keepalive tells.
    present.assigned.clear();
    this.#init.heard(present, addresses);
    this.#answer(from, id, present.id, '');
    return true;
  }

  #open(from: NodeId, message: SessionOpen): void {
    const { replica, sessions } = this.#init;
    const { id, member, bootId, name, capabilities, running, addresses } = message;
    const under = this.#opening.get(from);
    if (under !== undefined && under.bootId === bootId && under.member === member) {
      under.ids.push(id);
      return;
    }
    const opening: Opening = { bootId, member, ids: [id] };
    this.#opening.set(from, opening);
    const command: Command = { type: 'sessionOpen', now: replica.stamp(), node: from, member, bootId, name, capabilities, running };
    replica.propose(command, (result) => {
      if (this.#opening.get(from) === opening) this.#opening.delete(from);
      const reply = result?.reply;
      const opened = reply?.type === 'session' ? reply.session : 0;
      const session = sessions.get(opened);
      if (session !== undefined) this.#init.heard(session, addresses);
      for (const request of opening.ids) this.#answer(from, request, opened, reply?.type === 'error' ? reply.code : '');
    });
  }

  #answer(to: NodeId, id: number, session: SessionId, error: string): void {
    this.#init.context.sendWork(to, { type: 'sessionReply', id, session, error, hint: this.#init.hint() });
  }
}
