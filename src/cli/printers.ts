/** How a followed run is shown: a repainted block on a terminal, plain lines elsewhere, events for programs. */
import { createLogUpdate } from 'log-update';
import type { RunEventJson, RunJson } from '../io/http/views.ts';
import { oneLine, painter } from './format.ts';
import { hasColour, line, type CliIo } from './io.ts';
import { copyLine, liveBlock, progressLine, transitionLine } from './render.ts';
import type { RunTracker, Transition } from './tracker.ts';

export interface FollowPrinter {
  /** The run is known. */
  begin(view: RunJson, tracker: RunTracker): void;
  /** `event` is undefined when the change was read from the whole run. */
  changed(transition: Transition, event: RunEventJson | undefined): void;
  /** An event of the run itself. */
  runEvent(event: RunEventJson): void;
  /** A second copy of a module starts, or one of two ended. */
  copy(event: RunEventJson): void;
  /** Nothing can be placed; in words, why. '' = it can again. @param isNews another reason than before, not only a later moment. */
  waits(why: string, isNews: boolean): void;
  /** The run was paused, or goes on. */
  paused(on: boolean, reason: string): void;
  /** Nothing more follows; the terminal is left as plain text. */
  end(): void;
}

const REPAINT_MS = 100;
const TICK_MS = 1000;
const PROGRESS_MS = 30_000;

export function followPrinter(io: CliIo, format: 'live' | 'lines' | 'jsonl' | 'silent'): FollowPrinter {
  switch (format) {
    case 'live':
      return livePrinter(io);
    case 'lines':
      return linePrinter(io);
    case 'jsonl':
      return eventPrinter(io);
    case 'silent':
      return silentPrinter;
  }
}

const silentPrinter: FollowPrinter = { begin() {}, changed() {}, runEvent() {}, copy() {}, waits() {}, paused() {}, end() {} };

function eventPrinter(io: CliIo): FollowPrinter {
  const print = (event: RunEventJson | undefined): void => {
    if (event !== undefined) line(io.stdout, JSON.stringify(event));
  };
  return { ...silentPrinter, changed: (_transition, event) => print(event), runEvent: print, copy: print };
}

function linePrinter(io: CliIo): FollowPrinter {
  const paint = painter(hasColour(io, io.stdout));
  let known: RunTracker | undefined;
  let heartbeat: NodeJS.Timeout | undefined;
  return {
    ...silentPrinter,
    begin(view, tracker) {
      known = tracker;
      line(io.stdout, `run ${view.shortId} ${oneLine(view.name)}: ${view.modules.total === 1 ? '1 module' : `${view.modules.total} modules`}`);
      heartbeat = setInterval(() => line(io.stdout, progressLine(tracker, io.now())), PROGRESS_MS);
      heartbeat.unref();
    },
    changed(transition) {
      const text = known && transitionLine(known, transition, paint);
      if (text === undefined) return;
      line(io.stdout, text);
      heartbeat?.refresh();
    },
    copy: (event) => known !== undefined && line(io.stdout, copyLine(known, event, paint)),
    waits(why, isNews) {
      if (why !== '' && isNews) line(io.stdout, `waits: ${why}`);
    },
    paused: (on, reason) => line(io.stdout, pausedWords(on, reason)),
    end: () => clearInterval(heartbeat),
  };
}

function pausedWords(on: boolean, reason: string): string {
  return on ? `paused${reason === '' ? '' : ` (${oneLine(reason)})`}: nothing new is executed until it is resumed` : 'goes on';
}

/** Finished modules scroll away above as plain lines, what runs stays below in one block. */
function livePrinter(io: CliIo): FollowPrinter {
  const paint = painter(hasColour(io, io.stdout));
  const paintBlock = createLogUpdate(io.stdout as NodeJS.WriteStream);
  let known: { readonly view: RunJson; readonly tracker: RunTracker } | undefined;
  let repaint: NodeJS.Timeout | undefined;
  let ticks: NodeJS.Timeout | undefined;
  let waiting = '';
  const draw = (): void => {
    clearTimeout(repaint);
    repaint = undefined;
    if (known !== undefined) paintBlock(liveBlock(known.view, known.tracker, io.now(), paint, waiting));
  };
  const soon = (): void => void (repaint ??= setTimeout(draw, REPAINT_MS));
  return {
    begin(view, tracker) {
      known = { view, tracker };
      ticks = setInterval(draw, TICK_MS);
      draw();
    },
    changed(transition) {
      const text = known && transitionLine(known.tracker, transition, paint);
      const { phase } = transition.module;
      if (text !== undefined && phase !== 'claimed' && phase !== 'running') paintBlock.persist(text);
      soon();
    },
    runEvent: soon,
    copy(event) {
      if (known !== undefined) paintBlock.persist(copyLine(known.tracker, event, paint));
      soon();
    },
    waits(why) {
      waiting = why;
      soon();
    },
    paused(on, reason) {
      paintBlock.persist(pausedWords(on, reason));
      soon();
    },
    end() {
      clearInterval(ticks);
      clearTimeout(repaint);
      paintBlock.clear();
      paintBlock.done();
    },
  };
}
