/**
 * Version ranges of tools, in the words that npm users know: `*`, `6`, `6.x`, `1.2.3`, `>=6`, `>=6 <8`, `^1.2`, `~1.2.3`,
 * `>=6 || 5.1`. Versions are what tools print (`v24.1.0`, `6.1.1-3ubuntu5`, `Python 3.12.3`): the first dotted number in
 * the text counts, up to four places; what follows is ignored.
 */
type Version = readonly number[];
type Comparator = (version: Version) => boolean;

const PLACES = 4;
const RANGE_LENGTH_MAX = 200;

/** @returns undefined when the text holds no number. */
export function parseVersion(text: string): Version | undefined {
  const match = /\d+(?:\.\d+){0,3}/.exec(text);
  return match === null ? undefined : match[0].split('.').map(Number);
}

function compare(a: Version, b: Version): number {
  for (let i = 0; i < PLACES; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** First version after all those that start with `prefix`: 6 → 7, 1.2 → 1.3. */
function after(prefix: Version): Version {
  return prefix.map((place, i) => (i === prefix.length - 1 ? place + 1 : place));
}

function between(low: Version, high: Version): Comparator {
  return (version) => compare(version, low) >= 0 && compare(version, high) < 0;
}

/** `^` keeps the first place that is not 0. */
function caretEnd(version: Version): Version {
  const first = version.findIndex((place) => place !== 0);
  return after(version.slice(0, first === -1 ? version.length : first + 1));
}

function parseComparator(text: string): Comparator | undefined {
  const match = /^(>=|<=|>|<|=|\^|~)?v?(\*|x|\d+(?:\.\d+){0,3})((?:\.[x*])*)$/.exec(text);
  if (match === null) return undefined;
  const [, operator = '', digits = '', wild = ''] = match;
  if (digits === '*' || digits === 'x') return operator === '' && wild === '' ? () => true : undefined;
  if (wild !== '' && operator !== '' && operator !== '=') return undefined;
  const version = digits.split('.').map(Number);
  switch (operator) {
    case '>=':
      return (other) => compare(other, version) >= 0;
    case '<':
      return (other) => compare(other, version) < 0;
    case '>':
      return (other) => compare(other, after(version)) >= 0;
    case '<=':
      return (other) => compare(other, after(version)) < 0;
    case '^':
      return between(version, caretEnd(version));
    case '~':
      return between(version, after(version.slice(0, Math.min(2, version.length))));
    default:
      return between(version, after(version));
  }
}

function parseRange(text: string): readonly (readonly Comparator[])[] | undefined {
  if (text.length > RANGE_LENGTH_MAX) return undefined;
  const alternatives: Comparator[][] = [];
  for (const part of text.split('||')) {
    const words = part.replace(/(>=|<=|>|<|=|\^|~)\s+/g, '$1').trim().split(/\s+/);
    const comparators = words.map(parseComparator);
    if (comparators.some((comparator) => comparator === undefined)) return undefined;
    alternatives.push(comparators as Comparator[]);
  }
  return alternatives;
}

/** Whether the text is a range that can be matched at all. */
export function isVersionRange(text: string): boolean {
  return parseRange(text.trim()) !== undefined;
}

/** A tool without a readable version fits `*` only; a text that is no range fits nothing. */
export function versionFits(version: string, range: string): boolean {
  const alternatives = parseRange(range.trim());
  if (alternatives === undefined) return false;
  if (range.trim() === '*') return true;
  const parsed = parseVersion(version);
  if (parsed === undefined) return false;
  return alternatives.some((comparators) => comparators.every((fits) => fits(parsed)));
}
