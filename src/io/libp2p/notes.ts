/** Warnings to the observer, each at most once in a while per subject: a peer in trouble must not flood the log. */
import type { Clock } from '../../ports/clock.ts';
import type { Note, NoteLevel, Observer } from '../../ports/observer.ts';
import { WARN_AGAIN_MS, WARN_KEYS_MAX } from './limits.ts';

export class Notes {
  readonly #observer: Observer;
  readonly #clock: Clock;
  readonly #lastMs = new Map<string, number>();

  constructor(observer: Observer, clock: Clock) {
    this.#observer = observer;
    this.#clock = clock;
  }

  tell(level: NoteLevel, event: string, message: string, data?: Note['data']): void {
    this.#observer.notify(data === undefined ? { level, event, message } : { level, event, message, data });
  }

  /** @param subject peer or address that the rate limit is about. */
  warn(event: string, subject: string, message: string, data?: Note['data']): void {
    const key = `${event} ${subject}`;
    const now = this.#clock.now();
    const last = this.#lastMs.get(key);
    if (last !== undefined && now - last < WARN_AGAIN_MS) return;
    this.#lastMs.delete(key);
    if (this.#lastMs.size >= WARN_KEYS_MAX) this.#lastMs.delete(this.#lastMs.keys().next().value!);
    this.#lastMs.set(key, now);
    this.tell('warn', event, message, data);
  }
}
