/** Is the process behind a peer still there? The answer lets voters elect a new leader without a full timeout. */
import type { NodeId } from '../../core/lib/ids.ts';
import type { Clock } from '../../ports/clock.ts';
import type { RedialOutcome } from '../../ports/transport.ts';
import type { DialResult } from './connect.ts';
import { REDIAL_TIMEOUT_MS } from './limits.ts';
import type { PeerTable } from './peer-table.ts';

export interface RedialInit {
  readonly clock: Clock;
  readonly table: PeerTable;
  /** A round trip over the present connection, within CONFIRM_TIMEOUT_MS. */
  readonly confirm: (peer: NodeId) => Promise<boolean>;
  readonly dial: (peer: NodeId) => Promise<DialResult>;
}

export async function redial(init: RedialInit, peer: NodeId, lastBootId: string): Promise<RedialOutcome> {
  const { table } = init;
  const verdict = (bootId: string): RedialOutcome => (bootId === lastBootId ? 'connected' : 'rebooted');
  const before = table.nextOrder;
  const present = table.bootIdOf(peer);
  if (present !== undefined && (await init.confirm(peer))) return verdict(table.bootIdOf(peer) ?? present);
  const outcome = await dialledOrGreeted(init, peer, (bootId, order) => {
    // It answers on another connection: the one that did not must not carry our messages until the system gives it up.
    if (present !== undefined) table.abortOlder(peer, Math.min(before, order), 'the peer does not answer on it');
    return verdict(bootId);
  });
  // Nobody listens there any more, or somebody else does: what we still hold is half of a dead connection.
  if (outcome === 'refused' || outcome === 'rebooted') table.abortOlder(peer, before, `its process is gone (${outcome})`);
  return outcome;
}

/** Whatever comes first: a hello (over our connection or one that the peer opened), a failure that says enough, the timeout. */
function dialledOrGreeted(init: RedialInit, peer: NodeId, greeted: (bootId: string, order: number) => RedialOutcome): Promise<RedialOutcome> {
  return new Promise((resolve) => {
    const settle = (outcome: RedialOutcome): void => {
      timer.cancel();
      unsubscribe();
      resolve(outcome);
    };
    const timer = init.clock.setTimer(REDIAL_TIMEOUT_MS, () => settle('unreachable'));
    const unsubscribe = init.table.onGreeting((link, bootId) => {
      if (link.peer === peer) settle(greeted(bootId, link.order));
    });
    void init.dial(peer).then((result) => {
      if ('connection' in result) return;
      if (result.failure === 'refused') settle('refused');
      else if (result.failure === 'other-peer') settle('rebooted');
      else settle('unreachable');
    });
  });
}
