/** What clients want and are told, one line for each answer. */
import type { HistoryEvent } from '../history/events.ts';
import type { EventKind } from './events.ts';

type Invocation = Extract<HistoryEvent, { readonly event: 'invoke' }>;
type Ending = Exclude<HistoryEvent, Invocation>;
type Say = (kind: EventKind, who: string, text: string) => void;

/** Answered, or given up, sooner or later; those of processes that died are not. */
const OPEN_MAX = 10_000;

export class ClientStory {
  readonly #say: Say;
  readonly #open = new Map<number, Invocation>();

  constructor(say: Say) {
    this.#say = say;
  }

  event(event: HistoryEvent): void {
    if (event.event === 'invoke') {
      this.#say('detail', event.client, `asks: ${callText(event)}`);
      this.#open.set(event.op, event);
      if (this.#open.size > OPEN_MAX) this.#open.delete(this.#open.keys().next().value ?? 0);
      return;
    }
    const asked = this.#open.get(event.op);
    this.#open.delete(event.op);
    if (asked !== undefined) this.#say(asked.call.type === 'read' ? 'read' : 'client', event.client, `${callText(asked)}: ${endText(event)} (${Math.round(event.at - asked.at)} ms)`);
  }
}

function callText({ call }: Invocation): string {
  switch (call.type) {
    case 'submit':
      return `submit …${call.key.slice(-4)}`;
    case 'cancel':
      return `cancel #${shortRun(call.run)}`;
    case 'read':
      return `${call.consistency} read of #${shortRun(call.run)} at ${call.session.replace(/\.\d+$/, '')}`;
    case 'result':
      return `wait for the end of #${shortRun(call.run)}`;
  }
}

function endText(event: Ending): string {
  if (event.event === 'lost') return `no answer that says what happened (${event.why === '' ? 'lost' : event.why})`;
  const { reply } = event;
  switch (reply.type) {
    case 'accepted':
      return `accepted as #${shortRun(reply.run)}${reply.duplicate ? ', as before' : ''}`;
    case 'cancelled':
      return 'cancelled';
    case 'final':
      return 'too late, it had ended';
    case 'unknownRun':
      return 'no such run';
    case 'run':
      return reply.modules.length === 0 ? reply.phase : `${reply.phase}, ${reply.modules.filter((module) => module !== '').length} of ${reply.modules.length} modules ended`;
  }
}

function shortRun(run: string): string {
  return run.split('-')[0] ?? run;
}
