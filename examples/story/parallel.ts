/** The four that work at the same time, each on any node: image, audio, translation, format. */
import { writeFile } from 'node:fs/promises';
import type { ModuleContext } from 'skein';
import { read, timed, write, type Task, type Timing } from './documents.ts';

function part(context: ModuleContext, work: (task: Task) => Promise<void>): Promise<Timing> {
  return timed(context, async () => work(await read<Task>(context, 'TASK')), Number(context.params['pace']));
}

const WIDTH = 640;
const HEIGHT = 360;

/** A hill for each sentence, as high and as light as its mood. */
export function image(context: ModuleContext): Promise<Timing> {
  return part(context, async ({ story, analysis: { moods, mood } }) => {
    const step = WIDTH / moods.length;
    const hills = moods.map((value, at) => `  <rect x="${(at * step).toFixed(1)}" y="${HEIGHT / 2 - value * 120}" width="${step.toFixed(1)}" height="${HEIGHT}" fill="hsl(${200 + value * 60},50%,${45 + value * 20}%)"/>`);
    await writeFile('picture.svg', `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}">\n  <title>${escape(story.title)}</title>\n${hills.join('\n')}\n</svg>\n`);
    await write('image.json', { file: 'picture.svg', width: WIDTH, height: HEIGHT, concept: `a ${mood} landscape of ${moods.length} hills for "${story.title}"` });
  });
}

const SAMPLE_RATE = 8000;
const NOTE_SECONDS = 0.25;
const scale = [220, 246.94, 261.63, 293.66, 329.63, 349.23, 392];

/** A note for each sentence, higher where the mood is brighter: PCM, 16 bit, mono. */
export function audio(context: ModuleContext): Promise<Timing> {
  return part(context, async ({ analysis: { moods } }) => {
    const perNote = SAMPLE_RATE * NOTE_SECONDS;
    const samples = new Int16Array(perNote * moods.length);
    for (const [note, mood] of moods.entries()) {
      const frequency = scale[Math.round(((mood + 1) / 2) * (scale.length - 1))] ?? 220;
      for (let i = 0; i < perNote; i++) {
        // A triangle: the same on every machine, to the last bit.
        const phase = (frequency * i) / SAMPLE_RATE % 1;
        samples[note * perNote + i] = Math.round(12_000 * (1 - Math.abs(4 * phase - 2)) * (1 - i / perNote));
      }
    }
    const bytes = new Uint8Array(44 + samples.byteLength);
    const view = new DataView(bytes.buffer);
    const text = (at: number, word: string): void => new TextEncoder().encode(word).forEach((code, i) => view.setUint8(at + i, code));
    text(0, 'RIFF');
    view.setUint32(4, 36 + samples.byteLength, true);
    text(8, 'WAVEfmt ');
    for (const [at, value] of [[16, 16], [24, SAMPLE_RATE], [28, 2 * SAMPLE_RATE], [40, samples.byteLength]] as const) view.setUint32(at, value, true);
    for (const [at, value] of [[20, 1], [22, 1], [32, 2], [34, 16]] as const) view.setUint16(at, value, true);
    text(36, 'data');
    for (const [i, sample] of samples.entries()) view.setInt16(44 + 2 * i, sample, true);
    await writeFile('sound.wav', bytes);
    await write('audio.json', { file: 'sound.wav', sampleRate: SAMPLE_RATE, seconds: moods.length * NOTE_SECONDS, notes: moods.length });
  });
}

const dictionaries: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  es: { the: 'el', a: 'un', an: 'un', and: 'y', in: 'en', found: 'encontró', lost: 'perdió', repaired: 'reparó', followed: 'siguió', remembered: 'recordó', feared: 'temió', opened: 'abrió', song: 'canción', storm: 'tormenta', map: 'mapa', night: 'noche', smiled: 'sonrió', wept: 'lloró', laughed: 'rió', door: 'puerta' },
  de: { the: 'die', a: 'ein', an: 'ein', and: 'und', in: 'in', found: 'fand', lost: 'verlor', repaired: 'reparierte', followed: 'folgte', remembered: 'erinnerte', feared: 'fürchtete', opened: 'öffnete', song: 'Lied', storm: 'Sturm', map: 'Karte', night: 'Nacht', smiled: 'lächelte', wept: 'weinte', laughed: 'lachte', door: 'Tür' },
  fr: { the: 'le', a: 'un', an: 'un', and: 'et', in: 'dans', found: 'trouva', lost: 'perdit', repaired: 'répara', followed: 'suivit', remembered: 'rappela', feared: 'craignit', opened: 'ouvrit', song: 'chanson', storm: 'tempête', map: 'carte', night: 'nuit', smiled: 'sourit', wept: 'pleura', laughed: 'rit', door: 'porte' },
};

/** Word by word, as far as the little dictionary goes. */
export function translation(context: ModuleContext): Promise<Timing> {
  return part(context, async ({ story, language }) => {
    const dictionary = dictionaries[language] ?? {};
    let known = 0;
    let words = 0;
    const text = story.sentences.join(' ').replaceAll(/\p{L}+/gu, (word) => {
      words++;
      const found = dictionary[word.toLowerCase()];
      if (found === undefined) return word;
      known++;
      return /^\p{Lu}/u.test(word) ? found.charAt(0).toUpperCase() + found.slice(1) : found;
    });
    await write('translation.json', { language, text, words, translated: known });
  });
}

const LINE_LENGTH = 72;

export function format(context: ModuleContext): Promise<Timing> {
  return part(context, async ({ story, analysis: { keywords } }) => {
    const lines: string[] = [''];
    for (const word of story.sentences.join(' ').split(' ')) {
      const last = lines.at(-1) ?? '';
      if (last !== '' && last.length + 1 + word.length > LINE_LENGTH) lines.push(word);
      else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
    }
    const marked = lines.map((line) => escape(line).replaceAll(/\p{L}+/gu, (word) => (keywords.includes(word.toLowerCase()) ? `<b>${word}</b>` : word)));
    await writeFile('story.html', `<!doctype html>\n<meta charset="utf-8">\n<title>${escape(story.title)}</title>\n<h1>${escape(story.title)}</h1>\n<p>\n${marked.join('\n')}\n</p>\n`);
    await write('format.json', { file: 'story.html', lines: lines.length, lineLengthMax: LINE_LENGTH });
  });
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
