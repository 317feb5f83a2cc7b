/** What the modules of a story hand to each other, as JSON files. */
import { readFile, writeFile } from 'node:fs/promises';
import type { ModuleContext } from 'skein';

export interface Story {
  readonly prompt: string;
  readonly title: string;
  readonly sentences: readonly string[];
}

export interface Analysis {
  readonly words: number;
  readonly sentences: number;
  readonly averageWordsPerSentence: number;
  /** The most frequent words of some length, most frequent first. */
  readonly keywords: readonly string[];
  readonly characters: readonly string[];
  /** -1 to 1 for each sentence. */
  readonly moods: readonly number[];
  readonly mood: 'bright' | 'dark' | 'even';
}

/** What the hub gives to each of the four. */
export interface Task {
  readonly story: Story;
  readonly analysis: Analysis;
  readonly language: string;
}

/** Returned by each module: the document at the end tells when everything was done. */
export interface Timing {
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly durationMs: number;
}

export async function read<T>({ inputs }: ModuleContext, variable: string): Promise<T> {
  return JSON.parse(await readFile(inputs[variable] ?? '', 'utf8')) as T;
}

export async function write(file: string, value: unknown): Promise<void> {
  await writeFile(file, `${JSON.stringify(value, null, 2)}\n`);
}

/** Does the work, for `atLeastMs`, and tells when. */
export async function timed({ signal }: ModuleContext, work: () => Promise<void>, atLeastMs = 0): Promise<Timing> {
  const startedAt = Date.now();
  await work();
  const left = startedAt + atLeastMs - Date.now();
  if (left > 0) await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, left);
    signal.addEventListener('abort', () => (clearTimeout(timer), reject(signal.reason as Error)), { once: true });
  });
  const finishedAt = Date.now();
  return { startedAt: new Date(startedAt).toISOString(), finishedAt: new Date(finishedAt).toISOString(), durationMs: finishedAt - startedAt };
}

/** The same numbers for the same text, on every machine: a run that is repeated gives the same story. */
export function chance(text: string): (below: number) => number {
  let state = 2166136261;
  for (const char of text) state = Math.imul(state ^ (char.codePointAt(0) ?? 0), 16777619) >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
