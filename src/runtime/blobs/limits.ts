/** Bounds of blobs in transit. docs/reference/limits.md lists them. */
import { BLOB_CHUNK_BYTES } from '../../protocol/limits.ts';

/** Chunks asked of one holder at a time, for one blob. */
export const CHUNKS_PER_HOLDER = 2;
/** What another node said to be fetching is left to it for so long. */
export const TAKEN_MS = 15_000;
/** Wrong chunks from one holder before it is asked no more for this blob. */
export const DAMAGED_CHUNKS_MAX = 3;
/** Answers in a row that one holder failed to give (gone, busy, stalled) before it is asked no more for this blob. */
export const FAULTS_MAX = 8;
/** Blobs fetched at a time; others wait. */
export const FETCHES_MAX = 64;
/** Of these, kept free for blobs that somebody waits for. */
export const FETCHES_RESERVED = 16;
/** Of the files of one list, wished for at a time: many more than are fetched at a time, so that none of those places is empty. */
export const WISHED_AT_ONCE = 512;
/** A blob to which somebody writes while it is compared is compared so often, then it is given to nobody. */
export const COMPARED_MAX = 3;
/** Blobs that wait to be fetched. */
export const FETCHES_WAITING_MAX = 200_000;
/** Bytes of chunks in memory, of all blobs being fetched. */
export const FETCH_BYTES_MAX = 16 * BLOB_CHUNK_BYTES;
/** Memory of so many chunks is kept for the next ones while anything is fetched. */
export const SPARE_CHUNKS_MAX = 8;
/** A holder from which nothing comes for so long: its answers are given up, and their chunks asked of somebody else. */
export const ANSWER_STALL_MS = 5000;
/** An answer that waits for so long while others of its holder move is given up as well: the question may be lost. */
export const ANSWER_TURN_MS = 60_000;
/** A holder that stalled or was busy is left alone for so long. */
export const HOLDER_REST_MS = 1000;
/** Who has not answered, or had nothing, is asked again after this. */
export const FIND_AGAIN_MS = 2000;
/** Nodes that are said to have a blob are asked alone for so long. */
export const HINT_MS = 200;
/** Nobody has it: how long a fetch looks before it fails. */
export const FIND_TIMEOUT_MS = 10_000;
/** Answers under way to one peer. */
export const SERVED_PER_PEER_MAX = 256;
/** Peers that are told of each chunk that arrives, for one blob. */
export const INTERESTED_MAX = 64;
/** No piece is read for a peer while so much waits to be sent to it. */
export const SEND_AHEAD_BYTES = 4 * 1024 * 1024;
/** The same while it is not known what the line to that peer takes: until then nothing is compressed. */
export const SEND_AHEAD_UNKNOWN_BYTES = 1024 * 1024;
/** Pieces of small blobs that are read at the same time for one peer, at most one piece together. */
export const READ_TOGETHER_MAX = 64;
/** When the queue to a peer is full, it is looked at again after this. */
export const SEND_AGAIN_MS = 5;
/** A line is slow or fast only while so much stands before it: less may be gone before anybody looks. */
export const LINE_STANDING_BYTES = 256 * 1024;
/** What a line takes is measured over at least so long. */
export const LINE_SAMPLE_MS = 50;
/** And so many bytes. */
export const LINE_SAMPLE_BYTES = 256 * 1024;
/** How fast a line is, is believed for so long. */
export const LINE_KNOWN_MS = 30_000;
/** To compress a piece takes so long, whatever its size, on a machine with nothing else to do. */
export const COMPRESS_CALL_MS = 0.15;
/** And a millisecond for so many bytes. */
export const COMPRESS_BYTES_PER_MS = 200_000;
/** That it takes longer here than that is believed for so long; then it is tried again. */
export const SLOWNESS_KNOWN_MS = 1000;
/** Pieces that are compressed at a time, over all peers: each holds one of the threads that the disk needs. */
export const COMPRESSING_MAX = 2;
/** After a piece that did not become less, so much of the answer goes as it is. */
export const COMPRESS_AGAIN_BYTES = 2 * 1024 * 1024;
/** From so many such pieces in a row on, so much of the whole blob, and twice as much after each further one. */
export const COMPRESS_IN_VAIN_MAX = 8;
/** So much of a blob at most goes as it is before compression is tried again. */
export const COMPRESS_AGAIN_BYTES_MAX = 256 * 1024 * 1024;
/** Blobs of which it is known that compression was in vain. */
export const PLAIN_REMEMBERED_MAX = 1000;
/** Pieces that came faster than they are decompressed, of all peers; beyond that they are dropped, and asked again. */
export const PIECES_WAITING_BYTES_MAX = 16 * 1024 * 1024;
/** Each counts for so much more than its bytes. */
export const PIECE_COST_BYTES = 256;
/** Names in one question which blobs are needed. */
export const NEEDS_ASKED_MAX = 1024;
/** How often a node looks whether blobs have expired or are over the quota. */
export const SWEEP_EVERY_MS = 10 * 60_000;
/** A blob that was used within this time is not removed by itself: what it is for may not be known to the cell yet. */
export const RECENT_MS = 10 * 60_000;
/** What was here before the cell was founded may be of another cell: for so long it is not given up for room. */
export const LEFTOVERS_KEPT_MS = 24 * 60 * 60_000;
/** How often at most all blobs are judged for their age: until then those that could have expired are known. */
export const JUDGED_AGAIN_MS = 60 * 60_000;
/** A part of a blob that nobody fetches is kept for so long. */
export const PART_KEPT_MS = 24 * 60 * 60_000;
/** Share of the disk that is left to others, whatever the quota says; and the most that is. */
export const DISK_RESERVE_SHARE = 0.05;
/** See there. */
export const DISK_RESERVE_BYTES_MAX = 10 * 1024 * 1024 * 1024;
/** What the disk said about its room is believed for so long. */
export const ROOM_KNOWN_MS = 1000;
/** When there was no room, as much or more is refused at once for so long. */
export const NO_ROOM_MS = 5000;
/** Under pressure so much more than needed is freed, or a twentieth of the quota. */
export const SLACK_BYTES_MAX = 1024 * 1024 * 1024;
/** Copies that others asked for and that are being made here. */
export const KEEPS_MAX = 10_000;
/** Who was asked to keep a copy is asked again after this. */
export const COPY_ASK_AGAIN_MS = 2000;
/** Who says nothing at all to that for so long is given up. */
export const COPY_ANSWER_MS = 5000;
/** A node where nothing of a copy arrives for so long is given up; looking for somebody who has it takes half of that. */
export const COPY_STALL_MS = 20_000;
/** How long a result waits for nodes that do not answer before it counts with the copies that there are. */
export const COPY_WAIT_MS = 60_000;
/** A result that was sent back for want of copies is sent again after this, when there is nobody else to ask or nobody answered. */
export const COMMIT_AGAIN_MS = 2000;
/** The leader looks after copies this often while any are wanting. */
export const COPIES_TICK_MS = 200;
/** Modules that it looks at each time; the others come next. */
export const COPIES_LOOKED_MAX = 5000;
/** A node that wants to leave says so again and again; when it has not for so long, it is gone or stays. */
export const LEAVING_KNOWN_MS = 5000;
/** Modules whose files the leader has others copy at a time. */
export const COPIES_ASKED_MAX = 64;
/** The leader does not ask the same node for the same copy again before this. */
export const COPY_REST_MS = 5000;
/** A node without room for copies is passed over for so long. */
export const FULL_REST_MS = 60_000;
/** Holders and lost modules in one log entry. */
export const HOLDERS_PER_ENTRY_MAX = 1000;
/**
 * After the last node that had them went, files are lost only after as long as it took to make them, within these bounds:
 * a process that is started again is back in seconds, and who waits as long as the work took never loses more than half.
 */
export const LOSS_GRACE_MIN_MS = 10_000;
export const LOSS_GRACE_MAX_MS = 300_000;
/** A node that leaves hands over its last copies within this time. */
export const HAND_OVER_MS = 30_000;
/** The same when it is told to leave at once. */
export const HAND_OVER_NOW_MS = 5000;
/** Copies that the log does not count (logs, checkpoints, what came with runs) and that the leader asks for at a time. */
export const LOOSE_ASKED_MAX = 64;
/** Modules that are looked at for such, each time. */
export const LOOSE_LOOKED_MAX = 5000;
/** Of these, how many wait to be asked for; beyond that all are gone through again. */
export const LOOSE_QUEUE_MAX = 10_000;
/** Asked in vain, they are asked for again after this, and so often at most, until a node goes. */
export const LOOSE_AGAIN_MS = 30_000;
/** See there. */
export const LOOSE_TRIES_MAX = 10;
/** Logs of a run that ended are looked after for so long, as those of a live run are. */
export const LOGS_SETTLE_MS = 10 * 60_000;
/** Shorter answers do not tell how fast bytes come. */
export const RATE_ANSWER_BYTES_MIN = 256 * 1024;
/** So many bytes make one sample of how fast they come. */
export const RATE_SAMPLE_BYTES = 2 * BLOB_CHUNK_BYTES;
/** Weight of a new sample in the moving average. */
export const RATE_WEIGHT = 0.3;
