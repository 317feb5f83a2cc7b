/** Writes down what clients ask and are told, in the order in which it happens. */
import type { Call, HistoryEvent, Reply } from './events.ts';

export interface RecorderInit {
  /** ms, never going back: virtual time, or `performance.now()`. */
  readonly now: () => number;
  /** Gets each event as one line of JSON when it happens, e.g. to append it to a file that survives a crash. */
  readonly sink?: (line: string) => void;
  /** Gets each event when it happens. */
  readonly onEvent?: (event: HistoryEvent) => void;
}

/** An operation under way. Ends once; what comes later is ignored, since its client was not there any more. */
export interface Pending {
  readonly call: Call;
  returned(reply: Reply): void;
  /** The answer, or its absence, does not say whether the operation took effect. */
  lost(why: string): void;
}

export class Recorder {
  readonly #init: RecorderInit;
  readonly #events: HistoryEvent[] = [];
  #operations = 0;

  constructor(init: RecorderInit) {
    this.#init = init;
  }

  get events(): readonly HistoryEvent[] {
    return this.#events;
  }

  /** Call before the request leaves, so that the operation cannot take effect earlier than this. */
  invoke(client: string, call: Call): Pending {
    this.#operations += 1;
    const op = this.#operations;
    let ended = false;
    const end = (rest: { readonly event: 'return'; readonly reply: Reply } | { readonly event: 'lost'; readonly why: string }): void => {
      if (ended) return;
      ended = true;
      this.#push({ at: this.#init.now(), client, op, ...rest });
    };
    this.#push({ at: this.#init.now(), client, op, event: 'invoke', call });
    return { call, returned: (reply) => end({ event: 'return', reply }), lost: (why) => end({ event: 'lost', why }) };
  }

  #push(event: HistoryEvent): void {
    this.#events.push(event);
    this.#init.sink?.(JSON.stringify(event));
    this.#init.onEvent?.(event);
  }
}
