/** Where a text stops being JSON. `JSON.parse` says so for some faults only, and in words that differ between versions. */

export interface SyntaxFault {
  readonly at: number;
  /** What could stand there. */
  readonly allowed: string;
}

const space = /[ \t\r\n]*/y;
// oxlint-disable-next-line no-control-regex -- control characters are what a JSON string must not hold
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const atom = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y;

type Expected = 'value' | 'value or end' | 'key' | 'key or end' | 'colon' | 'comma or end' | 'nothing';

const words: Readonly<Record<Expected, string>> = {
  value: 'a value',
  'value or end': 'a value, or ] as the end of the list',
  key: 'a key in double quotes',
  'key or end': 'a key in double quotes, or } as the end of the map',
  colon: 'a colon between a key and its value',
  'comma or end': 'a comma, or the end of the map or list',
  nothing: 'nothing more',
};

/** @returns the first place at which no valid JSON goes on, or undefined for valid JSON. */
export function syntaxFault(text: string): SyntaxFault | undefined {
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  let at = skip(space, text, 0);
  const ended = (): Expected => (open.length === 0 ? 'nothing' : 'comma or end');
  for (; at < text.length; at = skip(space, text, at)) {
    const sign = text[at];
    const isValue: boolean = expected === 'value' || expected === 'value or end';
    const isKey: boolean = expected === 'key' || expected === 'key or end';
    const mayEnd: boolean = expected === 'comma or end' || (expected === 'value or end' && sign === ']') || (expected === 'key or end' && sign === '}');
    let next: Expected | undefined;
    let end = at + 1;
    if (isValue && (sign === '{' || sign === '[')) {
      open.push(sign);
      next = sign === '{' ? 'key or end' : 'value or end';
    } else if (mayEnd && ((sign === '}' && open.at(-1) === '{') || (sign === ']' && open.at(-1) === '['))) {
      open.pop();
      next = ended();
    } else if (expected === 'comma or end' && sign === ',') next = open.at(-1) === '{' ? 'key' : 'value';
    else if (expected === 'colon' && sign === ':') next = 'value';
    else if (isValue || isKey) {
      end = skip(sign === '"' || isKey ? string : atom, text, at);
      if (end > at) next = isKey ? 'colon' : ended();
    }
    if (next === undefined) return { at, allowed: words[expected] };
    expected = next;
    at = end;
  }
  return expected === 'nothing' ? undefined : { at, allowed: words[expected] };
}

function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}
