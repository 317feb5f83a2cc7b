/** Every bound and fixed delay of the Raft core. docs/reference/limits.md lists them. */

/** Entries in one Append. */
export const APPEND_ENTRIES_MAX = 1024;
/** Payload of one Append; a single larger entry still travels alone. Heartbeats wait behind it on a slow link. */
export const APPEND_BYTES_MAX = 256 * 1024;
/** Appends with entries that one follower may leave unanswered. */
export const INFLIGHT_APPENDS_MAX = 64;
/** Their payload together, so that a stalled follower costs a bounded send queue. */
export const INFLIGHT_BYTES_MAX = 8 * 1024 * 1024;
/** The same over a slow link, and until the first answers tell how fast the link is. */
export const INFLIGHT_BYTES_MIN = 256 * 1024;
/** Largest command; PROTOCOL §1: a bigger Submit travels in parts. */
export const ENTRY_BYTES_MAX = 256 * 1024;
/** Appended but not committed on the leader; beyond it `propose` is refused. */
export const UNCOMMITTED_BYTES_MAX = 64 * 1024 * 1024;
/** Entries kept before a snapshot, so that a follower which is a little behind needs no snapshot. */
export const COMPACTED_TAIL_ENTRIES_MAX = 1024;
export const COMPACTED_TAIL_BYTES_MAX = 4 * 1024 * 1024;
/**
 * Kept in memory as long as a follower that answers needs it: one that is sent a snapshot over a slow link, and then what came
 * meanwhile, would else be sent one snapshot after the other. So many times as many entries as above, and so many bytes.
 */
export const CATCH_UP_TAIL_FACTOR = 64;
export const CATCH_UP_TAIL_BYTES_MAX = 64 * 1024 * 1024;
/** A follower whose last answer is older than so many election timeouts is not waited for. */
export const CATCH_UP_SILENT_FACTOR = 4;
/** ReadIndex requests that wait for a majority. */
export const READS_PENDING_MAX = 4096;
/** PreVotes held back while the leader is redialled. */
export const HELD_PRE_VOTES_MAX = 16;
/** Peers whose connection is known to be down or gone. */
export const BROKEN_LINKS_MAX = 64;
/** Two real standbys plus the four promotees of a growth from 1 to 5. */
export const STANDBYS_MAX = 6;
/** Ids that never return; each costs a line in every config entry. */
export const REMOVED_MAX = 1024;
/** Legal sizes of a simple voter set (PROTOCOL S9): never an even one. */
export const VOTER_COUNTS: readonly number[] = [1, 3, 5];

/** Rule 7: wait after a failed election, U[min, max). */
export const RETRY_MIN_MS = 100;
export const RETRY_MAX_MS = 400;
/** Rule 8: wait before the first PreVote after the leader's process is known to be gone. */
export const LOST_LEADER_WAIT_MS = 50;
export const LOST_LEADER_SPREAD_MS = 150;
/** Rule 8: wait after a failed PreVote on the fast path. */
export const LOST_LEADER_RETRY_MS = 50;

/** Fixed cost of an entry on the wire and in memory, for the byte bounds. */
const ENTRY_OVERHEAD_BYTES = 32;
const CONFIG_MEMBER_BYTES = 96;

export function entryBytes(entry: { readonly data: Uint8Array; readonly config?: { readonly voters: readonly string[]; readonly outgoing: readonly string[]; readonly standbys: readonly string[]; readonly removed: readonly string[] } }): number {
  const config = entry.config;
  const members = config === undefined ? 0 : config.voters.length + config.outgoing.length + config.standbys.length + config.removed.length;
  return ENTRY_OVERHEAD_BYTES + entry.data.length + members * CONFIG_MEMBER_BYTES;
}
