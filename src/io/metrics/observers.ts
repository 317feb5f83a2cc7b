/** Observers of observers: to several at once, and counts of what was noted. */
import type { NoteLevel, Observer } from '../../ports/observer.ts';

/** Kinds of events counted apart; further ones are counted together. */
export const EVENT_KINDS_MAX = 512;
export const OTHER_EVENTS = 'other';

/** Each gets every note. One that throws must not keep it from the others: the observed code is never disturbed. */
export function tee(...observers: readonly Observer[]): Observer {
  return {
    notify(note) {
      for (const observer of observers) {
        try {
          observer.notify(note);
        } catch {
          // Nothing sensible can be done: this is where errors are reported to.
        }
      }
    },
  };
}

export interface EventCounts extends Observer {
  /** Notes by event since the start. */
  counts(): ReadonlyMap<string, number>;
  byLevel(): Readonly<Record<NoteLevel, number>>;
}

export function eventCounts(): EventCounts {
  const counts = new Map<string, number>();
  const levels: Record<NoteLevel, number> = { debug: 0, info: 0, warn: 0, error: 0 };
  return {
    notify({ event, level }) {
      const kind = counts.has(event) || counts.size < EVENT_KINDS_MAX ? event : OTHER_EVENTS;
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      levels[level]++;
    },
    counts: () => counts,
    byLevel: () => levels,
  };
}
