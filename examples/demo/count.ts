/** What the demo proves, counted from outside: the ledger that the modules wrote, and the logs on the nodes' disks. */
import { readFileSync } from 'node:fs';
import { agreement, readOfflineLog } from '../../src/io/offline-log.ts';

export interface Evidence {
  /** Lines of the ledger that belong to the run: each is one execution that began. */
  readonly executions: number;
  /** Modules that were executed more than once. */
  readonly executedAgain: number;
  /** Results that the log accepted. */
  readonly recorded: number;
  readonly recordedTwice: string[];
  readonly missing: string[];
  /** Recorded results whose fence no execution wrote into the ledger. */
  readonly unexplained: string[];
  /** Index up to which the logs of the nodes that lived to the end hold the same entries. */
  readonly agreedUpTo: number;
  readonly logsDiffer: boolean;
  /** Entries of the killed leader's log that the others hold as well, and those that were never committed. */
  readonly killedAgrees: number;
  readonly killedDropped: number;
}

export function gatherEvidence(runId: string, modules: readonly string[], ledger: string, survivors: readonly string[], killed: string): Evidence {
  const executions = new Map<string, Set<string>>();
  let lines = 0;
  for (const line of readFileSync(ledger, 'utf8').split('\n')) {
    const [run, module, fence] = line.split(' ');
    if (run !== runId || module === undefined || fence === undefined) continue;
    lines += 1;
    const fences = executions.get(module) ?? new Set();
    executions.set(module, fences.add(fence));
  }
  const logs = survivors.map(readOfflineLog);
  const [first, ...others] = logs;
  if (first === undefined) throw new Error('no node lived to the end');
  const agreedUpTo = Math.min(...others.map((other) => agreement(first, other)), first.last);
  const shortest = Math.min(...logs.map((log) => log.last));
  const results = first.results().filter((result) => result.runId === runId);
  const times = new Map<string, number>();
  for (const { module } of results) times.set(module, (times.get(module) ?? 0) + 1);
  const killedLog = readOfflineLog(killed);
  const killedAgrees = agreement(first, killedLog);
  return {
    executions: lines,
    executedAgain: [...executions.values()].filter((fences) => fences.size > 1).length,
    recorded: results.length,
    recordedTwice: [...times].filter(([, count]) => count > 1).map(([module]) => module),
    missing: modules.filter((module) => !times.has(module)),
    unexplained: results.filter(({ module, fence }) => executions.get(module)?.has(String(fence)) !== true).map(({ module }) => module),
    agreedUpTo,
    logsDiffer: agreedUpTo < shortest,
    killedAgrees,
    killedDropped: Math.max(0, killedLog.last - killedAgrees),
  };
}
