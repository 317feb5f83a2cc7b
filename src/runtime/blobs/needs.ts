/** Which blobs the runs of a cell refer to, asked by name: nodes without a log cannot look themselves. */
import { blobRefs } from '../../core/cell/files.ts';
import type { CellState } from '../../core/cell/state.ts';
import type { Json } from '../../core/cell/types.ts';
import type { Cid } from '../../core/lib/ids.ts';
import { SkeinError } from '../../errors.ts';
import { NEEDS_ASKED_MAX } from './limits.ts';

export interface Need {
  /** A run that has not ended refers to it. */
  readonly live: boolean;
  /** When the last of the runs that did ended; 0 = none has. */
  readonly finishedAt: number;
  /** It lists files, which are needed as it is. */
  readonly tree: boolean;
}

/** @returns `[position, live, finishedAt, tree]` of each of the asked ones that some run refers to. */
export function answerNeeds(state: CellState, argument: Json): Json | SkeinError {
  if (!Array.isArray(argument) || argument.length > NEEDS_ASKED_MAX || !argument.every((cid) => typeof cid === 'string')) {
    return new SkeinError('REQUEST_INVALID', `what is needed of blobs is asked with at most ${NEEDS_ASKED_MAX} names`);
  }
  const asked = new Map(argument.map((cid, position) => [cid as Cid, position]));
  const found = new Map<number, Need>();
  for (const run of state.runs.values()) {
    const live = !state.finished.has(run.number);
    for (const { cid, tree } of blobRefs(run)) {
      const position = asked.get(cid);
      if (position !== undefined) found.set(position, joined(found.get(position), { live, finishedAt: run.finishedAt, tree }));
    }
  }
  return Array.from(found, ([position, { live, finishedAt, tree }]): Json => [position, live, finishedAt, tree]);
}

export function joined(a: Need | undefined, b: Need): Need {
  return a === undefined ? b : { live: a.live || b.live, finishedAt: Math.max(a.finishedAt, b.finishedAt), tree: a.tree || b.tree };
}

/** @throws SkeinError FRAME_INVALID when it is no answer to these names. */
export function readNeeds(cids: readonly Cid[], answer: Json): [Cid, Need][] {
  const wrong = new SkeinError('FRAME_INVALID', 'the answer about needed blobs cannot be read');
  if (!Array.isArray(answer)) throw wrong;
  return answer.map((item): [Cid, Need] => {
    const [position, live, finishedAt, tree] = Array.isArray(item) ? (item as readonly Json[]) : [];
    const cid = typeof position === 'number' ? cids[position] : undefined;
    if (cid === undefined || typeof live !== 'boolean' || typeof finishedAt !== 'number' || typeof tree !== 'boolean') throw wrong;
    return [cid, { live, finishedAt, tree }];
  });
}
