/** A recovery that cuts a damaged log in silence, played by cutting it before the node looks. */
import { listStorage } from '../../src/runtime/storage/names.ts';
import { recoverLog } from '../../src/runtime/storage/recover.ts';
import { scanSegment, type Expected, type SegmentScan } from '../../src/runtime/storage/scan.ts';
import type { Platter } from '../platter.ts';

/** What stands behind the damage goes, in this segment and in all later ones. A log without damage stays as it is. */
export function cutDamage(platter: Platter): void {
  const reader = { list: () => platter.list(), read: (name: string) => platter.read(name) };
  if (recoverLog(reader).damage === undefined) return;
  const image = new Map(platter.list().map((name) => [name, platter.read(name)]));
  let expected: Expected | undefined;
  let damaged = false;
  for (const { file } of listStorage(reader).segments) {
    if (damaged) {
      image.delete(file);
      continue;
    }
    const bytes = platter.read(file);
    const { frames, end, fault }: SegmentScan = scanSegment(bytes, expected);
    image.set(file, bytes.subarray(0, end));
    const last = frames.at(-1);
    if (last !== undefined) expected = { sequence: last.sequence + 1, link: last.crc };
    damaged = fault !== undefined;
  }
  platter.restore(image);
}
