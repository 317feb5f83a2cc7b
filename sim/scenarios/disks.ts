/** What happens to disks in scenarios, while their node is down. Who loses what it had synced is counted as lost. */
import { listStorage } from '../../src/runtime/storage/names.ts';
import { scanSegment } from '../../src/runtime/storage/scan.ts';
import { imageReader } from '../disk.ts';
import type { SimNode } from '../sim-node.ts';
import type { Stage } from '../stage.ts';

/** A bit in the middle of the log, long before its last frame. The node loses its power first. */
export function flipLog(scene: Stage, node: SimNode): void {
  scene.crash(node, 'power');
  const reader = imageReader(node.disk.syncedImage());
  const { segments } = listStorage(reader);
  const frames = segments.flatMap(({ file }) => scanSegment(reader.read(file), undefined).frames.map(({ offset }) => ({ file, offset })));
  const frame = frames[Math.floor(frames.length / 2)]!;
  scene.cluster.line(node.name, `a bit flips in ${frame.file} at ${frame.offset}`);
  scene.cluster.diskLost(node);
  // Behind the header: a byte of the payload.
  node.disk.flipBit(frame.file, frame.offset + 40, 3);
}

/** The second half of a segment in the middle of the log is gone. */
export function truncateLog(scene: Stage, node: SimNode): void {
  scene.crash(node, 'power');
  const image = new Map(node.disk.syncedImage());
  const { segments } = listStorage(imageReader(image));
  const { file } = segments[Math.floor(segments.length / 2)]!;
  const bytes = image.get(file)!;
  scene.cluster.line(node.name, `${file} is cut after ${Math.floor(bytes.length / 2)} of ${bytes.length} bytes`);
  scene.cluster.diskLost(node);
  image.set(file, bytes.subarray(0, Math.floor(bytes.length / 2)));
  node.disk.platter.restore(image);
}

/** A bit in every snapshot on the disk. @returns how many there were. */
export function flipSnapshots(scene: Stage, node: SimNode): number {
  scene.crash(node, 'power');
  const image = node.disk.syncedImage();
  const { snapshots } = listStorage(imageReader(image));
  scene.cluster.line(node.name, `a bit flips in ${snapshots.map(({ file }) => file).join(' ')}`);
  scene.cluster.diskLost(node);
  for (const { file } of snapshots) node.disk.flipBit(file, Math.floor(image.get(file)!.length / 2), 5);
  return snapshots.length;
}

/** A new, empty disk in the same machine. */
export function wipe(scene: Stage, node: SimNode): void {
  scene.crash(node, 'power');
  scene.cluster.line(node.name, 'its disk is wiped');
  scene.cluster.diskLost(node);
  node.disk.platter.restore(new Map());
}

/** Instead of its own, this machine gets what the disk of another one holds now. */
export function copyDisk(scene: Stage, from: SimNode, to: SimNode): void {
  scene.crash(to, 'power');
  scene.cluster.line(to.name, `gets a copy of the disk of ${from.name}`);
  if (to.boot > 0) scene.cluster.diskLost(to);
  to.disk.platter.restore(new Map(from.disk.syncedImage()));
}
