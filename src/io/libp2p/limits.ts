/** Every bound of the transport. docs/reference/limits.md lists them. */
import type { Channel } from '../../ports/transport.ts';
import { MESSAGE_BYTES_MAX } from '../../protocol/limits.ts';

/** Spoken by this version; it stands in the protocol names and in every hello. */
export const WIRE_VERSION = 4;

/** Prefix of a frame and of each message in it: unsigned 32 bit, big endian. */
export const LENGTH_BYTES = 4;
/** Payload of one frame: at least one message of maximal size fits. */
export const FRAME_BYTES_MAX = MESSAGE_BYTES_MAX + LENGTH_BYTES;
/** A frame is closed once it holds this much; a bigger single message makes a frame of its own. */
export const FRAME_BATCH_BYTES = 64 * 1024;
/**
 * Given to a stream at once. libp2p lets every stream of a connection add one such piece each time the socket drained
 * 64 KiB, so with two streams busy nothing piles up before the socket, and a heartbeat waits for no more than a few.
 */
export const WRITE_BYTES = 32 * 1024;
/** A frame of empty messages must not become millions of callbacks. */
export const FRAME_MESSAGES_MAX = 65_536;
/** The first frame of a stream. */
export const HELLO_BYTES_MAX = 2048;

/** Waiting for one peer on one channel. At least one message of maximal size fits into each. */
export const QUEUE_BYTES_MAX: Readonly<Record<Channel, number>> = { raft: 16 * 1024 * 1024, work: 16 * 1024 * 1024, bulk: 16 * 1024 * 1024, blob: 16 * 1024 * 1024 };
export const QUEUE_MESSAGES_MAX = 65_536;

/**
 * Window that a receiver grants a sender: what may be under way on one stream, and what stands before a heartbeat. With it a
 * stream gives up to 25 MB/s over a way of 20 ms there and back, and what the machines can do over one of 5 ms.
 */
export const STREAM_WINDOW_BYTES = 512 * 1024;
/** Streams that one peer may hold open per channel and connection: one in use, others on their way out. */
export const STREAMS_PER_CHANNEL_MAX = 4;

/** With INBOUND_PENDING_MAX bounded by the memory of the private network's cipher (protector.ts). */
export const CONNECTIONS_MAX = 4000;
/** Bytes that the private network's cipher is given at once. */
export const CIPHER_CHUNK_BYTES = 64 * 1024;
/** Per second from one host: a hundred nodes on one machine come up together. */
export const INBOUND_CONNECTIONS_PER_SECOND_MAX = 1000;
export const INBOUND_PENDING_MAX = 512;
export const DIALS_PARALLEL_MAX = 64;
export const KNOWN_PEERS_MAX = 16_384;
export const ADDRESSES_PER_PEER_MAX = 16;
/** Addresses behind one DNS name. */
export const RESOLVED_MAX = 32;
/** Ports tried after the default one. */
export const PORT_TRIES_MAX = 100;

/** One attempt to connect, handshake included. */
export const DIAL_TIMEOUT_MS = 3000;
/** A connection whose hello has not come by then is closed. */
export const HELLO_TIMEOUT_MS = 5000;
/** Longest that a refused connection stays open so that the other side hears our hello too and can say why. */
export const REFUSAL_LINGER_MS = 1000;
export const REDIAL_BACKOFF_MS = 250;
export const REDIAL_BACKOFF_MS_MAX = 10_000;
/** After a refusal (version, cluster name): trying again soon changes nothing. */
export const REFUSED_BACKOFF_MS = 60_000;
/** The side with the higher id leaves the first attempt to the other one, so that two do not dial each other at once. */
export const DIAL_COURTESY_MS = 100;
/** Peers that were only seen (mDNS, inbound), never learned, are dropped after failing for so long. */
export const SEEN_FORGET_MS = 10 * 60_000;
/** Processes of one peer whose return shows that two of them have one key. */
export const BOOTS_REMEMBERED_MAX = 8;
/** Round trip that confirms a live connection. */
export const CONFIRM_TIMEOUT_MS = 200;
/** Whole of `redial`, confirmation not counted. */
export const REDIAL_TIMEOUT_MS = 500;
/** A stream that was lost while its connection lives is opened again after this. */
export const STREAM_REOPEN_MS = 100;
/** Silent peers: libp2p pings this often and closes the connection when no answer comes. */
/** Own addresses are asked of the system this seldom. */
export const ADDRESSES_KEPT_MS = 2000;
export const PING_INTERVAL_MS = 5000;
export const PING_TIMEOUT_MS = 5000;
export const PING_TIMEOUT_MS_MAX = 10_000;
/** The same warning about the same peer or address is given at most this often. */
export const WARN_AGAIN_MS = 60_000;
export const WARN_KEYS_MAX = 1024;

/** Up to so many subscribers an own beacon goes to each of them at once; beyond, only along gossipsub's mesh. */
export const GOSSIP_FLOOD_PEERS_MAX = 32;

export const MDNS_SEEKING_MS = 1000;
export const MDNS_INTERVAL_MS = 10_000;
