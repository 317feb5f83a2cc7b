/** What became of an attempt to connect, read from libp2p's errors. */

export type DialFailure =
  /** A machine answered that nobody listens at that port. */
  | 'refused'
  /** Another node answers at the address of this one. */
  | 'other-peer'
  /** The address is one of our own. */
  | 'self'
  /** TCP and the exchange of nonces worked, then nothing readable came: another cluster key. */
  | 'key'
  /** The handshake began and came to no end in time: a stopped process, or another key. */
  | 'stuck'
  | 'unreachable'
  | 'stopped';

/** @param encrypting the private network's nonces were exchanged and the encrypted handshake had begun. */
export function dialFailure(error: unknown, encrypting: boolean): DialFailure {
  const errors = flattened(error);
  const has = (test: (error: Error) => boolean): boolean => errors.some(test);
  if (has((e) => e.name === 'NotStartedError')) return 'stopped';
  if (has((e) => /dial self/i.test(e.message))) return 'self';
  if (has((e) => /identity key/i.test(e.message) || e.name === 'UnexpectedPeerError')) return 'other-peer';
  if (has((e) => 'code' in e && e.code === 'ECONNREFUSED')) return 'refused';
  if (!encrypting) return 'unreachable';
  return has((e) => /abort|timeout|timed out/i.test(`${e.name} ${e.message}`)) ? 'stuck' : 'key';
}

function flattened(error: unknown): Error[] {
  if (error instanceof AggregateError) return error.errors.flatMap(flattened);
  return error instanceof Error ? [error] : [new Error(String(error))];
}
