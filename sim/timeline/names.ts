/** What people call things: `n2` for `node-2` and for `node-2/90107b3e9bcef129`, and groups instead of lists of paths. */

const PATHS = /\bnode-\d+→node-\d+(?:,? node-\d+→node-\d+)*/g;

/** Rewrites identities and lists of cut paths in a line. */
export function readable(text: string): string {
  if (!text.includes('node-')) return text;
  const pathsOf = (list: string): NamedPath[] => Array.from(list.matchAll(/node-(\d+)→node-(\d+)/g), ([, from = '', to = '']) => [`n${from}`, `n${to}`]);
  return text.replaceAll(PATHS, (list) => describePaths(pathsOf(list))).replaceAll(/\bnode-(\d+)(?:\/[0-9a-f]{16})?/g, 'n$1');
}

export type NamedPath = readonly [from: string, to: string];

/** `n1 n2 | n3 n4 n5` for a cut in both directions, `n1 n2 ↛ n3` for one that stops only what goes to the right. */
export function describePaths(paths: readonly NamedPath[]): string {
  const all = new Set(paths.map(([from, to]) => `${from}>${to}`));
  const isBoth = ([from, to]: NamedPath): boolean => all.has(`${to}>${from}`);
  const both = paths.filter(isBoth);
  const oneWay = groups(paths.filter((path) => !isBoth(path)), false).map(([left, right]) => `${left} ↛ ${right}`);
  return [...(sides(both) ?? groups(both, true).map(([left, right]) => `${left} | ${right}`)), ...oneWay].join(', ');
}

/** When every name is cut off from all that are not on its own side: the sides, as one text. */
function sides(paths: readonly NamedPath[]): string[] | undefined {
  const others = new Map<string, Set<string>>();
  for (const [from, to] of paths) others.set(from, (others.get(from) ?? new Set()).add(to));
  const bySide = new Map<string, string[]>();
  for (const name of [...others.keys()].sort(compareNames)) {
    const side = [...others.keys()].filter((other) => others.get(name)?.has(other) !== true).sort(compareNames).join(' ');
    bySide.set(side, [...(bySide.get(side) ?? []), name]);
  }
  const whole = [...bySide].every(([side, names]) => side === names.join(' '));
  return whole && bySide.size > 1 ? [[...bySide.keys()].join(' | ')] : undefined;
}

/** Takes the names that share all their other ends, again and again, until no path is left. */
function groups(paths: readonly NamedPath[], symmetric: boolean): [left: string, right: string][] {
  const ends = new Map<string, Set<string>>();
  for (const [from, to] of paths) ends.set(from, (ends.get(from) ?? new Set()).add(to));
  const found: [string, string][] = [];
  for (;;) {
    const first = [...ends.keys()].filter((name) => (ends.get(name)?.size ?? 0) > 0).sort(compareNames)[0];
    if (first === undefined) return found;
    const right = [...(ends.get(first) ?? [])].sort(compareNames);
    const left = [...ends].filter(([, others]) => others.size === right.length && right.every((name) => others.has(name))).map(([name]) => name);
    for (const a of left) {
      for (const b of right) {
        ends.get(a)?.delete(b);
        if (symmetric) ends.get(b)?.delete(a);
      }
    }
    found.push([left.sort(compareNames).join(' '), right.join(' ')]);
  }
}

/** n2 before n10. */
export function compareNames(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}
