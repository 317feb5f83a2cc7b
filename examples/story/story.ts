/** Those that come one after the other: generator, analyser, hub, and the aggregator at the end. */
import type { ModuleContext } from 'skein';
import { chance, read, timed, write, type Analysis, type Story, type Task, type Timing } from './documents.ts';

const heroes = ['Ada', 'Bruno', 'Cleo', 'Dmitri', 'Esra'];
const places = ['the old harbour', 'a silent moon', 'the glass city', 'the northern forest', 'an empty station'];
const deeds = ['found', 'repaired', 'lost', 'followed', 'remembered', 'feared', 'opened'];
const things = ['a broken lantern', 'the last map', 'a friendly signal', 'the locked door', 'a song', 'the storm'];
const ends = ['and smiled', 'and wept', 'and went on', 'before the night came', 'and laughed with the others'];

export function generate(context: ModuleContext): Promise<Timing> {
  const prompt = context.params['prompt'] as string;
  return timed(context, async () => {
    const draw = chance(prompt);
    const pick = (from: readonly string[]): string => from[draw(from.length)] ?? '';
    const hero = pick(heroes);
    const friend = pick(heroes.filter((name) => name !== hero));
    const sentences = [`This is ${prompt.charAt(0).toLowerCase()}${prompt.slice(1).replace(/[.!?]+$/, '')}.`];
    while (sentences.length < Number(context.params['sentences'])) {
      sentences.push(`${draw(3) === 0 ? friend : hero} ${pick(deeds)} ${pick(things)} in ${pick(places)} ${pick(ends)}.`);
    }
    await write('story.json', { prompt, title: `${hero} and ${pick(things)}`, sentences } satisfies Story);
  });
}

const bright = new Set(['smiled', 'laughed', 'friendly', 'found', 'repaired', 'song', 'opened']);
const dark = new Set(['wept', 'lost', 'feared', 'broken', 'storm', 'night', 'empty', 'silent', 'locked']);

export function analyse(context: ModuleContext): Promise<Timing> {
  return timed(context, async () => {
    const { sentences } = await read<Story>(context, 'STORY');
    const bags = sentences.map((sentence) => sentence.toLowerCase().match(/\p{L}+/gu) ?? []);
    const counts = new Map<string, number>();
    for (const word of bags.flat()) counts.set(word, (counts.get(word) ?? 0) + 1);
    const keywords = [...counts].filter(([word]) => word.length > 4).toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    const moods = bags.map((words) => {
      const score = words.reduce((sum, word) => sum + Number(bright.has(word)) - Number(dark.has(word)), 0);
      return Math.max(-1, Math.min(1, score / 2));
    });
    const mean = moods.reduce((sum, mood) => sum + mood, 0) / moods.length;
    const words = bags.flat().length;
    await write('analysis.json', {
      words,
      sentences: sentences.length,
      averageWordsPerSentence: Math.round((10 * words) / sentences.length) / 10,
      keywords: keywords.slice(0, 8).map(([word]) => word),
      characters: heroes.filter((name) => counts.has(name.toLowerCase())),
      moods,
      mood: mean > 0.1 ? 'bright' : mean < -0.1 ? 'dark' : 'even',
    } satisfies Analysis);
  });
}

export function hub(context: ModuleContext): Promise<Timing> {
  return timed(context, async () => {
    const task: Task = { story: await read<Story>(context, 'STORY'), analysis: await read<Analysis>(context, 'ANALYSIS'), language: context.params['language'] as string };
    await write('task.json', task);
  });
}

export function aggregate(context: ModuleContext): Promise<Timing> {
  return timed(context, async () => {
    const { prompt, title, sentences } = await read<Story>(context, 'STORY');
    const parts = { image: 'IMAGE', audio: 'AUDIO', translation: 'TRANSLATION', format: 'FORMAT' };
    const results = Object.fromEntries(await Promise.all(Object.entries(parts).map(async ([name, variable]) => [name, await read<unknown>(context, variable)] as const)));
    const timings = Object.fromEntries(Object.entries(context.needs).map(([name, { outputs }]) => [name, outputs]));
    await write('story.json', { prompt, title, story: sentences.join(' '), analysis: await read<Analysis>(context, 'ANALYSIS'), results, timings });
  });
}
