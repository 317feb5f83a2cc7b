/**
 * `node sim/history/check.ts FILE…`: is what real clients wrote down linearizable? Several files are one history; they
 * must be on one clock.
 */
import { readFileSync } from 'node:fs';
import { checkHistory, type HistoryVerdict } from './check-history.ts';
import { mergeHistories, parseHistory, type HistoryEvent } from './events.ts';

const USAGE = `node sim/history/check.ts FILE...

  Checks histories of clients (JSON lines, sim/history/events.ts) against the sequential specification, S23.
  exit codes: 0 nothing found, 2 usage or unreadable history, 12 violation, 13 not decided within a minute`;

const EXIT_USAGE = 2;
const EXIT_CORRECTNESS = 12;
const EXIT_UNDECIDED = 13;
const WALL_MS_MAX = 60_000;
/** Beyond this the memory of a search is the limit, not its time. */
const VISITED_MAX = 5_000_000;

function summary({ verdict, operations, unknownOutcomes, runs, visited }: HistoryVerdict): string {
  const word = { ok: 'linearizable', violation: 'VIOLATION of S23', unknown: 'not decided' }[verdict];
  return `${word}: ${operations} operations (${unknownOutcomes} with unknown outcome) on ${runs} runs, ${visited} configurations looked at`;
}

function read(file: string): HistoryEvent[] {
  try {
    return parseHistory(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
  }
}

function main(files: readonly string[]): number {
  if (files.length === 0 || files.some((file) => file.startsWith('-'))) {
    const wanted = files.includes('--help');
    (wanted ? process.stdout : process.stderr).write(`${USAGE}\n`);
    return wanted ? 0 : EXIT_USAGE;
  }
  let verdict: HistoryVerdict;
  try {
    const deadline = performance.now() + WALL_MS_MAX;
    const events = mergeHistories(files.map(read));
    if (events.length === 0) throw new Error(`${files.join(', ')}: no operations, so nothing to check`);
    verdict = checkHistory(events, { visitedMax: VISITED_MAX, expired: () => performance.now() > deadline });
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return EXIT_USAGE;
  }
  for (const problem of verdict.problems) process.stdout.write(`${problem}\n`);
  process.stdout.write(`${summary(verdict)}\n`);
  return { ok: 0, violation: EXIT_CORRECTNESS, unknown: EXIT_UNDECIDED }[verdict.verdict];
}

process.exitCode = main(process.argv.slice(2));
