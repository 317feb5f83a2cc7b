/**
 * What was really executed: modules append a line when they begin, while they work, and when they end. A line is one
 * small write in append mode, so lines of several processes never mix.
 */
import { existsSync, readFileSync } from 'node:fs';

export interface Execution {
  readonly runId: string;
  readonly module: string;
  readonly fence: number;
  readonly node: string;
  readonly beganNs: bigint;
  /** Last sign of life; the end if it came to its end. */
  lastNs: bigint;
  ended: boolean;
}

/** Bash function of modules: `note begin`. */
export const NOTE = `note() { printf '%s %s %s %s %s %s\\n' "$SKEIN_RUN_ID" "$SKEIN_MODULE" "$SKEIN_FENCE" "$SKEIN_NODE" "$1" "$(date +%s%N)" >> "$LEDGER"; }`;

export function readLedger(file: string): Execution[] {
  const executions = new Map<string, Execution>();
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  for (const line of text.split('\n')) {
    const [runId = '', module = '', fence = '', node = '', word = '', stamp = '0'] = line.split(' ');
    if (line === '') continue;
    const key = `${runId} ${module} ${fence}`;
    const known = executions.get(key);
    if (word === 'begin') {
      if (known !== undefined) throw new Error(`module ${module} of run ${runId} began twice under fence ${fence}: on ${known.node} and on ${node}`);
      executions.set(key, { runId, module, fence: Number(fence), node, beganNs: BigInt(stamp), lastNs: BigInt(stamp), ended: false });
    } else if (known === undefined) {
      throw new Error(`the ledger has a line without beginning: ${line}`);
    } else {
      known.lastNs = BigInt(stamp);
      if (word === 'end') known.ended = true;
    }
  }
  return [...executions.values()];
}

/** Pairs of executions of one module that were alive at the same moment. */
export function overlaps(executions: readonly Execution[]): string[] {
  const sorted = executions.toSorted((a, b) => Number(a.beganNs - b.beganNs));
  const found: string[] = [];
  for (const [position, first] of sorted.entries()) {
    for (const second of sorted.slice(position + 1)) {
      if (first.runId !== second.runId || first.module !== second.module || second.beganNs > first.lastNs) continue;
      found.push(`${first.module}: fence ${first.fence} on ${first.node} and fence ${second.fence} on ${second.node}, ${Number(first.lastNs - second.beganNs) / 1e6} ms`);
    }
  }
  return found;
}
