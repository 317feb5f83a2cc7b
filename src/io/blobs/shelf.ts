/** The folder of blobs as the executor uses it. */
import { Readable } from 'node:stream';
import type { FileShelf } from '../executor/files.ts';
import type { FolderBlobStore } from './folder-store.ts';
import { importFile, moveFilesIn } from './import-file.ts';
import { wholeFile } from './layout.ts';

export function shelfOf(store: FolderBlobStore): FileShelf {
  return {
    pathOf: (cid) => store.fileOf(wholeFile(cid)),
    takeFiles: (files) => moveFilesIn(store, files),
    takeBytes: (bytes) => importFile(store, Readable.from([bytes])),
  };
}
