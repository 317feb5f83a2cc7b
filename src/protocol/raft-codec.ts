/** Wire form of Raft messages. Each carries its cell, its sender and the member it is meant for. */
import type { CellId, MemberId } from '../core/lib/ids.ts';
import type { RaftMessage } from '../core/raft/types.ts';
import { encodeMessage } from './message-bytes.ts';
import { nameToken } from './names.ts';
import { decodeEntries, encodeEntries } from './entry-codec.ts';
import { MESSAGE_BYTES_MAX } from './limits.ts';
import { decodeWire, type Reader } from './reader.ts';

/** All texts of a Raft message are names, and its other numbers are times, which no shorter form holds. */
const namesOnly = { float64: true, typeEncoders: { string: nameToken } };

export interface RaftEnvelope {
  readonly cell: CellId;
  readonly from: MemberId;
  readonly to: MemberId;
  readonly message: RaftMessage;
}

const types = ['preVote', 'preVoteReply', 'vote', 'voteReply', 'append', 'appendReply', 'timeoutNow'] as const;
const code = Object.fromEntries(types.map((type, index) => [type, index])) as Record<RaftMessage['type'], number>;

export function encodeRaft(envelope: RaftEnvelope): Uint8Array {
  const { cell, from, to, message } = envelope;
  return encodeMessage([code[message.type], cell, from, to, ...fields(message)], namesOnly);
}

function fields(message: RaftMessage): unknown[] {
  switch (message.type) {
    case 'preVote':
      return [message.term, message.lastIndex, message.lastTerm, message.lostLeader];
    case 'preVoteReply':
      return [message.term, message.requestTerm, message.granted];
    case 'vote':
      return [message.term, message.lastIndex, message.lastTerm, message.transfer];
    case 'voteReply':
      return [message.term, message.granted];
    case 'append': {
      const { term, prevIndex, prevTerm, entries, commit, sentAt, round } = message;
      return [term, prevIndex, prevTerm, entries.length === 0 ? null : encodeEntries(entries), commit, sentAt, round];
    }
    case 'appendReply':
      return [message.term, message.ok, message.index, message.hintTerm, message.sentAt, message.round];
    case 'timeoutNow':
      return [message.term, message.lastIndex, message.lastTerm];
  }
}

/** @throws SkeinError FRAME_INVALID */
export function decodeRaft(bytes: Uint8Array): RaftEnvelope {
  const reader = decodeWire(bytes);
  const type = reader.oneOf(types);
  const cell = reader.string() as CellId;
  const from = reader.string() as MemberId;
  const to = reader.string() as MemberId;
  const message = readMessage(type, reader);
  reader.end();
  return { cell, from, to, message };
}

function readMessage(type: RaftMessage['type'], reader: Reader): RaftMessage {
  switch (type) {
    case 'preVote':
      return { type, term: reader.int(), lastIndex: reader.int(), lastTerm: reader.int(), lostLeader: reader.boolean() };
    case 'preVoteReply':
      return { type, term: reader.int(), requestTerm: reader.int(), granted: reader.boolean() };
    case 'vote':
      return { type, term: reader.int(), lastIndex: reader.int(), lastTerm: reader.int(), transfer: reader.boolean() };
    case 'voteReply':
      return { type, term: reader.int(), granted: reader.boolean() };
    case 'append': {
      const term = reader.int();
      const prevIndex = reader.int();
      const prevTerm = reader.int();
      const bytes = reader.bytesOrNull(MESSAGE_BYTES_MAX);
      const entries = bytes === null ? [] : decodeEntries(bytes);
      return { type, term, prevIndex, prevTerm, entries, commit: reader.int(), sentAt: reader.number(), round: reader.int() };
    }
    case 'appendReply':
      return { type, term: reader.int(), ok: reader.boolean(), index: reader.int(), hintTerm: reader.int(), sentAt: reader.number(), round: reader.int() };
    case 'timeoutNow':
      return { type, term: reader.int(), lastIndex: reader.int(), lastTerm: reader.int() };
  }
}
