/** Waits for the end of a run without showing it. */
import type { RunJson } from '../io/http/views.ts';
import type { Client } from './client.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import type { CliIo } from './io.ts';

export interface WaitOptions {
  /** false = only look. */
  readonly wait: boolean;
  readonly timeoutMs: number | undefined;
}

export async function waitForRun(client: Client, io: CliIo, run: string, options: WaitOptions): Promise<{ readonly ending: ExitCode; readonly view: RunJson }> {
  const path = `/api/v1/runs/${encodeURIComponent(run)}`;
  const first = await client.get<RunJson>(path);
  if (first.finishedAt !== null) return { ending: endingOf(first), view: first };
  if (!options.wait) return { ending: exitCodes.pending, view: first };
  const over = new AbortController();
  let ending: ExitCode = exitCodes.interrupted;
  const off = io.onSignal('SIGINT', () => over.abort());
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          ending = exitCodes.timeout;
          over.abort();
        }, options.timeoutMs);
  try {
    for await (const event of client.events(`/api/v1/runs/${encodeURIComponent(first.runId)}/events`, 0, over.signal)) {
      if (event.event !== 'final') continue;
      const view = JSON.parse(event.data) as RunJson;
      return { ending: endingOf(view), view };
    }
    return { ending, view: first };
  } finally {
    clearTimeout(timer);
    off();
  }
}

function endingOf(run: RunJson): ExitCode {
  return run.phase === 'succeeded' ? exitCodes.ok : exitCodes.runFailed;
}
