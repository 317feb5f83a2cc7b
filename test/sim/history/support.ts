/** Histories made by hand, and shorthand for what a run looks like. */
import type { Call, HistoryEvent, Reply, RunSeen } from '../../../sim/history/events.ts';
import { Recorder, type Pending } from '../../../sim/history/recorder.ts';

export const RUN = 'abcd-cell';

/** A history whose events come one ms after the other. */
export class Story {
  readonly #recorder: Recorder;
  #now = 0;

  constructor(sink?: (line: string) => void) {
    this.#recorder = new Recorder({ now: () => (this.#now += 1), ...(sink === undefined ? {} : { sink }) });
  }

  get events(): readonly HistoryEvent[] {
    return this.#recorder.events;
  }

  begin(call: Call, client = 'c1'): Pending {
    return this.#recorder.invoke(client, call);
  }

  /** An operation that nothing else overlaps. */
  whole(call: Call, reply: Reply, client = 'c1'): this {
    this.begin(call, client).returned(reply);
    return this;
  }

  lost(call: Call, client = 'c1'): this {
    this.begin(call, client).lost('NO_LEADER');
    return this;
  }
}

export const submit = (key = 'k1'): Call => ({ type: 'submit', key });
export const cancel = (run = RUN): Call => ({ type: 'cancel', run });
export const strong = (run = RUN): Call => ({ type: 'read', run, consistency: 'strong', session: 's' });
export const local = (session = 'n1.1', run = RUN): Call => ({ type: 'read', run, consistency: 'local', session });
export const result = (run = RUN): Call => ({ type: 'result', run });

export const made: Reply = { type: 'accepted', run: RUN, duplicate: false };
export const known: Reply = { type: 'accepted', run: RUN, duplicate: true };
export const cancelled: Reply = { type: 'cancelled' };
export const final: Reply = { type: 'final' };
export const unknownRun: Reply = { type: 'unknownRun' };

export function looks(phase: RunSeen['phase'], ...modules: string[]): RunSeen {
  return { type: 'run', phase, modules };
}
