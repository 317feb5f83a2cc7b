/**
 * S23, second half: what one client sees through one process of one node never goes back, even where the node may answer
 * from a copy that is behind.
 */
import { describeOperation, type ClientOperation, type RunSeen } from './events.ts';
import { reaches } from './run-model.ts';

interface LocalRead {
  readonly operation: ClientOperation;
  readonly invokedAt: number;
  readonly returnedAt: number;
  /** Undefined: the run was not known. */
  readonly seen: RunSeen | undefined;
}

/** @returns a sentence for each read that shows less than one that had ended before it began. */
export function staleReadProblems(operations: readonly ClientOperation[]): string[] {
  const problems: string[] = [];
  for (const reads of Map.groupBy(operations.flatMap(localRead), ({ operation }) => sessionOf(operation)).values()) {
    const ended = reads.toSorted((a, b) => a.returnedAt - b.returnedAt);
    let done = 0;
    // What all reads that had returned before this one began have shown, the furthest of it.
    let furthest: LocalRead | undefined;
    for (const read of reads.toSorted((a, b) => a.invokedAt - b.invokedAt)) {
      for (; done < ended.length && ended[done]!.returnedAt < read.invokedAt; done += 1) furthest = further(furthest, ended[done]!);
      if (furthest === undefined || isForward(furthest.seen, read.seen)) continue;
      problems.push(`a stale read goes back: ${describeOperation(read.operation)}, after ${describeOperation(furthest.operation)}`);
    }
  }
  return problems;
}

function sessionOf({ client, call }: ClientOperation): string {
  return call.type === 'read' ? `${client} ${call.session} ${call.run}` : '';
}

function localRead(operation: ClientOperation): LocalRead[] {
  const { call, answer, invokedAt } = operation;
  if (call.type !== 'read' || call.consistency !== 'local' || answer === undefined) return [];
  return [{ operation, invokedAt, returnedAt: answer.returnedAt, seen: answer.reply.type === 'run' ? answer.reply : undefined }];
}

function isForward(before: RunSeen | undefined, after: RunSeen | undefined): boolean {
  return before === undefined || (after !== undefined && reaches(before, after));
}

function further(a: LocalRead | undefined, b: LocalRead): LocalRead {
  return a === undefined || isForward(a.seen, b.seen) ? b : a;
}
