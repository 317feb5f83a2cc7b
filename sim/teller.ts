/** Tells a simulation to people, in the ways that they asked for: lines while it happens, the last lines, a page. */
import { accessSync, constants, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { MainArguments } from './arguments.ts';
import type { Cluster, Violation } from './cluster.ts';
import { renderPage } from './html/page.ts';
import { Recording, type PageOutcome, type PageTitle } from './html/recording.ts';
import { isQuiet } from './timeline/events.ts';
import { formatEvent, LastEvents, legend } from './timeline/format.ts';
import { Timeline } from './timeline/timeline.ts';

type Wishes = Pick<MainArguments, 'trace' | 'html' | 'lines'>;

/** Whether a page can be written there, asked before an hour is simulated for it. @throws Error in words for people. */
export function checkPageFile(file: string): void {
  const folder = path.dirname(path.resolve(file));
  try {
    accessSync(folder, constants.W_OK);
  } catch (error) {
    throw new Error(`--html ${file}: the folder ${folder} ${(error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be written to'}`, { cause: error });
  }
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory() === true) throw new Error(`--html ${file}: this is a folder, expected a file`);
}

export class Teller {
  readonly #wishes: Wishes;
  readonly #title: PageTitle;
  readonly #print: (text: string) => void;
  readonly #last: LastEvents;
  readonly #colour = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
  #recording: Recording | undefined;

  constructor(wishes: Wishes, title: PageTitle, print: (text: string) => void) {
    this.#wishes = wishes;
    this.#title = title;
    this.#print = print;
    this.#last = new LastEvents(wishes.lines);
  }

  /** Before the simulation begins; or later, with `originMs`, when what came before is of no interest. */
  attach(cluster: Cluster, originMs = 0): Timeline {
    const { trace, html } = this.#wishes;
    const timeline = new Timeline(cluster, originMs);
    timeline.listen((event) => this.#last.add(event));
    if (trace !== 'off') {
      this.#print(legend(cluster.nodes.length));
      timeline.listen((event) => {
        if (!isQuiet(event) || trace === 'all') this.#print(formatEvent(event, this.#colour));
      });
    }
    if (html !== undefined) this.#recording = new Recording(cluster, timeline);
    return timeline;
  }

  printLast(): void {
    for (const event of this.#last.list()) this.#print(formatEvent(event, this.#colour));
  }

  printViolation({ invariant, message, time }: Violation): void {
    this.#print('');
    this.#print(`✗ violation of ${invariant} at ${(time / 1000).toFixed(4)} s: ${message}`);
  }

  writePage(outcome: PageOutcome): void {
    const { html } = this.#wishes;
    if (html === undefined || this.#recording === undefined) return;
    const page = renderPage(this.#recording.finish(this.#title, outcome));
    writeFileSync(html, page);
    this.#print(`page      ${html} (${Math.ceil(page.length / 1024)} KiB)`);
  }
}
