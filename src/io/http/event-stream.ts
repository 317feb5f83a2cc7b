/** Server-sent events: one bounded stream to one reader. */
import type { ServerResponse } from 'node:http';
import { SSE_BUFFER_BYTES_MAX, SSE_HEARTBEAT_MS, SSE_RETRY_MS, SSE_TOTAL_BYTES_MAX } from './limits.ts';

/** A stream with less unsent than this is not worth counting all of them. */
const UNCOUNTED_BYTES = 256 * 1024;

/** With less unsent than this the next event may be made. */
const UNDRAINED_BYTES = 256 * 1024;

export interface EventStream {
  /** @param id what a reader sends back as `Last-Event-ID` to go on after this event. */
  send(event: string, data: unknown, id?: number | string): void;
  /** Ends the stream after what was sent. */
  end(): void;
  /** When the reader has taken most of what was sent, or is gone. */
  drained(): Promise<void>;
  /** Bytes that the reader has not taken yet. */
  unsentBytes(): number;
}

export interface EventStreamInit {
  readonly response: ServerResponse;
  /** Called once when the stream is over, whoever ended it. */
  readonly onClose: (reason: 'ended' | 'gone' | 'slow') => void;
  /** @default SSE_HEARTBEAT_MS */
  readonly heartbeatMs?: number;
  /** @default SSE_BUFFER_BYTES_MAX */
  readonly bufferBytesMax?: number;
  /** Unsent bytes of all streams, this one included; over SSE_TOTAL_BYTES_MAX the one that grows is cut off. @default none counted */
  readonly totalUnsentBytes?: () => number;
}

/** Takes over the response: the head is sent at once, so that the reader knows it is connected. */
export function openEventStream(init: EventStreamInit): EventStream {
  const { response, bufferBytesMax = SSE_BUFFER_BYTES_MAX } = init;
  let open = true;
  let given = 0;
  let takenBefore = 0;
  const heartbeat = setInterval(() => {
    const taken = given - response.writableLength;
    const isStuck = response.writableLength > 0 && taken === takenBefore;
    takenBefore = taken;
    if (isStuck) close('slow');
    else write(': alive\n\n');
  }, init.heartbeatMs ?? SSE_HEARTBEAT_MS);
  heartbeat.unref();

  function close(reason: 'ended' | 'gone' | 'slow'): void {
    if (!open) return;
    open = false;
    clearInterval(heartbeat);
    if (reason === 'ended') response.end();
    else response.destroy();
    init.onClose(reason);
  }
  /** What comes at once (the past of a run, a whole run) may wait in memory, but not without bound. */
  function write(text: string): void {
    if (!open) return;
    given += Buffer.byteLength(text);
    response.write(text);
    const unsent = response.writableLength;
    if (unsent > bufferBytesMax || (unsent > UNCOUNTED_BYTES && (init.totalUnsentBytes?.() ?? 0) > SSE_TOTAL_BYTES_MAX)) close('slow');
  }

  response.on('close', () => close('gone'));
  response.on('error', () => close('gone'));
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no', 'x-content-type-options': 'nosniff' });
  write(`retry: ${SSE_RETRY_MS}\n\n`);
  return {
    send(event, data, id) {
      write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    },
    end() {
      close('ended');
    },
    async drained() {
      if (response.writableLength <= UNDRAINED_BYTES || response.destroyed) return;
      // Until all of it is taken.
      await new Promise<void>((resolve) => {
        response.once('drain', resolve);
        response.once('close', resolve);
      });
    },
    unsentBytes: () => response.writableLength,
  };
}
