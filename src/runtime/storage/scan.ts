/** Reads the frames of one segment and tells a torn tail from damage. */
import { isSkeinError } from '../../errors.ts';
import { decodePayload, findFrame, FRAME_HEADER_BYTES, payloadIsWhole, readHeader, type FramePayload } from './frame.ts';

export interface ScannedFrame {
  readonly offset: number;
  readonly sequence: number;
  readonly crc: number;
  readonly payload: FramePayload;
}

export interface ScanFault {
  readonly offset: number;
  readonly reason: string;
  /**
   * Nothing whole follows, so this may be the one write that had not been synced. False: it had been synced, since a
   * later frame was written after that.
   */
  readonly torn: boolean;
}

export interface SegmentScan {
  readonly frames: readonly ScannedFrame[];
  /** Where the last good frame ends. */
  readonly end: number;
  readonly fault?: ScanFault;
}

/** What the next frame must say of itself and of the frame before it. */
export interface Expected {
  readonly sequence: number;
  readonly link: number;
}

/** @param expected undefined when the segment before was removed. */
export function scanSegment(bytes: Uint8Array, expected: Expected | undefined): SegmentScan {
  const frames: ScannedFrame[] = [];
  let next = expected;
  let at = 0;
  while (at < bytes.length) {
    const frame = scanFrame(bytes, at, next);
    if ('reason' in frame) return { frames, end: at, fault: frame };
    frames.push(frame);
    at = frameEnd(bytes, at);
    next = { sequence: frame.sequence + 1, link: frame.crc };
  }
  return { frames, end: at };
}

function frameEnd(bytes: Uint8Array, offset: number): number {
  return offset + FRAME_HEADER_BYTES + (readHeader(bytes, offset)?.length ?? 0);
}

function scanFrame(bytes: Uint8Array, offset: number, expected: Expected | undefined): ScannedFrame | ScanFault {
  const header = readHeader(bytes, offset);
  if (header === undefined) {
    const follower = findFrame(bytes, offset + 1, expected === undefined ? 0 : expected.sequence - 1);
    return { offset, reason: 'frame header is damaged', torn: follower === -1 };
  }
  const { sequence, link, crc } = header;
  if (expected !== undefined && (sequence !== expected.sequence || link !== expected.link)) {
    return { offset, reason: `frame ${sequence} does not follow the one before, expected ${expected.sequence}`, torn: false };
  }
  if (!payloadIsWhole(bytes, offset, header)) {
    // The length is trusted, so that nothing inside the payload can pass for a frame.
    const end = Math.min(frameEnd(bytes, offset), bytes.length);
    return { offset, reason: `frame ${sequence} is damaged`, torn: findFrame(bytes, end, sequence) === -1 };
  }
  try {
    return { offset, sequence, crc, payload: decodePayload(bytes, offset, header) };
  } catch (error) {
    if (!isSkeinError(error, 'FRAME_INVALID')) throw error;
    return { offset, reason: `frame ${sequence} cannot be decoded: ${error.message}`, torn: false };
  }
}
