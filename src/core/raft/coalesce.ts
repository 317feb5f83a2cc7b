/** Saves messages that a later one to the same member makes needless. Losing any message is legal, so this is, too. */
import type { RaftMessage } from './types.ts';

/**
 * Drops from the messages of one frame to one member, in order of sending, those that a later one covers: an empty
 * Append followed by any Append of that leadership (the later round answers for the earlier one and carries its
 * commit), and an acknowledgement followed by one that goes at least as far.
 */
export function coalesce(messages: readonly RaftMessage[]): RaftMessage[] {
  if (messages.length < 2) return [...messages];
  const kept: RaftMessage[] = [];
  let append: RaftMessage | undefined;
  let reply: RaftMessage | undefined;
  for (let position = messages.length - 1; position >= 0; position -= 1) {
    const message = messages[position]!;
    if (message.type === 'append') {
      if (append?.type === 'append' && append.term === message.term && append.round > message.round && message.entries.length === 0) continue;
      append = message;
    } else if (message.type === 'appendReply') {
      if (reply?.type === 'appendReply' && coversReply(reply, message)) continue;
      reply = message;
    }
    kept.push(message);
  }
  return kept.toReversed();
}

type AppendReply = Extract<RaftMessage, { readonly type: 'appendReply' }>;

function coversReply(later: AppendReply, earlier: AppendReply): boolean {
  return later.ok && earlier.ok && later.term === earlier.term && later.index >= earlier.index && later.round >= earlier.round && later.sentAt >= earlier.sentAt;
}
