/** Reads a node's log from its data directory without the node: what it recorded, independent of what it says. */
import { moduleName } from '../core/cell/accessors.ts';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { apply, skip } from '../core/cell/cell.ts';
import type { CellState } from '../core/cell/state.ts';
import type { Term } from '../core/lib/ids.ts';
import type { Entry } from '../core/raft/types.ts';
import { decodeCommand } from '../protocol/command-codec.ts';
import { encodeEntry } from '../protocol/entry-codec.ts';
import { restoreImage } from '../runtime/snapshot-image.ts';
import { recoverLog } from '../runtime/storage/recover.ts';
import { FolderDisk } from './disk/disk.ts';

/** A result that the log says was accepted. */
export interface RecordedResult {
  readonly runId: string;
  readonly module: string;
  readonly fence: number;
  readonly ok: boolean;
}

export interface OfflineLog {
  /** First and last index that the files hold as entries; 0 and 0 for none. */
  readonly first: number;
  readonly last: number;
  /** Term and bytes of an entry, for comparison with another node's log. */
  readonly entry: (index: number) => { readonly term: Term; readonly bytes: Uint8Array } | undefined;
  /** Accepted results in log order, up to and with `upTo`. A snapshot hides the ones before it. */
  readonly results: (upTo?: number) => RecordedResult[];
  readonly damaged: string;
}

/** @param dataDir of a node that does not run any more. */
export function readOfflineLog(dataDir: string): OfflineLog {
  const folder = join(dataDir, 'log');
  const recovered = existsSync(folder) ? recoverLog(new FolderDisk(folder)) : undefined;
  const entries = recovered?.entries ?? [];
  const first = entries[0]?.index ?? 0;
  return {
    first,
    last: entries.at(-1)?.index ?? 0,
    damaged: recovered?.damage?.reason ?? '',
    entry: (index) => {
      const entry = entries[index - first];
      return entry === undefined ? undefined : { term: entry.term, bytes: encodeEntry(entry) };
    },
    results: (upTo = Infinity) => replay(restoreImage(recovered?.snapshot?.sections), entries, upTo),
  };
}

function replay(state: CellState, entries: readonly Entry[], upTo: number): RecordedResult[] {
  const recorded: RecordedResult[] = [];
  for (const entry of entries) {
    if (entry.index > upTo) break;
    if (entry.kind === 'noop' || entry.kind === 'config') {
      skip(state, entry.index);
      continue;
    }
    const command = decodeCommand(entry.data);
    const { reply } = apply(state, entry.index, command);
    if (command.type !== 'results' || reply.type !== 'results') continue;
    for (const [position, item] of command.items.entries()) {
      const run = state.runs.get(item.run);
      if (reply.verdicts[position] !== 'accepted' || run === undefined) continue;
      recorded.push({ runId: run.runId, module: moduleName(run.modules[item.module]!), fence: item.fence, ok: item.outcome.ok });
    }
  }
  return recorded;
}

/** Last index up to which two logs hold the same entries, of those that both hold. */
export function agreement(a: OfflineLog, b: OfflineLog): number {
  let index = Math.max(a.first, b.first);
  for (; ; index += 1) {
    const left = a.entry(index);
    const right = b.entry(index);
    if (left === undefined || right === undefined || left.term !== right.term || Buffer.compare(left.bytes, right.bytes) !== 0) return index - 1;
  }
}
