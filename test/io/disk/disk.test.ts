import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { FolderDisk } from '../../../src/io/disk/disk.ts';
import { OPEN_FILES_MAX } from '../../../src/io/disk/file-handles.ts';
import { bytes, diskConformance, type DiskHarness } from '../../conformance/disk.ts';

function create(): DiskHarness & { readonly disk: FolderDisk } {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'skein-disk-'));
  const disk = new FolderDisk(folder);
  const opened = [disk];
  return {
    disk,
    settle: (call) => new Promise((resolve) => call(resolve)),
    reopen: () => {
      disk.close();
      const next = new FolderDisk(folder);
      opened.push(next);
      return next;
    },
    dispose: () => {
      for (const each of opened) each.close();
      fs.rmSync(folder, { recursive: true });
    },
  };
}

diskConformance('real', create);

test('the folder and its files are private', async () => {
  const { disk, settle, dispose } = create();
  const inner = new FolderDisk(path.join(disk.path, 'cell'));
  await settle((done) => inner.writeAt('a', 0, bytes('x'), done));
  assert.equal(fs.statSync(inner.path).mode & 0o777, 0o700);
  assert.equal(fs.statSync(path.join(inner.path, 'a')).mode & 0o777, 0o600);
  inner.close();
  dispose();
});

test('folders, sockets and links are not files of the disk', async () => {
  const { disk, dispose } = create();
  fs.mkdirSync(path.join(disk.path, 'folder'));
  fs.symlinkSync('nowhere', path.join(disk.path, 'link'));
  assert.deepEqual(disk.list(), []);
  dispose();
});

test('a bounded number of files stays open, and none after close', { skip: process.platform !== 'linux' && 'counts open files in /proc' }, async () => {
  const { disk, settle, dispose } = create();
  for (let i = 0; i < 3 * OPEN_FILES_MAX; i++) await settle((done) => disk.writeAt(`f${i}`, 0, bytes('x'), done));
  const open = (): number => fs.readdirSync('/proc/self/fd').filter((fd) => linkOf(fd).startsWith(disk.path)).length;
  await until(() => open() <= OPEN_FILES_MAX);
  disk.close();
  await until(() => open() === 0);
  dispose();
});

function linkOf(fd: string): string {
  try {
    return fs.readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}

/** Closing goes on in the background: give it turns of the event loop, the test's own timeout is the limit. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test('a full or broken disk is reported to the caller', async () => {
  const { disk, settle, dispose } = create();
  fs.mkdirSync(path.join(disk.path, 'occupied'));
  const error = await settle((done) => disk.writeAt('occupied', 0, bytes('x'), done));
  assert.equal((error as NodeJS.ErrnoException).code, 'EISDIR');
  dispose();
});
