/**
 * What happens to disks while nobody looks: flipped bits, a wiped disk, an older copy of it, the copy of another one.
 * Whoever loses what it had synced is no member any more; so many may be lost that a majority can still repair the cell.
 */
import type { CellId } from '../src/core/lib/ids.ts';
import { recoverLog, type Recovered } from '../src/runtime/storage/recover.ts';
import { scanSegment } from '../src/runtime/storage/scan.ts';
import { readIdentity } from '../src/runtime/storage/identity.ts';
import { IDENTITY_FILE, listStorage } from '../src/runtime/storage/names.ts';
import { isSkeinError } from '../src/errors.ts';
import { canLose } from './core-heal.ts';
import { imageReader } from './disk.ts';
import type { FaultBench, FaultKind } from './injector.ts';
import type { SimNode } from './sim-node.ts';

type Image = ReadonlyMap<string, Uint8Array>;

/** A backup that is restored later is this old on average, and not older than this share of the time that is left. */
const BACKUP_AGE_MEAN_MS = 10_000;
const BACKUP_AGE_SHARE = 0.8;

interface Backup {
  readonly node: SimNode;
  readonly image: Image;
  /** Virtual ms. */
  readonly restoreAt: number;
}

export class DiskDamage {
  readonly #bench: FaultBench;
  #backup: Backup | undefined;

  constructor(bench: FaultBench) {
    this.#bench = bench;
  }

  kinds(): FaultKind[] {
    const { mix } = this.#bench;
    return [
      { name: 'bitFlips', everyMs: mix.flipEveryMs, inject: () => this.#flip() },
      { name: 'wipes', everyMs: mix.wipeEveryMs, inject: () => this.#wipe() },
      { name: 'rollbacks', everyMs: mix.rollbackEveryMs, inject: () => this.#rollback() },
      { name: 'clones', everyMs: mix.cloneEveryMs, inject: () => this.#clone() },
    ];
  }

  /** Anywhere but in the last frame, where a flip cannot be told from a torn write (PROTOCOL §1). */
  #flip(): boolean {
    const { cluster, random } = this.#bench;
    const node = this.#victim();
    if (node === undefined) return false;
    cluster.crashNode(node, 'power');
    // What the power cut left is looked at before anything changes.
    node.synced('' as CellId);
    const before = node.disk.syncedImage();
    // A second flip of the same bit of a damaged disk would mend it, and what was lost would be back.
    const places = isWhole(before) ? flippable(before) : [];
    if (places.length === 0) return this.#later(node, false);
    const { file, bytes } = random.pick(places);
    const [offset, bit] = [random.int(0, bytes - 1), random.int(0, 7)];
    node.disk.flipBit(file, offset, bit);
    const what = judge(before, node.disk.syncedImage());
    cluster.line(node.name, `bit ${bit} of byte ${offset} of ${file} flips: ${what}`);
    this.#bench.count(`flip-${file.split('-')[0] ?? file}-${what}`);
    if (what === 'hidden') cluster.report('S5', `${node.name}: a flipped bit in ${file} at ${offset} changes what is read from the disk, and nothing notices`);
    if (what === 'noticed') cluster.diskLost(node);
    return this.#later(node, true);
  }

  #wipe(): boolean {
    const { cluster } = this.#bench;
    const node = this.#victim();
    if (node === undefined) return false;
    cluster.crashNode(node, 'power');
    cluster.line(node.name, 'its disk is wiped');
    cluster.diskLost(node);
    node.disk.platter.restore(new Map());
    return this.#later(node, true);
  }

  /**
   * From now on safety is not claimed (PROTOCOL §1): a violation is counted. It happens when the backup is old enough; to
   * take one is nothing yet.
   */
  #rollback(): boolean {
    const { cluster, random } = this.#bench;
    const { now } = cluster.kernel;
    if (this.#backup === undefined) {
      const up = cluster.up();
      if (up.length === 0) return false;
      const node = random.pick(up);
      const ageMs = Math.min(random.exponential(BACKUP_AGE_MEAN_MS), BACKUP_AGE_SHARE * this.#bench.remainingMs());
      this.#backup = { node, image: new Map(node.disk.syncedImage()), restoreAt: now + ageMs };
      return false;
    }
    const { node, image, restoreAt } = this.#backup;
    if (now < restoreAt) return false;
    this.#backup = undefined;
    cluster.crashNode(node, 'power');
    cluster.line(node.name, 'its disk is rolled back');
    cluster.diskLost(node, true);
    cluster.excuse ??= `the disk of ${node.name} was rolled back`;
    node.disk.platter.restore(image);
    return this.#later(node, true);
  }

  /** The log of one node on another machine, which has a key of its own and so is another member. */
  #clone(): boolean {
    const { cluster, random } = this.#bench;
    const node = this.#victim();
    // The copy of a copy could be what this node itself once had: a rollback, which is another matter.
    const others = cluster.nodes.filter((other) => other !== node && other.synced('' as CellId).member !== '');
    if (node === undefined || others.length === 0) return false;
    const source = random.pick(others);
    cluster.crashNode(node, 'power');
    cluster.line(node.name, `gets a copy of the disk of ${source.name}`);
    cluster.diskLost(node);
    node.disk.platter.restore(new Map(source.disk.syncedImage()));
    return this.#later(node, true);
  }

  #victim(): SimNode | undefined {
    const { cluster, random } = this.#bench;
    const candidates = cluster.up().filter((node) => canLose(cluster, node));
    return candidates.length === 0 ? undefined : random.pick(candidates);
  }

  #later(node: SimNode, happened: boolean): boolean {
    const { cluster, mix, random } = this.#bench;
    this.#bench.after(random.exponential(mix.downMeanMs), () => {
      if (node.state === 'down') cluster.bootNode(node);
    });
    return happened;
  }
}

function flippable(image: Image): { readonly file: string; readonly bytes: number }[] {
  const reader = imageReader(image);
  const { segments, snapshots } = listStorage(reader);
  const last = segments.at(-1)?.file;
  const size = (file: string): number => (file === last ? scanSegment(reader.read(file), undefined).frames.at(-1)?.offset ?? 0 : reader.read(file).length);
  const files = [...segments, ...snapshots].map(({ file }) => file).concat(image.has(IDENTITY_FILE) ? [IDENTITY_FILE] : []);
  return files.map((file) => ({ file, bytes: size(file) })).filter(({ bytes }) => bytes > 0);
}

/** `harmless`: nothing that is read from this disk has changed, or it was a spare copy. */
function judge(before: Image, after: Image): 'noticed' | 'harmless' | 'hidden' {
  const [whole, flipped] = [read(before), read(after)];
  if (flipped === undefined || flipped.damage !== undefined) return 'noticed';
  return whole !== undefined && essence(whole) === essence(flipped) ? 'harmless' : 'hidden';
}

function isWhole(image: Image): boolean {
  const found = read(image);
  return found !== undefined && found.damage === undefined;
}

function read(image: Image): (Recovered & { readonly identity: string }) | undefined {
  try {
    const identity = image.get(IDENTITY_FILE);
    return { ...recoverLog(imageReader(image)), identity: identity === undefined ? '' : JSON.stringify(readIdentity(imageReader(image))) };
  } catch (error) {
    if (!isSkeinError(error, 'LOG_DAMAGED')) throw error;
    return undefined;
  }
}

/** What a member answers for: its identity, term and vote, and the log up to its end. An older snapshot with more log is as good. */
function essence({ identity, hard, snapshot, entries }: Recovered & { readonly identity: string }): string {
  const last = entries.at(-1);
  return JSON.stringify([identity, hard, last?.index ?? snapshot?.meta.index ?? 0, last?.term ?? snapshot?.meta.term ?? 0]);
}
