/** The folder of blobs as the executor uses it. */
import { Readable } from 'node:stream';
import type { FileShelf } from '../executor/files.ts';
import type { FolderBlobStore } from './folder-store.ts';
import { importFile, moveFileIn } from './import-file.ts';
import { wholeFile } from './layout.ts';

export function shelfOf(store: FolderBlobStore): FileShelf {
  return {
    pathOf: (cid) => store.fileOf(wholeFile(cid)),
    takeFile: (file) => moveFileIn(store, file),
    takeBytes: (bytes) => importFile(store, Readable.from([bytes])),
  };
}
