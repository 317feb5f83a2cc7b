/**
 * The faults that somebody wants to see, as text: `TIME FAULT [for DURATION]`, one a line, times from the submission.
 *
 * ```text
 * 5s   cut a,b|c,d,e            nothing between {n1, n2} and {n3, n4, n5}, both ways
 * 5s   cut a->b,c               nothing from n1 to n2 and n3; the other way still works
 * 5s   cut leader for 10s       whoever leads then is alone for 10 s
 * 20s  heal                     every path works again; `heal a|b`: only those between n1 and n2
 * 8s   kill leader              kill -9; `for 3s`: starts again after that
 * 8s   power n2,n3              the machine loses power, and what was not synced
 * 12s  start n2                 also `start all`: everybody who is down
 * 8s   pause n4 for 6s          SIGSTOP and SIGCONT; `sleep` is a laptop's lid
 * 8s   slow n1 20ms             each turn of its event loop takes so long
 * ```
 */
import { suggest } from '../../src/pipeline/suggest.ts';
import { DURATION_FORM, parseDuration } from '../../src/pipeline/units.ts';

/** A node by its position, or whoever it is at that moment: the leader, a node that does not lead, all. */
export type Target = number | 'leader' | 'follower' | 'all';

/** `names` of what may be broken, or `paths` between groups. */
export type ScriptAction =
  /** Nothing passes between any two of the groups; a single group is cut off from everybody else. */
  | { readonly type: 'cut'; readonly groups: readonly (readonly Target[])[] }
  | { readonly type: 'cutOneWay'; readonly from: readonly Target[]; readonly to: readonly Target[] }
  /** No groups: everything. */
  | { readonly type: 'heal'; readonly groups: readonly (readonly Target[])[] }
  | { readonly type: 'kill' | 'power' | 'start' | 'pause' | 'sleep' | 'resume'; readonly nodes: readonly Target[] }
  /** `turnMs` 0: as fast as before. */
  | { readonly type: 'slow'; readonly nodes: readonly Target[]; readonly turnMs: number };

export interface ScriptLine {
  readonly atMs: number;
  /** Undone after this long; undefined = never. */
  readonly forMs: number | undefined;
  readonly action: ScriptAction;
  /** As written. */
  readonly text: string;
}

const verbs = ['cut', 'heal', 'kill', 'power', 'start', 'pause', 'sleep', 'resume', 'slow'] as const;
type Verb = (typeof verbs)[number];
const aliases: Readonly<Record<string, Verb>> = { partition: 'cut', split: 'cut', isolate: 'cut', disconnect: 'cut', crash: 'kill', stop: 'kill', boot: 'start', restart: 'start', repair: 'heal', join: 'heal', reconnect: 'heal', freeze: 'pause', suspend: 'sleep', wake: 'resume', continue: 'resume' };
const undone: readonly Verb[] = ['cut', 'kill', 'power', 'pause', 'sleep', 'slow'];
const roles = ['leader', 'follower', 'all'] as const;

/** @throws Error that quotes the line and says what would fit. @param nodes how many there are. */
export function parseScriptLine(text: string, source: string, nodes: number): ScriptLine {
  const fail = (why: string): never => {
    throw new Error(`${source} '${text.trim()}': ${why}`);
  };
  const [time = '', word = '', ...rest] = text.trim().split(/\s+/);
  const atMs = parseDuration(time);
  if (atMs === undefined) return fail(`${JSON.stringify(time)} is not a time; expected ${DURATION_FORM}, then one of ${verbs.join(', ')}`);
  const verb = word.toLowerCase();
  if (!isVerb(verb)) {
    const near = suggest(verb, verbs, aliases);
    return fail(word === '' ? `expected one of ${verbs.join(', ')} after the time` : `there is no fault ${JSON.stringify(word)}${near === undefined ? '' : `, did you mean ${near}?`} There are ${verbs.join(', ')}`);
  }
  const { words, forMs } = takeFor(rest, fail);
  if (forMs !== undefined && !undone.includes(verb)) fail(`"for" goes with ${undone.join(', ')}; ${verb} is not something that ends`);
  return { atMs, forMs, action: new ActionReader(verb, words, nodes, fail).read(), text: text.trim() };
}

/** Empty lines and `#` comments are skipped. */
export function parseScript(text: string, source: string, nodes: number): ScriptLine[] {
  return text.split('\n').flatMap((line, index) => {
    const bare = line.replace(/#.*$/, '').trim();
    return bare === '' ? [] : [parseScriptLine(bare, `${source}:${index + 1}`, nodes)];
  });
}

type Fail = (why: string) => never;

function isVerb(word: string): word is Verb {
  return (verbs as readonly string[]).includes(word);
}

function takeFor(rest: readonly string[], fail: Fail): { readonly words: readonly string[]; readonly forMs: number | undefined } {
  const at = rest.findIndex((word) => word.toLowerCase() === 'for');
  if (at < 0) return { words: rest, forMs: undefined };
  const forMs = parseDuration(rest.slice(at + 1).join(' '));
  if (forMs === undefined || forMs === 0) return fail(`${JSON.stringify(rest.slice(at + 1).join(' '))} after "for" is not a duration; expected ${DURATION_FORM}`);
  return { words: rest.slice(0, at), forMs };
}

class ActionReader {
  readonly #verb: Verb;
  readonly #words: readonly string[];
  readonly #nodes: number;
  readonly #fail: Fail;

  constructor(verb: Verb, words: readonly string[], nodes: number, fail: Fail) {
    this.#verb = verb;
    this.#words = words;
    this.#nodes = nodes;
    this.#fail = fail;
  }

  read(): ScriptAction {
    const what = this.#words.join('');
    switch (this.#verb) {
      case 'cut':
        return this.#cut(what);
      case 'heal':
        return { type: 'heal', groups: what === '' || what === 'all' ? [] : this.#groups(what) };
      case 'slow':
        return this.#slow();
      case 'kill':
      case 'power':
      case 'start':
      case 'pause':
      case 'sleep':
      case 'resume':
        return { type: this.#verb, nodes: this.#list(what) };
    }
  }

  #cut(what: string): ScriptAction {
    const arrow = /^(.*?)(?:->|→)(.*)$/.exec(what);
    if (arrow !== null) return { type: 'cutOneWay', from: this.#list(arrow[1] ?? ''), to: this.#list(arrow[2] ?? '') };
    return { type: 'cut', groups: this.#groups(what) };
  }

  #slow(): ScriptAction {
    const last = this.#words.at(-1) ?? '';
    const turnMs = parseDuration(last);
    if (turnMs === undefined || turnMs > 60_000) return this.#fail(`expected nodes and how long a turn takes, for example "slow n1 20ms"`);
    return { type: 'slow', nodes: this.#list(this.#words.slice(0, -1).join('')), turnMs };
  }

  #groups(what: string): Target[][] {
    const groups = what.split('|').map((part) => this.#list(part));
    const seen = new Set<Target>();
    for (const target of groups.flat()) {
      if (target === 'all') this.#fail('"all" has no other side');
      if (seen.has(target)) this.#fail(`${typeof target === 'number' ? `n${target + 1}` : target} is named twice`);
      seen.add(target);
    }
    return groups;
  }

  #list(what: string): Target[] {
    const names = what.split(',').filter((name) => name !== '');
    if (names.length === 0) return this.#fail(`which nodes? For example "${this.#verb} n1,n2", "${this.#verb} leader"${this.#verb === 'cut' ? ', "cut n1,n2|n3,n4,n5", "cut n1->n2"' : ''}`);
    return names.map((name) => this.#target(name.toLowerCase()));
  }

  /** `n2`, `2`, `b`, `leader`. */
  #target(name: string): Target {
    const role = roles.find((known) => known === name);
    if (role !== undefined) return role;
    const index = /^[a-z]$/.test(name) ? name.charCodeAt(0) - 97 : /^n?\d{1,4}$/.test(name) ? Number(name.replace('n', '')) - 1 : Number.NaN;
    if (index >= 0 && index < this.#nodes) return index;
    const last = this.#nodes <= 26 ? ` (or a to ${String.fromCharCode(96 + this.#nodes)})` : '';
    const near = suggest(name, roles);
    return this.#fail(`there is no node ${JSON.stringify(name)}${near === undefined ? '' : `, did you mean ${near}?`} There are n1 to n${this.#nodes}${last}, ${roles.join(', ')}`);
  }
}
