/** The timeline's own words: one event is one thing that a person may want to know, at one virtual time. */

/**
 * - `fault`: what the world did, to the network or to a node; `heal`: what it mended.
 * - `leader`: who leads, and from when to when; `members`: who votes.
 * - `plan`: claims, as the leader planned them; `result`: modules that ended; `run`: runs accepted and ended.
 * - `client`: what somebody outside wanted and was told; `read`: what they only looked at, shown by `--trace=all`.
 * - `note`: what a node says of itself.
 * - `detail`: Raft and other chatter that only `--trace=all` shows.
 */
export type EventKind = 'fault' | 'heal' | 'leader' | 'members' | 'plan' | 'result' | 'run' | 'client' | 'read' | 'note' | 'detail' | 'violation';

export interface TimelineEvent {
  /** Virtual ms. */
  readonly time: number;
  readonly kind: EventKind;
  /** A node's name, a client's, `world`, `you` (your own pipeline), or `checker`. */
  readonly who: string;
  readonly text: string;
  /** One letter per node, see `LEGEND`; '' with too many nodes for a line. */
  readonly strip: string;
}

/** Too many for a timeline that is read from the top; a page can hide them. */
export function isQuiet({ kind }: TimelineEvent): boolean {
  return kind === 'detail' || kind === 'read';
}

export type Listener = (event: TimelineEvent) => void;
