/**
 * Snapshots from a leader to a member that fell too far behind: one slice at a time on the bulk channel, each answered
 * with the offset wanted next, so that a lost one is asked again and a reconnect goes on where it was.
 */
import type { CellId, MemberId, NodeId } from '../core/lib/ids.ts';
import { nodeOfMember } from '../core/lib/ids.ts';
import type { SnapshotMeta } from '../core/raft/types.ts';
import { encodeBulk } from '../protocol/bulk-codec.ts';
import { SNAPSHOT_BYTES_MAX, SNAPSHOT_CHUNK_BYTES } from '../protocol/limits.ts';
import type { BulkMessage } from '../protocol/messages.ts';
import { concatenate } from './assembler.ts';
import type { NodeContext } from './context.ts';
import type { Replica } from './replica.ts';
import type { Routine } from './routine.ts';
import type { CapturedSnapshot } from './snapshot-image.ts';

/**
 * An unanswered slice is sent again after this long, or after three times what the last one took: on a slow link it is
 * still on its way, and copies of it would queue in front of all that follows, which takes longer each time.
 */
const RESEND_MS = 1000;
const RESEND_MAX_MS = 5000;
const RESEND_FACTOR = 3;
/** A follower that takes nothing for this long is given up; the Raft core asks again when it answers. */
const GIVE_UP_MS = 10_000;

type SnapshotSlice = Extract<BulkMessage, { type: 'snapshot' }>;

interface Sending {
  readonly meta: SnapshotMeta;
  readonly sizes: readonly number[];
  readonly stream: Uint8Array;
  offset: number;
  sentAt: number;
  movedAt: number;
  resendMs: number;
}

export class SnapshotSender {
  readonly #context: NodeContext;
  readonly #replica: Replica;
  readonly #sending = new Map<MemberId, Sending>();
  /** For whom one is being encoded. */
  readonly #wanted = new Set<MemberId>();
  readonly #resends: Routine;

  constructor(context: NodeContext, replica: Replica) {
    this.#context = context;
    this.#replica = replica;
    this.#resends = context.routine(() => RESEND_MS / 2, () => this.#resend());
  }

  stop(): void {
    this.#resends.cancel();
    this.#wanted.clear();
    this.#sending.clear();
  }

  send(to: MemberId): void {
    const under = this.#sending.get(to);
    if (this.#wanted.has(to) || (under !== undefined && this.#context.now() - under.movedAt < GIVE_UP_MS)) return;
    this.#wanted.add(to);
    this.#replica.capture((snapshot) => {
      if (this.#wanted.delete(to) && this.#replica.leads) this.#begin(to, snapshot);
    });
  }

  #begin(to: MemberId, { meta, sections }: CapturedSnapshot): void {
    const now = this.#context.now();
    const sizes = sections.map((section) => section.length);
    const stream = concatenate(sections, sizes.reduce((sum, size) => sum + size, 0));
    const sending: Sending = { meta, sizes, stream, offset: 0, sentAt: now, movedAt: now, resendMs: RESEND_MS };
    this.#sending.set(to, sending);
    this.#resends.wake();
    this.#slice(to, sending);
  }

  answered(from: MemberId, index: number, next: number): void {
    const sending = this.#sending.get(from);
    if (sending === undefined || sending.meta.index !== index) return;
    if (next < 0 || next >= sending.stream.length) {
      this.#sending.delete(from);
      return;
    }
    const now = this.#context.now();
    if (next <= sending.offset && now - sending.sentAt < sending.resendMs) return; // a doubled answer
    sending.resendMs = Math.min(RESEND_MAX_MS, Math.max(RESEND_MS, RESEND_FACTOR * (now - sending.movedAt)));
    sending.offset = next;
    sending.movedAt = now;
    this.#slice(from, sending);
  }

  #slice(to: MemberId, sending: Sending): void {
    sending.sentAt = this.#context.now();
    const { cell, self, raft } = this.#replica;
    const bytes = sending.stream.subarray(sending.offset, sending.offset + SNAPSHOT_CHUNK_BYTES);
    const message: SnapshotSlice = { type: 'snapshot', cell, from: self, to, term: raft.term, meta: sending.meta, sections: sending.sizes, offset: sending.offset, bytes };
    this.#context.ports.transport.send(nodeOfMember(to), 'bulk', encodeBulk(message));
  }

  /** @returns whether anything is still under way. */
  #resend(): boolean {
    const now = this.#context.now();
    for (const [to, sending] of this.#sending) {
      if (!this.#replica.leads || now - sending.movedAt >= GIVE_UP_MS) this.#sending.delete(to);
      else if (now - sending.sentAt >= sending.resendMs) this.#slice(to, sending);
    }
    return this.#sending.size > 0;
  }
}

interface Receiving {
  readonly key: string;
  readonly slices: Uint8Array[];
  received: number;
}

/** A snapshot that arrived whole. */
export interface ArrivedSnapshot {
  readonly meta: SnapshotMeta;
  readonly sections: readonly Uint8Array[];
}

export class SnapshotReceiver {
  readonly #context: NodeContext;
  readonly #cell: CellId;
  readonly #self: MemberId;
  #receiving: Receiving | undefined;

  constructor(context: NodeContext, cell: CellId, self: MemberId) {
    this.#context = context;
    this.#cell = cell;
    this.#self = self;
  }

  /** @param have index that is applied here already. @returns the snapshot with its last slice. */
  receive(from: NodeId, message: SnapshotSlice, have: number): ArrivedSnapshot | undefined {
    const total = message.sections.reduce((sum, size) => sum + size, 0);
    if (message.meta.index <= have || total > SNAPSHOT_BYTES_MAX || message.sections.length === 0) {
      this.#answer(from, message, -1);
      return undefined;
    }
    const key = `${message.from} ${message.meta.index} ${message.meta.term} ${total}`;
    if (this.#receiving?.key !== key) this.#receiving = { key, slices: [], received: 0 };
    const receiving = this.#receiving;
    if (message.offset === receiving.received && receiving.received + message.bytes.length <= total) {
      receiving.slices.push(message.bytes);
      receiving.received += message.bytes.length;
    }
    this.#answer(from, message, receiving.received);
    if (receiving.received < total) return undefined;
    this.#receiving = undefined;
    return { meta: message.meta, sections: split(concatenate(receiving.slices, total), message.sections) };
  }

  #answer(to: NodeId, message: SnapshotSlice, next: number): void {
    const reply: BulkMessage = { type: 'snapshotReply', cell: this.#cell, from: this.#self, to: message.from, index: message.meta.index, next };
    this.#context.ports.transport.send(to, 'bulk', encodeBulk(reply));
  }
}

function split(stream: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  let at = 0;
  return sizes.map((size) => {
    const section = stream.slice(at, at + size);
    at += size;
    return section;
  });
}
