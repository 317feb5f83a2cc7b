/** Waits for the end of a run without showing it. */
import type { RunEventJson, RunJson, StatusJson } from '../io/http/views.ts';
import type { Client } from './client.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { pausedText } from './format.ts';
import { line, type CliIo } from './io.ts';

const QUEUE_CHECK_MS = 5000;
/** Events of the past come at once. */
const HISTORY_MS = 200;

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
  const queue = watchQueue(client, io, over.signal);
  const pauses = new PauseWords(io, `run ${first.shortId}`);
  if (first.paused !== null) pauses.paused(first.paused);
  try {
    for await (const event of client.events(`/api/v1/runs/${encodeURIComponent(first.runId)}/events`, 0, over.signal)) {
      if (event.event === 'run') {
        const { phase, note, at } = JSON.parse(event.data) as RunEventJson;
        if (phase === 'paused') pauses.paused({ at, reason: note });
        else pauses.resumed(at === first.submittedAt);
      }
      if (event.event !== 'final') continue;
      const view = JSON.parse(event.data) as RunJson;
      return { ending: endingOf(view), view };
    }
    return { ending, view: first };
  } finally {
    clearInterval(queue);
    pauses.resumed(false);
    clearTimeout(timer);
    off();
  }
}

/** Says once that something is paused. What is resumed in the same moment is past history, told by the events from their beginning. */
class PauseWords {
  readonly #io: CliIo;
  readonly #what: string;
  #known = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(io: CliIo, what: string) {
    this.#io = io;
    this.#what = what;
  }

  paused(pause: { readonly at: string | null; readonly reason: string }): void {
    if (this.#known) return;
    this.#known = true;
    this.#timer = setTimeout(() => line(this.#io.stderr, `${this.#what} is paused ${pausedText(pause, this.#io.now())}: waiting on`), HISTORY_MS);
  }

  /** @param submitted whoever goes on at another node is told first that the run was submitted. */
  resumed(submitted: boolean): void {
    if (submitted) return;
    clearTimeout(this.#timer);
    this.#known = false;
  }
}

/** Says once that the queue is paused, and again when it is after it was not. */
function watchQueue(client: Client, io: CliIo, signal: AbortSignal): NodeJS.Timeout {
  const words = new PauseWords(io, 'the queue');
  const look = async (): Promise<void> => {
    const { queuePaused } = await client.get<StatusJson>('/api/v1/status', { signal });
    if (signal.aborted) return;
    if (queuePaused === null) words.resumed(false);
    else words.paused(queuePaused);
  };
  const quietly = (): void => void look().catch(() => undefined);
  quietly();
  return setInterval(quietly, QUEUE_CHECK_MS);
}

function endingOf(run: RunJson): ExitCode {
  return run.phase === 'succeeded' ? exitCodes.ok : exitCodes.runFailed;
}
