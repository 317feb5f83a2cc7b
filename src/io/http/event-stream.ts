/** Server-sent events: one bounded stream to one reader. */
import type { ServerResponse } from 'node:http';
import { SSE_BUFFER_BYTES_MAX, SSE_HEARTBEAT_MS, SSE_RETRY_MS } from './limits.ts';

export interface EventStream {
  /** @param id what a reader sends back as `Last-Event-ID` to go on after this event. */
  send(event: string, data: unknown, id?: number): void;
  /** Ends the stream after what was sent. */
  end(): void;
}

export interface EventStreamInit {
  readonly response: ServerResponse;
  /** Called once when the stream is over, whoever ended it. */
  readonly onClose: (reason: 'ended' | 'gone' | 'slow') => void;
  /** @default SSE_HEARTBEAT_MS */
  readonly heartbeatMs?: number;
  /** @default SSE_BUFFER_BYTES_MAX */
  readonly bufferBytesMax?: number;
}

/** Takes over the response: the head is sent at once, so that the reader knows it is connected. */
export function openEventStream(init: EventStreamInit): EventStream {
  const { response, bufferBytesMax = SSE_BUFFER_BYTES_MAX } = init;
  let open = true;
  const heartbeat = setInterval(() => write(': alive\n\n'), init.heartbeatMs ?? SSE_HEARTBEAT_MS);
  heartbeat.unref();

  function close(reason: 'ended' | 'gone' | 'slow'): void {
    if (!open) return;
    open = false;
    clearInterval(heartbeat);
    if (reason === 'ended') response.end();
    else response.destroy();
    init.onClose(reason);
  }
  /** A reader that does not keep up is cut off: what waits for it must not grow without bound. */
  function write(text: string): void {
    if (!open) return;
    response.write(text);
    if (response.writableLength > bufferBytesMax) close('slow');
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
  };
}
