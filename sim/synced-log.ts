/**
 * What a power cut at this instant would leave of one node's log. Follows the durable bytes frame by frame, so that the
 * checkers can ask at every message; only a changed set of files makes it read anew.
 */
import { SkeinError } from '../src/errors.ts';
import type { CellId, LogIndex, MemberId, NodeId, Term } from '../src/core/lib/ids.ts';
import { memberId } from '../src/core/lib/ids.ts';
import type { HardState } from '../src/core/raft/types.ts';
import { decodePayload, FRAME_HEADER_BYTES, payloadIsWhole, readHeader } from '../src/runtime/storage/frame.ts';
import { readIdentity } from '../src/runtime/storage/identity.ts';
import { listStorage, segmentFile, type DiskReader, type SegmentFile } from '../src/runtime/storage/names.ts';
import type { Expected } from '../src/runtime/storage/scan.ts';
import { decodeSnapshot } from '../src/runtime/storage/snapshot-file.ts';
import { LogReplay } from '../src/runtime/storage/replay.ts';
import type { ByteFile } from './byte-file.ts';
import type { Platter } from './platter.ts';

export class SyncedLog {
  readonly #node: NodeId;
  readonly #platter: Platter;
  readonly #reader: DiskReader;
  #version = -1;
  #replay = new LogReplay();
  #member: MemberId | '' = '';
  #cell: CellId | '' = '';
  #snapshotIndex = 0;
  readonly #snapshots = new WeakMap<ByteFile, { readonly length: number; readonly whole: boolean }>();
  #files = '';
  #namesVersion = -1;
  #segment: { readonly sequence: number; readonly file: ByteFile; offset: number } | undefined;
  #expected: Expected | undefined;
  #frames = 0;

  constructor(node: NodeId, platter: Platter) {
    this.#node = node;
    this.#platter = platter;
    this.#reader = { list: () => [...platter.durableNames()].sort(), read: (name) => platter.durable(name)?.view() ?? new Uint8Array(0) };
  }

  /** '' while the disk has no identity. */
  get member(): MemberId | '' {
    return this.#member;
  }

  get cell(): CellId | '' {
    return this.#cell;
  }

  get hard(): HardState {
    return this.#replay.hard;
  }

  get lastIndex(): LogIndex {
    return this.#connected ? Math.max(this.#replay.last.index, this.#snapshotIndex) : this.#snapshotIndex;
  }

  /** Does the log begin where the snapshot ends, or before? Otherwise nobody can make a state of it. */
  get #connected(): boolean {
    return this.#replay.base.index <= this.#snapshotIndex;
  }

  /** Newest snapshot that is durable and whole, 0 for none. */
  get snapshotIndex(): LogIndex {
    return this.#snapshotIndex;
  }

  /** 0 where it is not known. */
  termAt(index: LogIndex): Term {
    return this.#replay.termAt(index);
  }

  /** Is this entry, or a snapshot over it, there? */
  holds(index: LogIndex, term: Term): boolean {
    return index <= this.#snapshotIndex || (this.#connected && this.#replay.termAt(index) === term);
  }

  /** `holds` as it is now, whatever becomes of the disk. */
  frozen(): (index: LogIndex, term: Term) => boolean {
    const [snapshot, connected, last] = [this.#snapshotIndex, this.#connected, this.lastIndex];
    const terms = new Map<LogIndex, Term>();
    if (connected) for (let index = snapshot + 1; index <= last; index += 1) terms.set(index, this.#replay.termAt(index));
    return (index, term) => index <= snapshot || terms.get(index) === term;
  }

  /** @returns whether anything became durable since the last call. */
  update(): boolean {
    if (this.#version === this.#platter.version) return false;
    this.#version = this.#platter.version;
    const files = this.#names();
    if (files !== this.#files || !this.#continues()) this.#restart(files);
    this.#follow();
    return true;
  }

  #names(): string {
    const { namesVersion } = this.#platter;
    if (namesVersion === this.#namesVersion) return this.#files;
    this.#namesVersion = namesVersion;
    return this.#reader.list().join();
  }

  #continues(): boolean {
    if (this.#segment === undefined) return true;
    const { sequence, file, offset } = this.#segment;
    return this.#platter.durable(segmentFile(sequence)) === file && file.length >= offset;
  }

  #restart(files: string): void {
    this.#files = files;
    this.#replay = new LogReplay();
    this.#frames = 0;
    const storage = listStorage(this.#reader);
    this.#snapshotIndex = storage.snapshots.find(({ file }) => this.#isWhole(file))?.index ?? 0;
    this.#readIdentity();
    const first = firstOfRun(storage.segments);
    this.#expected = first?.sequence === 1 ? { sequence: 1, link: 0 } : undefined;
    this.#segment = undefined;
    this.#open(first?.sequence);
  }

  /** A name alone is no snapshot: what a power cut would leave of its bytes counts. */
  #isWhole(name: string): boolean {
    const file = this.#platter.durable(name);
    if (file === undefined) return false;
    const known = this.#snapshots.get(file);
    if (known !== undefined && (known.whole || known.length === file.length)) return known.whole;
    const whole = isSnapshot(file.view());
    this.#snapshots.set(file, { length: file.length, whole });
    return whole;
  }

  #readIdentity(): void {
    try {
      const identity = readIdentity(this.#reader);
      const own = identity?.nodeId === this.#node;
      this.#cell = own ? identity.cellId : '';
      this.#member = !own || identity.storageId === '' ? '' : memberId(this.#node, identity.storageId);
    } catch (error) {
      if (!(error instanceof SkeinError)) throw error;
      this.#cell = '';
      this.#member = '';
    }
  }

  #open(sequence: number | undefined): boolean {
    const file = sequence === undefined ? undefined : this.#platter.durable(segmentFile(sequence));
    if (sequence === undefined || file === undefined) return false;
    this.#segment = { sequence, file, offset: 0 };
    return true;
  }

  #follow(): void {
    for (let segment = this.#segment; segment !== undefined; segment = this.#segment) {
      while (this.#frame(segment)) this.#frames += 1;
      if (segment.offset === 0 || segment.offset < segment.file.length || !this.#open(segment.sequence + 1)) return;
    }
  }

  #frame(segment: { readonly file: ByteFile; offset: number }): boolean {
    const bytes = segment.file.view();
    const header = readHeader(bytes, segment.offset);
    if (header === undefined || !payloadIsWhole(bytes, segment.offset, header)) return false;
    const expected = this.#expected;
    if (expected !== undefined && (header.sequence !== expected.sequence || header.link !== expected.link)) return false;
    const payload = decodePayload(bytes, segment.offset, header);
    this.#replay.apply(payload, segment.offset > 0 ? 'inner' : this.#frames === 0 ? 'run' : 'segment');
    this.#expected = { sequence: header.sequence + 1, link: header.crc };
    segment.offset += FRAME_HEADER_BYTES + header.length;
    return true;
  }
}

function isSnapshot(bytes: Uint8Array): boolean {
  try {
    decodeSnapshot(bytes);
    return true;
  } catch (error) {
    if (error instanceof SkeinError) return false;
    throw error;
  }
}

function firstOfRun(segments: readonly SegmentFile[]): SegmentFile | undefined {
  let first = segments.length - 1;
  while (first > 0 && segments[first - 1]?.sequence === (segments[first]?.sequence ?? 0) - 1) first -= 1;
  return segments[first];
}
