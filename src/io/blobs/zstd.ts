/** zstd of Node.js, which has it from 22.15 and 23.8 on: with an older one nothing is compressed here, nor sent so to here. */
import zlib from 'node:zlib';
import { SAVING_MIN, type Compressor } from '../../ports/compressor.ts';
import { BLOB_PIECE_BYTES } from '../../protocol/limits.ts';

/** A piece is the whole of what is compressed together, and all the memory that undoing it may take. */
const WINDOW_LOG = Math.log2(BLOB_PIECE_BYTES);
/** The fastest of the usual ones: the next ones take half as long again and save a tenth more. */
const LEVEL = 1;
/** zlib takes no less for the memory that it writes to. */
const CHUNK_BYTES_MIN = 64;

/** @returns undefined where this Node.js has none. */
export function zstdCompressor(): Compressor | undefined {
  // Types say that it is there; Node.js 22.0 to 22.14 says otherwise.
  if ((zlib.zstdCompress as unknown) === undefined) return undefined;
  const { ZSTD_c_compressionLevel, ZSTD_c_windowLog, ZSTD_d_windowLogMax } = zlib.constants;
  const compressing = { [ZSTD_c_compressionLevel]: LEVEL, [ZSTD_c_windowLog]: WINDOW_LOG };
  const undoing = { [ZSTD_d_windowLogMax]: WINDOW_LOG };
  return {
    compress(bytes, done) {
      const bytesMax = Math.floor(bytes.byteLength * (1 - SAVING_MIN));
      // Into one piece of memory: else there and back between threads for each 16 KiB.
      const options = { chunkSize: Math.max(CHUNK_BYTES_MIN, bytesMax), maxOutputLength: Math.max(1, bytesMax), params: compressing };
      // More than that is an error, and ends it.
      zlib.zstdCompress(bytes, options, (error, compressed) => done(error === null ? compressed : undefined));
    },
    decompress(compressed, length) {
      try {
        const bytes = zlib.zstdDecompressSync(compressed, { chunkSize: Math.max(CHUNK_BYTES_MIN, length), maxOutputLength: Math.max(1, length), params: undoing });
        return bytes.byteLength === length ? bytes : undefined;
      } catch {
        return undefined;
      }
    },
  };
}
