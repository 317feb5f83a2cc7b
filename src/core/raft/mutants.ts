/**
 * Test-only switches, one per rule: each breaks the core in the way its sentence says, and a test or the simulator must
 * notice. A rule whose mutant nobody notices is a rule that nobody tests.
 */
export const raftMutants = [
  { name: 'no-prevote', rule: 'rule 1', breaks: 'An election starts with Vote at once, so a node that was cut off deposes a healthy leader when it returns.' },
  { name: 'prevote-while-hearing-leader', rule: 'rule 1', breaks: 'PreVote is granted although a live leader is heard.' },
  { name: 'prevote-silent', rule: 'rule 1', breaks: 'PreVote is dropped instead of rejected while a leader is heard, so the asker never learns the term.' },
  { name: 'no-term-adoption', rule: 'rule 1', breaks: 'The term in a PreVote rejection is not adopted: a long log with a low term and a short log with a high term block each other for ever.' },
  { name: 'transfer-respects-lease', rule: 'rule 2', breaks: 'Vote with `transfer` is dropped by voters that hear the old leader, so a transfer never completes.' },
  { name: 'transfer-to-laggard', rule: 'rule 2', breaks: 'The target of a transfer campaigns without the last entries of the leader: an election for nothing, and a new term.' },
  { name: 'transfer-to-standby', rule: 'rule 2', breaks: 'Leadership may be handed to a member without a vote.' },
  { name: 'vote-while-hearing-leader', rule: 'rule 3', breaks: 'Vote is judged although a live leader is heard.' },
  { name: 'no-check-quorum', rule: 'rule 4', breaks: 'A leader without a majority never steps down.' },
  { name: 'check-quorum-by-receipt', rule: 'rule 4', breaks: 'Contact is dated by when an answer came in, not by when the Append was sent, so late answers keep a leader up.' },
  { name: 'remember-leadership', rule: 'rule 5', breaks: 'A leader that stepped down still counts itself as the live leader and refuses PreVotes.' },
  { name: 'noop-skipped', rule: 'rule 6', breaks: 'A new leader appends no Noop: entries of earlier terms stay uncommitted and reads may be stale.' },
  { name: 'commit-old-term', rule: 'rule 6', breaks: 'Entries of earlier terms are committed by counting replicas (figure 8 of the paper).' },
  { name: 'config-before-noop', rule: 'rule 6', breaks: 'A configuration change is appended before the Noop of this term is committed.' },
  { name: 'read-before-noop', rule: 'rule 6', breaks: 'ReadIndex is answered before the Noop of this term is committed.' },
  { name: 'joint-not-finished', rule: 'rule 6', breaks: 'Nobody appends the final configuration, so the cell stays joint for ever.' },
  { name: 'full-timeout-retry', rule: 'rule 7', breaks: 'After a failed election a whole election timeout passes before the next one.' },
  { name: 'no-fast-path', rule: 'rule 8', breaks: 'A refused redial of the leader is ignored: every crash costs an election timeout.' },
  { name: 'fast-path-unchecked', rule: 'rule 8', breaks: 'PreVote with `lostLeader` is believed without looking at the own connection, so one broken link deposes a leader.' },
  { name: 'nonvoter-campaigns', rule: 'rule 9', breaks: 'A member that is not a voter in its own configuration campaigns.' },
  { name: 'removed-accepted', rule: 'rule 9', breaks: 'Messages of removed members are judged like any other.' },
  { name: 'ack-own-last-index', rule: 'rule 10', breaks: 'AppendReply acknowledges the whole own log instead of what that message proved.' },
  { name: 'reply-before-sync-term', rule: 'fsync (a)', breaks: 'A reply with a new term leaves before the term is synced.' },
  { name: 'reply-before-sync-vote', rule: 'fsync (b)', breaks: 'A granted vote leaves, and the own vote counts, before it is synced.' },
  { name: 'reply-before-sync-append', rule: 'fsync (c)', breaks: 'An accepted Append is acknowledged before its entries are synced.' },
  { name: 'reply-before-sync-snapshot', rule: 'fsync (d)', breaks: 'A snapshot is acknowledged before it is in force on disk.' },
  { name: 'leader-counts-unsynced', rule: 'fsync (c)', breaks: 'The leader counts its own copy of an entry before it is synced.' },
  { name: 'single-majority-in-joint', rule: '§5', breaks: 'While a change is joint only the new majority counts for votes and commits.' },
  { name: 'final-by-outsider', rule: '§5', breaks: 'A leader that is not in the new voters appends the final configuration itself.' },
  { name: 'final-to-demoted', rule: '§5', breaks: 'Members that lose their vote hold the final configuration before it is committed; then nobody may be electable.' },
  { name: 'promote-unsynced', rule: '§5', breaks: 'A member becomes voter without having caught up.' },
  { name: 'vote-without-log-check', rule: 'Raft §5.4.1', breaks: 'A vote is granted to a candidate whose log is behind.' },
  { name: 'snapshot-drops-acked-tail', rule: 'Raft §7', breaks: 'A snapshot that the log already contains still resets it, so acknowledged entries after it are lost.' },
  { name: 'read-unconfirmed', rule: 'ReadIndex', breaks: 'ReadIndex is answered without asking a majority, so a leader that was deposed and does not know answers with the past.' },
  { name: 'lease-forever', rule: 'planner lease', breaks: 'The planner lease lasts as long as the office, whoever answers.' },
  { name: 'window-unbounded', rule: 'S26', breaks: 'A follower that answers nothing is sent more and more, and the leader remembers all of it.' },
] as const;

export type RaftMutant = (typeof raftMutants)[number]['name'];
