/** Blobs of a node that knows no other, on a real folder. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NodeId } from '../../src/core/lib/ids.ts';
import { FolderBlobStore } from '../../src/io/blobs/folder-store.ts';
import { NodeBlobs } from '../../src/io/blobs/node-blobs.ts';
import { realClock } from '../../src/io/clock.ts';
import { timingProfiles } from '../../src/options/timing.ts';
import type { Timer } from '../../src/ports/clock.ts';
import type { Transport } from '../../src/ports/transport.ts';
import { Blobs } from '../../src/runtime/blobs/blobs.ts';
import { Housekeeper, type HousekeeperInit } from '../../src/runtime/blobs/housekeeper.ts';
import { NodeContext } from '../../src/runtime/context.ts';
import { capabilities } from '../core/cell/cells.ts';

export interface TestBlobs {
  readonly store: FolderBlobStore;
  readonly blobs: Blobs;
  readonly node: NodeBlobs;
  readonly housekeeper: Housekeeper;
}

/** @param more what the cell says of the blobs, and the room that they have. @default nothing is needed, for ever, on all of the disk */
export function testBlobs(folder: string, more: Partial<HousekeeperInit> = {}): TestBlobs {
  const store = new FolderBlobStore(folder);
  const transport = { self: 'alone' as NodeId, bootId: 'boot', peers: () => [], send: () => false, queued: () => 0 } as Partial<Transport> as Transport;
  const context = new NodeContext({
    ports: {
      clock: { ...realClock(), setTimer },
      random: { float: () => 0.5, bytes: (length) => new Uint8Array(length) },
      disk: undefined as never,
      transport,
      executor: undefined as never,
      blobs: store,
      compressor: undefined,
      observer: { notify: () => undefined },
      fatal: (error) => {
        throw error;
      },
    },
    name: 'alone',
    clusterName: 'test',
    version: '0',
    capabilities: capabilities(),
    vote: false,
    timing: timingProfiles.default,
  });
  const blobs = new Blobs(context, store, 0);
  blobs.start();
  const housekeeper = new Housekeeper({ context, store, blobs, read: (_query, _argument, done) => done(undefined, { cell: 'cell', founded: 1, needs: [] }), unrecorded: () => [], retentionMs: Number.MAX_SAFE_INTEGER, quota: { share: 1 }, ...more });
  return { store, blobs, housekeeper, node: new NodeBlobs(blobs, store, housekeeper) };
}

/** Does not keep the test alive: some fetch what nobody has. */
function setTimer(delayMs: number, callback: () => void): Timer {
  const timer = setTimeout(callback, delayMs).unref();
  return { cancel: () => clearTimeout(timer) };
}

let shared: NodeBlobs | undefined;

/** For servers whose tests are about other things. */
export function sharedBlobs(): NodeBlobs {
  if (shared !== undefined) return shared;
  const folder = mkdtempSync(join(tmpdir(), 'skein-blobs-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return (shared = testBlobs(folder).node);
}
