/** Inputs, messages and effects as one short line each, for scenario files. */
import { unreachable } from '../../../../src/core/lib/assert.ts';
import type { Config, Entry, RaftEffect, RaftMessage } from '../../../../src/core/raft/types.ts';
import type { Inputs } from './cell.ts';

export function describeEntry(entry: Entry): string {
  const content = entry.config !== undefined ? ` ${describeConfig(entry.config)}` : entry.kind === 'command' ? ` "${new TextDecoder().decode(entry.data)}"` : '';
  return `${entry.index}/${entry.term} ${entry.kind}${content}`;
}

export function describeConfig(config: Config): string {
  const joint = config.outgoing.length > 0 ? ` from ${config.outgoing.join('')}` : '';
  const standbys = config.standbys.length > 0 ? ` standbys ${config.standbys.join('')}` : '';
  const removed = config.removed.length > 0 ? ` removed ${config.removed.join('')}` : '';
  return `voters ${config.voters.join('')}${joint}${standbys}${removed}`;
}

function list(entries: readonly Entry[]): string {
  return entries.length === 0 ? '' : ` [${entries.map(describeEntry).join(', ')}]`;
}

export function describeMessage(message: RaftMessage): string {
  switch (message.type) {
    case 'preVote':
      return `preVote t${message.term} log ${message.lastIndex}/${message.lastTerm}${message.lostLeader ? ' lostLeader' : ''}`;
    case 'preVoteReply':
      return `preVoteReply t${message.term} to t${message.requestTerm} ${message.granted ? 'granted' : 'rejected'}`;
    case 'vote':
      return `vote t${message.term} log ${message.lastIndex}/${message.lastTerm}${message.transfer ? ' transfer' : ''}`;
    case 'voteReply':
      return `voteReply t${message.term} ${message.granted ? 'granted' : 'rejected'}`;
    case 'append':
      return `append t${message.term} after ${message.prevIndex}/${message.prevTerm}${list(message.entries)} commit ${message.commit}`;
    case 'appendReply':
      return message.ok ? `appendReply t${message.term} ok ${message.index}` : `appendReply t${message.term} no, perhaps ${message.index}/${message.hintTerm}`;
    case 'timeoutNow':
      return `timeoutNow t${message.term} ${message.lastIndex}/${message.lastTerm}`;
    default:
      return unreachable(message);
  }
}

export function describeInput(input: Inputs): string {
  switch (input.type) {
    case 'message':
      return `← ${input.from} ${describeMessage(input.message)}`;
    case 'propose':
      return `propose ${input.commands.map((command) => new TextDecoder().decode(command)).join(' ')}`;
    case 'proposeConfig':
      return `proposeConfig ${describeConfig({ ...input, outgoing: [] })}`;
    case 'persisted':
      return `persisted ${input.sequence}`;
    case 'readIndex':
      return `readIndex ${input.id}`;
    case 'transfer':
      return `transfer to ${input.target}`;
    case 'link':
      return `link to ${input.peer} ${input.state}`;
    case 'compacted':
      return `compacted at ${input.meta.index}/${input.meta.term}`;
    case 'snapshotArrived':
      return `← ${input.from} snapshot ${input.meta.index}/${input.meta.term} of t${input.term}`;
    case 'stepDown':
      return `stepDown, ${input.reason}`;
    case 'tick':
    case 'resume':
      return input.type;
    default:
      return unreachable(input);
  }
}

export function describeEffect(effect: RaftEffect): string[] {
  switch (effect.type) {
    case 'persist': {
      const parts = [
        effect.snapshot === undefined ? '' : ` snapshot ${effect.snapshot.index}/${effect.snapshot.term}`,
        effect.hard === undefined ? '' : ` term ${effect.hard.term} vote ${effect.hard.votedFor === '' ? '-' : effect.hard.votedFor}`,
        effect.truncateAfter === undefined ? '' : ` cut after ${effect.truncateAfter}`,
        list(effect.entries),
      ];
      return [`persist ${effect.sequence}:${parts.join('')}`, ...effect.messages.map((item) => `  then → ${item.to} ${describeMessage(item.message)}`)];
    }
    case 'send':
      return [`→ ${effect.to} ${describeMessage(effect.message)}`];
    case 'commit':
      return [`commit ${effect.index}`];
    case 'appended':
      return [`appended ${effect.first}…${effect.first + effect.count - 1} in t${effect.term}`];
    case 'refused':
      return [`refused: ${effect.reason}`];
    case 'readReady':
      return [`read ${effect.id} ready at ${effect.index}`];
    case 'readFailed':
      return [`read ${effect.id} failed`];
    case 'sendSnapshot':
      return [`send snapshot to ${effect.to}`];
    case 'redial':
      return [`redial ${effect.peer}`];
    case 'role':
      return [`is ${effect.role} in t${effect.term}${effect.role === 'leader' ? '' : effect.leader === '' ? ', no leader known' : ` of ${effect.leader}`}`];
    case 'alarm':
      return [`alarm about ${effect.member}: ${effect.reason}`];
    default:
      return unreachable(effect);
  }
}
