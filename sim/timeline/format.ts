/** One aligned line per event: virtual time, how the nodes stand, whose doing it was, what happened. */
import { styleText } from 'node:util';
import { isQuiet, type EventKind, type TimelineEvent } from './events.ts';
import { LEGEND } from './strip.ts';

/** Lines before a violation that are shown with it. */
export const LINES_BEFORE_VIOLATION = 30;

const words: Readonly<Record<EventKind, string>> = {
  fault: 'fault',
  heal: 'mended',
  leader: 'LEADER',
  members: 'members',
  plan: 'plan',
  result: 'result',
  run: 'run',
  client: 'client',
  read: 'read',
  note: 'says',
  detail: '·',
  violation: '✗',
};

const styles: Partial<Record<EventKind, Parameters<typeof styleText>[0]>> = {
  fault: 'yellow',
  heal: 'green',
  leader: ['bold', 'cyan'],
  members: 'cyan',
  run: 'bold',
  read: 'dim',
  detail: 'dim',
  violation: ['bold', 'red'],
};

/** @param colour styles for a terminal. */
export function formatEvent({ time, kind, who, text, strip }: TimelineEvent, colour = false): string {
  const stamp = `${(time / 1000).toFixed(4).padStart(10)} s`;
  const line = `${stamp}  ${strip === '' ? '' : `${strip}  `}${words[kind].padEnd(7)}  ${who.padEnd(6)} ${text}`;
  const style = styles[kind];
  return colour && style !== undefined ? styleText(style, line, { validateStream: false }) : line;
}

/** The line that explains the letters; printed before the first one. */
export function legend(nodes: number): string {
  return nodes === 0 ? '' : `one letter for each node: ${LEGEND}`;
}

/** The last lines before a violation; filled all the time, so that they are there when they are wanted. */
export class LastEvents {
  readonly #ring: TimelineEvent[] = [];
  readonly #max: number;
  #next = 0;

  constructor(max = LINES_BEFORE_VIOLATION) {
    this.#max = max;
  }

  add(event: TimelineEvent): void {
    if (isQuiet(event) || event.kind === 'violation') return;
    this.#ring[this.#next % this.#max] = event;
    this.#next += 1;
  }

  /** Oldest first. */
  list(): TimelineEvent[] {
    const kept = Math.min(this.#next, this.#max);
    return Array.from({ length: kept }, (_, i) => this.#ring[(this.#next - kept + i) % this.#max] as TimelineEvent);
  }
}
