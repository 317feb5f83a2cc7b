/** Cpu and memory per session that the state does not know of yet. */
import type { Requirement } from '../cell/matching.ts';
import { assert } from '../lib/assert.ts';
import type { SessionId } from '../lib/ids.ts';

export interface Reservation {
  readonly milliCpu: number;
  readonly memory: number;
}

const NOTHING: Reservation = { milliCpu: 0, memory: 0 };

export class Reservations {
  private readonly bySession = new Map<SessionId, { milliCpu: number; memory: number }>();

  of(session: SessionId): Reservation {
    return this.bySession.get(session) ?? NOTHING;
  }

  add(session: SessionId, { milliCpu, memory }: Pick<Requirement, 'milliCpu' | 'memory'>): void {
    const reservation = this.bySession.get(session);
    if (reservation === undefined) this.bySession.set(session, { milliCpu, memory });
    else {
      reservation.milliCpu += milliCpu;
      reservation.memory += memory;
    }
  }

  remove(session: SessionId, { milliCpu, memory }: Pick<Requirement, 'milliCpu' | 'memory'>): void {
    const reservation = this.bySession.get(session);
    assert(reservation !== undefined && reservation.milliCpu >= milliCpu && reservation.memory >= memory, 'what is given back was reserved');
    reservation.milliCpu -= milliCpu;
    reservation.memory -= memory;
    if (reservation.milliCpu === 0 && reservation.memory === 0) this.bySession.delete(session);
  }

  clear(): void {
    this.bySession.clear();
  }
}
