/** Server-sent events as the WHATWG says, chunk by chunk, within bounds. */
import { SkeinError } from '../errors.ts';
import { SSE_EVENT_LENGTH_MAX } from './limits.ts';

export interface SseEvent {
  /** `message` when the stream names none. */
  readonly event: string;
  readonly data: string;
  /** Last id seen so far, '' if none. */
  readonly id: string;
}

export class SseParser {
  /** Asked for by the stream, ms; undefined = not said. */
  retryMs: number | undefined;
  readonly #lengthMax: number;
  /** Start of a line whose end has not come, in pieces, so that a long one is not copied per chunk. */
  #pieces: string[] = [];
  #afterReturn = false;
  #atStart = true;
  #length = 0;
  #event = '';
  #data: string[] = [];
  #id = '';

  constructor(lengthMax: number = SSE_EVENT_LENGTH_MAX) {
    this.#lengthMax = lengthMax;
  }

  /**
   * @returns the events that this chunk completed.
   * @throws SkeinError API_UNREACHABLE when an event passes the bound: whatever this is, it is no node.
   */
  push(chunk: string): SseEvent[] {
    const events: SseEvent[] = [];
    let text = chunk;
    if (this.#atStart && text !== '') {
      this.#atStart = false;
      if (text.startsWith('\uFEFF')) text = text.slice(1);
    }
    // A chunk may end between CR and LF, which together are one line end.
    if (this.#afterReturn && text !== '') {
      this.#afterReturn = false;
      if (text.startsWith('\n')) text = text.slice(1);
    }
    let start = 0;
    for (const match of text.matchAll(/\r\n|\r|\n/g)) {
      this.#pieces.push(text.slice(start, match.index));
      start = match.index + match[0].length;
      this.#line(this.#pieces.join(''), events);
      this.#pieces = [];
      this.#afterReturn = match[0] === '\r' && start === text.length;
    }
    if (start < text.length) {
      this.#pieces.push(text.slice(start));
      this.#grow(text.length - start);
    }
    return events;
  }

  #line(line: string, events: SseEvent[]): void {
    if (line === '') return this.#dispatch(events);
    if (line.startsWith(':')) return;
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1));
    if (field === 'data') {
      this.#grow(value.length);
      this.#data.push(value);
    } else if (field === 'event') this.#event = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    else if (field === 'retry' && /^\d{1,9}$/.test(value)) this.retryMs = Number(value);
  }

  #dispatch(events: SseEvent[]): void {
    if (this.#data.length > 0) events.push({ event: this.#event === '' ? 'message' : this.#event, data: this.#data.join('\n'), id: this.#id });
    this.#event = '';
    this.#data = [];
    this.#length = 0;
  }

  #grow(length: number): void {
    this.#length += length;
    if (this.#length > this.#lengthMax) throw new SkeinError('API_UNREACHABLE', `The event stream holds an event of more than ${this.#lengthMax} characters: not a node of Skein`);
  }
}
