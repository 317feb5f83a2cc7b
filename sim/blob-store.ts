/** The blobs of one machine in virtual time: what was finished survives every crash, parts survive a kill but not a power cut. */
import { createHash } from 'node:crypto';
import type { Cid } from '../src/core/lib/ids.ts';
import type { BlobDone, BlobHasher, BlobStore, DiskRoom, SealState, StoredBlob, StoredPart } from '../src/ports/blobs.ts';
import type { Clock } from '../src/ports/clock.ts';

const OPERATION_MS = 0.3;
/** From when somebody waits for a small blob to be synced until it is. */
const SETTLE_MS = 30;
/** The same of one that nobody waits for. */
const LAZY_MS = 40_000;
const BYTES_PER_MS = 1_000_000;

interface Whole {
  bytes: Uint8Array;
  readonly manifest: Uint8Array | undefined;
  usedAt: number;
  /** Somebody wrote to the file, as a module with the rights to do so may. */
  written?: boolean;
  /** Not synced yet. */
  loose?: boolean;
  /** To be compared before it is used. */
  unsealed?: boolean;
}

/** What lies on the disk, through all processes of the machine. */
export class BlobShelf {
  readonly whole = new Map<Cid, Whole>();
  readonly parts = new Map<Cid, Uint8Array>();
  /** When each was written to last, wall ms. */
  readonly partsAt = new Map<Cid, number>();
  readonly pins = new Set<Cid>();
  /** Whole ones that a fault took. */
  readonly taken = new Set<Cid>();
  /** Room for all bytes together: what is beyond is refused. */
  bytesMax = Infinity;
  /** What the disk says its size is: it may say more than it takes. */
  bytesTold = Infinity;

  get bytes(): number {
    let sum = 0;
    for (const { bytes } of this.whole.values()) sum += bytes.byteLength;
    for (const part of this.parts.values()) sum += part.byteLength;
    return sum;
  }

  /** As if it had been stored in some other way. @param manifest of a file of several chunks. @param usedAt wall ms. */
  put(cid: Cid, bytes: Uint8Array, manifest?: Uint8Array, usedAt = 0): void {
    this.whole.set(cid, { bytes, manifest, usedAt });
  }

  /** A fault takes a whole blob, and nobody is told. */
  lose(cid: Cid): void {
    if (this.whole.delete(cid)) this.taken.add(cid);
  }

  powerLost(): void {
    this.parts.clear();
    // What was not synced has its name and its length, and not its bytes: the worst that file systems do.
    for (const whole of this.whole.values()) if (whole.loose === true) whole.bytes = new Uint8Array(whole.bytes.byteLength);
  }

  /** Somebody writes to a whole blob. */
  write(cid: Cid, offset: number): void {
    this.flip(cid, offset);
    this.whole.get(cid)!.written = true;
  }

  /** Bit rot, in a whole blob or in what arrived of one. */
  flip(cid: Cid, offset: number): void {
    const whole = this.whole.get(cid);
    const bytes = (whole?.bytes ?? this.parts.get(cid))?.slice();
    if (bytes === undefined || offset >= bytes.byteLength) return;
    bytes[offset]! ^= 1;
    if (whole !== undefined) whole.bytes = bytes;
    else this.parts.set(cid, bytes);
  }
}

/** The same part, at least so long. Files come in hundreds of pieces: they are not copied for each. */
function grown(part: Uint8Array, length: number): Uint8Array {
  if (length <= part.byteLength) return part;
  if (part.byteOffset + length <= part.buffer.byteLength) return new Uint8Array(part.buffer, part.byteOffset, length);
  const room = new Uint8Array(Math.max(length, 2 * part.byteLength));
  room.set(part);
  return room.subarray(0, length);
}

/** The port as one process sees it: callbacks of a dead process never fire. */
export class SimBlobStore implements BlobStore {
  readonly #shelf: BlobShelf;
  readonly #clock: Clock;
  /** Written by this process and not synced, and who waits for that. */
  readonly #loose = new Map<Cid, BlobDone[]>();

  constructor(shelf: BlobShelf, clock: Clock) {
    this.#shelf = shelf;
    this.#clock = clock;
  }

  list(): StoredBlob[] {
    return Array.from(this.#shelf.whole, ([cid, { bytes, usedAt }]) => ({ cid, size: bytes.byteLength, usedAt, pinned: this.#shelf.pins.has(cid) }));
  }

  read(cid: Cid, offset: number, length: number, done: BlobDone<Uint8Array>): void {
    this.#later(length, () => {
      const bytes = this.#shelf.whole.get(cid)?.bytes ?? this.#shelf.parts.get(cid);
      if (bytes === undefined) done(missing(cid));
      else done(undefined, bytes.slice(offset, offset + length));
    });
  }

  readPart(cid: Cid, offset: number, length: number, done: BlobDone<Uint8Array>): void {
    this.#later(length, () => {
      const bytes = this.#shelf.parts.get(cid);
      if (bytes === undefined) done(missing(cid));
      else done(undefined, bytes.slice(offset, offset + length));
    });
  }

  manifest(cid: Cid, done: BlobDone<Uint8Array>): void {
    this.#later(0, () => {
      const manifest = this.#shelf.whole.get(cid)?.manifest;
      if (manifest === undefined) done(missing(cid));
      else done(undefined, manifest);
    });
  }

  writePart(cid: Cid, offset: number, bytes: Uint8Array, done: BlobDone): void {
    this.#later(bytes.byteLength, () => {
      const before = this.#shelf.parts.get(cid) ?? new Uint8Array(0);
      const end = offset + bytes.byteLength;
      if (this.#shelf.bytes + Math.max(0, end - before.byteLength) > this.#shelf.bytesMax) return done(full());
      const after = grown(before, end);
      after.set(bytes, offset);
      this.#shelf.parts.set(cid, after);
      this.#shelf.partsAt.set(cid, this.#clock.wall());
      done();
    });
  }

  write(cid: Cid, bytes: Uint8Array, done: BlobDone): void {
    this.#later(bytes.byteLength, () => {
      // What is durable stays so, whoever brings the same once more.
      const present = this.#shelf.whole.get(cid);
      if (present !== undefined && present.loose !== true && present.written !== true && present.unsealed !== true) return done();
      if (this.#shelf.bytes + bytes.byteLength > this.#shelf.bytesMax) return done(full());
      this.#shelf.whole.set(cid, { bytes: bytes.slice(), manifest: undefined, usedAt: this.#clock.wall(), loose: true });
      const before = this.#loose.get(cid) ?? [];
      this.#loose.set(cid, before);
      this.#clock.setTimer(before.length > 0 ? SETTLE_MS : LAZY_MS, () => this.#settle(cid));
      done();
    });
  }

  #settle(cid: Cid): void {
    const waiting = this.#loose.get(cid) ?? [];
    this.#loose.delete(cid);
    const whole = this.#shelf.whole.get(cid);
    if (whole !== undefined) whole.loose = false;
    for (const done of waiting) done();
  }

  sync(cid: Cid, done: BlobDone): void {
    const waiting = this.#loose.get(cid);
    if (waiting === undefined) return done();
    waiting.push(done);
    this.#clock.setTimer(SETTLE_MS, () => this.#settle(cid));
  }

  finish(cid: Cid, size: number, manifest: Uint8Array | undefined, done: BlobDone): void {
    this.#later(0, () => {
      const bytes = this.#shelf.parts.get(cid);
      if (bytes?.byteLength !== size) return done(new Error(`the part of ${cid} has ${bytes?.byteLength ?? 0} bytes, not ${size}`));
      this.#shelf.parts.delete(cid);
      this.#shelf.whole.set(cid, { bytes, manifest, usedAt: this.#clock.wall() });
      done();
    });
  }

  dropPart(cid: Cid, done: BlobDone): void {
    this.#later(0, () => {
      this.#shelf.parts.delete(cid);
      done();
    });
  }

  parts(done: BlobDone<readonly StoredPart[]>): void {
    this.#later(0, () => done(undefined, Array.from(this.#shelf.parts, ([cid, bytes]) => ({ cid, size: bytes.byteLength, usedAt: this.#shelf.partsAt.get(cid) ?? 0 }))));
  }

  pin(cid: Cid, on: boolean, done: BlobDone): void {
    this.#later(0, () => {
      if (on) this.#shelf.pins.add(cid);
      else this.#shelf.pins.delete(cid);
      done();
    });
  }

  room(done: BlobDone<DiskRoom>): void {
    const { bytesTold, bytes } = this.#shelf;
    this.#later(0, () => done(undefined, { free: bytesTold - bytes, total: bytesTold }));
  }

  touch(cid: Cid): void {
    const whole = this.#shelf.whole.get(cid);
    if (whole !== undefined) whole.usedAt = this.#clock.wall();
  }

  sealed(cid: Cid, done: (seal: SealState) => void): void {
    this.#later(0, () => {
      const whole = this.#shelf.whole.get(cid);
      if (whole?.written === true) done('broken');
      else done(whole === undefined || whole.unsealed === true || (whole.loose === true && !this.#loose.has(cid)) ? 'missing' : 'whole');
    });
  }

  unseal(cid: Cid, done: BlobDone): void {
    this.#later(0, () => {
      const whole = this.#shelf.whole.get(cid);
      if (whole !== undefined) Object.assign(whole, { written: false, unsealed: true });
      done();
    });
  }

  seal(cid: Cid, done: BlobDone): void {
    this.#later(0, () => {
      const whole = this.#shelf.whole.get(cid);
      if (whole?.unsealed === true && whole.written !== true) whole.unsealed = whole.loose = false;
      done();
    });
  }

  remove(cid: Cid, done: BlobDone): void {
    const removed = this.#shelf.whole.get(cid);
    this.#later(0, () => {
      // What came again meanwhile stays.
      if (this.#shelf.whole.get(cid) !== removed) return done();
      this.#shelf.whole.delete(cid);
      this.#shelf.pins.delete(cid);
      done();
    });
  }

  digest(bytes: Uint8Array, done: (digest: Uint8Array) => void): void {
    const digest = createHash('sha256').update(bytes).digest();
    this.#later(bytes.byteLength, () => done(digest));
  }

  hasher(): BlobHasher {
    const hasher = createHash('sha256');
    return { update: (bytes) => void hasher.update(bytes), digest: () => hasher.digest() };
  }

  #later(bytes: number, then: () => void): void {
    this.#clock.setTimer(OPERATION_MS + bytes / BYTES_PER_MS, then);
  }
}

function full(): Error {
  return Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
}

function missing(cid: Cid): Error {
  return Object.assign(new Error(`there is no ${cid}`), { code: 'ENOENT' });
}
