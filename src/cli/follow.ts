/** Follows a run to its end: `run`, `runs watch`. */
import { unreachable } from '../core/lib/assert.ts';
import { SkeinError } from '../errors.ts';
import type { RunExplanationJson } from '../io/http/queue-views.ts';
import type { RunEventJson, RunJson, RunProgressJson, StatusJson } from '../io/http/views.ts';
import type { Client } from './client.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { oneLine, painter } from './format.ts';
import { printError } from './errors.ts';
import { hasColour, isLive, line, type CliIo } from './io.ts';
import { isForPeople, printData, type Format } from './output.ts';
import { followPrinter, type FollowPrinter } from './printers.ts';
import { failureBlocks, groupNames, summaryBlock } from './render.ts';
import { Crowd, jsonLines, LogReader, namedLines } from './run-logs.ts';
import { RunTracker } from './tracker.ts';

export interface FollowOptions {
  readonly format: Format;
  /** Stop following after this long (exit 124); undefined = never. The run goes on. */
  readonly timeoutMs?: number | undefined;
  /** Stop when nothing could be placed for this long (exit 5); undefined = wait. */
  readonly placeTimeoutMs?: number | undefined;
  /** What its modules print is shown too. */
  readonly logs?: boolean | undefined;
}

/** @throws SkeinError OPTION_INVALID: `--logs` where there is no place for them. */
export function checkLogs({ logs = false, detach = false, output }: { readonly logs?: boolean; readonly detach?: boolean; readonly output: Format }): void {
  if (logs && detach) throw new SkeinError('OPTION_INVALID', '--logs and --detach exclude each other: who does not follow the run sees nothing of it', { hint: 'Follow it later: skein logs -f RUN' });
  if (logs && !isForPeople(output) && output !== 'jsonl') throw new SkeinError('OPTION_INVALID', `--logs does not go with -o ${output}, which is one answer at the end; allowed: table, wide, jsonl`);
}

/** A second Ctrl-C within this time cancels the run. */
const CANCEL_WINDOW_MS = 2000;
/** Nothing runs though something could: after this long it is asked why. */
const PLACEMENT_CHECK_MS = 3000;
const REASONS_SHOWN_MAX = 3;
/** Between two questions how far the run is. */
const PROGRESS_CHECK_MS = 2000;

/** `key` changes with the reason; the text also with each second that it lasts. */
interface Why {
  readonly text: string;
  readonly key: string;
}

const nothing: Why = { text: '', key: 'nothing' };

/** What waits long is asked for less often: the leader has to look at the whole run. */
function isDue(check: number): boolean {
  return check <= 2 || check % 4 === 0;
}

type Ending = 'final' | 'interrupt' | 'timeout' | 'unplaced';

export async function followRun(client: Client, io: CliIo, run: string, options: FollowOptions): Promise<ExitCode> {
  const path = `/api/v1/runs/${encodeURIComponent(run)}`;
  const view = await client.get<RunJson>(path);
  const follower = new Follower(client, io, `/api/v1/runs/${encodeURIComponent(view.runId)}`, view, options);
  return follower.follow();
}

class Follower {
  readonly #client: Client;
  readonly #io: CliIo;
  readonly #path: string;
  readonly #view: RunJson;
  readonly #options: FollowOptions;
  readonly #tracker: RunTracker;
  readonly #printer: FollowPrinter;
  /** Undefined: what modules print is not shown. */
  readonly #logs: Crowd | undefined;
  readonly #over = new AbortController();
  /** Whether Ctrl-C was pressed again in time. */
  readonly #again = Promise.withResolvers<boolean>();
  #ending: Ending = 'final';
  #final: RunJson | undefined;
  #idleSince: number;
  #why: Why = nothing;
  #paused = false;
  #asking = false;
  /** Why nothing is executed is being asked. */
  #checking = false;
  #idleChecks = 0;

  constructor(client: Client, io: CliIo, path: string, view: RunJson, options: FollowOptions) {
    this.#client = client;
    this.#io = io;
    this.#path = path;
    this.#view = view;
    this.#options = options;
    this.#tracker = new RunTracker(view);
    const { format, logs = false } = options;
    this.#printer = followPrinter(io, format === 'jsonl' ? 'jsonl' : !isForPeople(format) ? 'silent' : logs || !isLive(io) ? 'lines' : 'live');
    if (logs) this.#logs = new Crowd(new LogReader(client, view.runId, { follow: true, signal: this.#over.signal }), format === 'jsonl' ? jsonLines(io) : namedLines(io, view));
    this.#idleSince = Date.now();
  }

  async follow(): Promise<ExitCode> {
    const { timeoutMs, placeTimeoutMs } = this.#options;
    const ended = (ending: Ending) => (): void => {
      this.#ending = ending;
      this.#over.abort();
    };
    const offInterrupt = this.#io.onSignal('SIGINT', () => (this.#over.signal.aborted ? this.#again.resolve(true) : ended('interrupt')()));
    const timeout = timeoutMs === undefined ? undefined : setTimeout(ended('timeout'), timeoutMs);
    const checkMs = Math.min(PLACEMENT_CHECK_MS, placeTimeoutMs ?? Infinity);
    const check = setInterval(() => void this.#checkPlacement(ended('unplaced')), checkMs);
    const ask = isForPeople(this.#options.format) ? setInterval(() => void this.#askProgress(), PROGRESS_CHECK_MS) : undefined;
    try {
      this.#printer.begin(this.#view, this.#tracker);
      await this.#consume();
      await this.#readLogs();
      this.#printer.end();
      clearInterval(check);
      clearInterval(ask);
      clearTimeout(timeout);
      return await this.#finish();
    } finally {
      this.#printer.end();
      clearInterval(check);
      clearTimeout(timeout);
      clearInterval(ask);
      offInterrupt();
    }
  }

  async #consume(): Promise<void> {
    for await (const event of this.#client.events(`${this.#path}/events`, 0, this.#over.signal)) {
      if (event.event === 'final') this.#final = JSON.parse(event.data) as RunJson;
      else this.#take(JSON.parse(event.data) as RunEventJson);
    }
    if (this.#final === undefined) return;
    for (const transition of this.#tracker.reconcile(this.#final)) this.#printer.changed(transition, undefined);
  }

  /** To their ends. What cannot be read of them changes nothing of how the run ended. */
  async #readLogs(): Promise<void> {
    if (this.#over.signal.aborted) return;
    await this.#logs?.ended(this.#final).catch((error: unknown) => printError(this.#io, error));
  }

  #take(event: RunEventJson): void {
    if (event.type === 'module') this.#logs?.heard(event);
    if (event.type === 'run') return this.#takeRunEvent(event);
    if (event.type === 'copy') return this.#printer.copy(event);
    const transition = this.#tracker.apply(event);
    if (transition === undefined) return;
    this.#idleSince = Date.now();
    if (this.#why.text !== '' && this.#tracker.counts.running > 0) this.#tellWhy(nothing);
    this.#printer.changed(transition, event);
  }

  #takeRunEvent(event: RunEventJson): void {
    const paused = event.phase === 'paused';
    // Whoever goes on at another node is told first that the run was submitted.
    if (paused !== this.#paused && (paused || event.at !== this.#view.submittedAt)) {
      this.#paused = paused;
      this.#printer.paused(paused, event.note);
    }
    this.#printer.runEvent(event);
  }

  /** Nothing depends on it: whoever cannot answer is asked again. */
  async #askProgress(): Promise<void> {
    if (this.#tracker.counts.running === 0 || this.#asking) return;
    this.#asking = true;
    try {
      this.#tracker.heard(await this.#client.get<RunProgressJson>(`${this.#path}/progress`, { signal: this.#over.signal }));
    } catch {
      // As before.
    } finally {
      this.#asking = false;
    }
  }

  async #checkPlacement(unplaced: () => void): Promise<void> {
    const { running, ready } = this.#tracker.counts;
    if (running > 0 || ready === 0) {
      this.#idleSince = Date.now();
      this.#idleChecks = 0;
      return;
    }
    const { placeTimeoutMs = Infinity } = this.#options;
    if (this.#checking) return;
    this.#idleChecks += 1;
    if (!isDue(this.#idleChecks) && Date.now() - this.#idleSince < placeTimeoutMs) return;
    this.#checking = true;
    const why = await this.#reasons().catch(() => nothing);
    this.#checking = false;
    if (this.#over.signal.aborted || this.#tracker.counts.running > 0) return;
    if (!this.#paused) this.#tellWhy(why);
    if (Date.now() - this.#idleSince >= placeTimeoutMs) unplaced();
  }

  /** Why the ready modules wait, as the node says. */
  async #reasons(): Promise<Why> {
    const { groups } = await this.#client.get<RunExplanationJson>(`${this.#path}/explain`, { signal: this.#over.signal });
    if (groups.length === 0) return { text: 'no node has taken a module yet', key: '' };
    const shown = groups.slice(0, REASONS_SHOWN_MAX).map((group) => `${groupNames(group)}: ${oneLine(group.summary)}`);
    if (groups.length > REASONS_SHOWN_MAX) shown.push(`… and ${groups.length - REASONS_SHOWN_MAX} more`);
    return { text: shown.join('; '), key: JSON.stringify(groups.map(({ modules, reasons }) => [modules, reasons.map(({ code }) => code)])) };
  }

  #tellWhy(why: Why): void {
    if (why.text === this.#why.text) return;
    const isNews = why.key !== this.#why.key || why.text === '';
    this.#why = why;
    this.#printer.waits(why.text, isNews);
  }

  async #finish(): Promise<ExitCode> {
    const { shortId } = this.#view;
    const watchCommand = `skein runs watch ${shortId}`;
    // While the rest of its logs was read it had ended already.
    if (this.#final !== undefined) return this.#ending === 'interrupt' ? exitCodes.interrupted : this.#summary();
    switch (this.#ending) {
      case 'final':
        return this.#summary();
      case 'timeout':
        line(this.#io.stderr, `Not done in time; the run goes on. Watch it: ${watchCommand}`);
        return exitCodes.timeout;
      case 'unplaced':
        line(this.#io.stderr, `No node can take it: ${this.#why.text}\nThe run waits on. Watch it: ${watchCommand}`);
        return exitCodes.unplaced;
      case 'interrupt':
        line(this.#io.stderr, `Detached; the run goes on. Watch it: ${watchCommand}\nCtrl-C again now cancels the run.`);
        return this.#mayCancel();
      default:
        return unreachable(this.#ending);
    }
  }

  async #mayCancel(): Promise<ExitCode> {
    const timer = setTimeout(() => this.#again.resolve(false), CANCEL_WINDOW_MS);
    const cancel = await this.#again.promise;
    clearTimeout(timer);
    if (!cancel) return exitCodes.interrupted;
    await this.#client.post(`${this.#path}:cancel`, { body: { reason: 'cancelled by Ctrl-C' } });
    line(this.#io.stderr, `Run ${this.#view.shortId} is cancelled.`);
    return exitCodes.interrupted;
  }

  async #summary(): Promise<ExitCode> {
    const final = this.#final;
    if (final === undefined) throw new SkeinError('API_UNREACHABLE', 'The event stream ended before the run did');
    const { format } = this.#options;
    const io = this.#io;
    if (format === 'json' || format === 'yaml') printData(io, format, final);
    else if (format === 'name') line(io.stdout, final.runId);
    else if (format !== 'jsonl') await this.#tellPeople(final);
    return final.phase === 'succeeded' ? exitCodes.ok : exitCodes.runFailed;
  }

  async #tellPeople(final: RunJson): Promise<void> {
    const io = this.#io;
    const paint = painter(hasColour(io, io.stdout));
    for (const block of failureBlocks(final, paint, { groups: io.env['GITHUB_ACTIONS'] === 'true', tails: this.#logs === undefined })) line(io.stdout, block);
    line(io.stdout, `\n${summaryBlock(final, io.now(), paint)}`);
    const { httpUrl } = await this.#client.get<StatusJson>('/api/v1/status').catch(() => ({ httpUrl: '' }));
    line(io.stdout, httpUrl === '' ? `view: skein runs view ${final.shortId}` : `view: ${httpUrl}/api/v1/runs/${final.runId}`);
  }
}
