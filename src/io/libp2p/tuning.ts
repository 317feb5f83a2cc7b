/**
 * Two costs of libp2p that are mended from outside, each only when the fields it needs are as expected, so that another
 * version of these packages costs speed and never correctness.
 */
import type { Stream, StreamMuxerFactory } from '@libp2p/interface';
import { STREAM_WINDOW_BYTES } from './limits.ts';

interface YamuxStreamFields {
  recvWindow: number;
  recvWindowCapacity: number;
  sendWindowUpdate: () => void;
}

/**
 * @libp2p/yamux answers every data frame with a window update: as many socket writes back as forth. A receiver may as
 * well wait until half of the window is used. The window is widened first, which the protocol lets a receiver do at
 * any time, so half of it is still plenty under way.
 */
export function sparingWindowUpdates(stream: Stream): void {
  const fields = stream as unknown as Partial<YamuxStreamFields>;
  if (typeof fields.recvWindow !== 'number' || typeof fields.recvWindowCapacity !== 'number' || typeof fields.sendWindowUpdate !== 'function') return;
  const yamux = fields as YamuxStreamFields;
  const update = yamux.sendWindowUpdate.bind(stream);
  yamux.recvWindow = Math.max(yamux.recvWindow, STREAM_WINDOW_BYTES);
  yamux.sendWindowUpdate = () => {
    if (yamux.recvWindowCapacity < yamux.recvWindow / 2) update();
  };
  update();
}

interface NoiseStreamFields {
  decoder: { lengthDecoder: (data: { readonly byteLength: number }) => number; readonly maxDataLength: number };
}

/**
 * The decoder under @libp2p/noise learns that its buffer is empty from a RangeError, once per read: throwing and catching it
 * costs more than decrypting a small frame. It is told of a frame longer than the buffer instead, for which it waits, too.
 */
export function cheapShortBuffers(factory: StreamMuxerFactory): StreamMuxerFactory {
  return {
    protocol: factory.protocol,
    createStreamMuxer(connection) {
      const decoder = (connection as unknown as Partial<NoiseStreamFields>).decoder;
      if (typeof decoder?.lengthDecoder === 'function' && decoder.maxDataLength > 2) {
        const decodeLength = decoder.lengthDecoder;
        decoder.lengthDecoder = (data) => (data.byteLength < 2 ? decoder.maxDataLength : decodeLength(data));
      }
      return factory.createStreamMuxer(connection);
    },
  };
}
