/**
 * S23 over a whole history: linearizability of each run by itself (a history is linearizable exactly when each of its
 * objects is, Herlihy & Wing), and stale reads that never go back within a session.
 */
import { describeOperation, operationsOf, type Call, type ClientOperation, type HistoryEvent, type Reply } from './events.ts';
import { runModel } from './run-model.ts';
import { staleReadProblems } from './stale-reads.ts';
import { checkLinearizable, type Explanation, type Operation, type WglLimits } from './wgl.ts';

export interface HistoryVerdict {
  readonly verdict: 'ok' | 'violation' | 'unknown';
  /** One text per violation, of several lines; or which runs could not be decided within the limits. */
  readonly problems: readonly string[];
  readonly operations: number;
  /** Of those: outcome unknown. */
  readonly unknownOutcomes: number;
  /** Objects, i.e. histories that were checked apart. */
  readonly runs: number;
  readonly visited: number;
}

/** A run: those of one request key in one cell, or one run whose submit is not in the history. */
interface Partition {
  readonly foreign: boolean;
  readonly operations: ClientOperation[];
}

/** Per run; a whole simulation has hundreds. */
const VISITED_MAX = 100_000;
/** Operations of an explanation that are printed. */
const SHOWN_MAX = 12;

/** @throws SyntaxError when the events are no history. */
export function checkHistory(events: readonly HistoryEvent[], limits: WglLimits = {}): HistoryVerdict {
  const operations = operationsOf(events);
  const partitions = partition(operations);
  const problems = staleReadProblems(operations);
  const undecided: string[] = [];
  let visited = 0;
  for (const [name, { foreign, operations: own }] of partitions) {
    const telling = withoutIdle(own);
    const result = checkLinearizable(runModel({ foreign }), telling.map(toOperation), { visitedMax: VISITED_MAX, ...limits });
    visited += result.visited;
    if (result.verdict === 'violation') problems.push(explain(name, telling, result.explanation));
    if (result.verdict === 'unknown') undecided.push(`${name}: not decided after ${result.visited} configurations of ${telling.length} operations`);
  }
  return {
    verdict: problems.length > 0 ? 'violation' : undecided.length > 0 ? 'unknown' : 'ok',
    problems: [...problems, ...undecided],
    operations: operations.length,
    unknownOutcomes: operations.filter(({ answer }) => answer === undefined).length,
    runs: partitions.size,
    visited,
  };
}

/**
 * Of the submits of unknown outcome only the first, and so of the cancels: a second one can do nothing that the first could
 * not have done at the same moment. A read of unknown outcome did nothing. A client that tries for minutes would otherwise
 * leave more of them than can be searched.
 */
function withoutIdle(operations: readonly ClientOperation[]): ClientOperation[] {
  const seen = new Set<Call['type']>();
  return operations.filter(({ call: { type }, answer }) => {
    if (answer !== undefined) return true;
    if ((type !== 'submit' && type !== 'cancel') || seen.has(type)) return false;
    seen.add(type);
    return true;
  });
}

function toOperation({ call, invokedAt, answer }: ClientOperation): Operation<Call, Reply> {
  return { input: call, invokedAt, outcome: answer === undefined ? undefined : { output: answer.reply, returnedAt: answer.returnedAt } };
}

/** A run id ends with the id of its cell; two cells may each accept the same request (PROTOCOL §7). */
function cellOf(run: string): string {
  return run.slice(run.indexOf('-') + 1);
}

function partition(operations: readonly ClientOperation[]): Map<string, Partition> {
  const partitions = new Map<string, Partition>();
  const ofRun = new Map<string, string>();
  const ofKey = new Map<string, Set<string>>();
  for (const { call, answer } of operations) {
    if (call.type !== 'submit' || answer?.reply.type !== 'accepted') continue;
    const { run } = answer.reply;
    const name = `request ${call.key} in cell ${cellOf(run)}`;
    ofRun.set(run, name);
    ofKey.set(call.key, (ofKey.get(call.key) ?? new Set()).add(name));
    if (!partitions.has(name)) partitions.set(name, { foreign: false, operations: [] });
  }
  for (const operation of operations) {
    const { call, answer } = operation;
    if (call.type === 'submit') {
      const { reply } = answer ?? {};
      // Without an answer it may have been any of them. A key whose run nobody was told of leaves nothing to check.
      const names = reply?.type === 'accepted' ? [ofRun.get(reply.run)!] : (ofKey.get(call.key) ?? []);
      for (const name of names) partitions.get(name)!.operations.push(operation);
      continue;
    }
    const name = ofRun.get(call.run) ?? `run ${call.run}`;
    const found = partitions.get(name);
    if (found === undefined) partitions.set(name, { foreign: true, operations: [operation] });
    else found.operations.push(operation);
  }
  return partitions;
}

function explain(name: string, operations: readonly ClientOperation[], { prefix, state, blocked }: Explanation): string {
  const shown = prefix.slice(-SHOWN_MAX).map((i) => `    ${describeOperation(operations[i]!)}`);
  const left = prefix.length - shown.length;
  const end = operations[blocked]!.answer?.returnedAt ?? 0;
  const around = operations.filter((operation, i) => i !== blocked && !prefix.includes(i) && operation.invokedAt < end).map((operation) => `    ${describeOperation(operation)}`);
  return [
    `${name}: not linearizable. This operation cannot be placed:`,
    `    ${describeOperation(operations[blocked]!)}`,
    `  after the longest order that is possible without it${left > 0 ? ` (its last ${shown.length} of ${prefix.length})` : ''}, which leaves: ${state}`,
    ...(shown.length > 0 ? shown : ['    nothing']),
    ...(around.length > 0 ? ['  not placed either:', ...around.slice(0, SHOWN_MAX)] : []),
  ].join('\n');
}
