/**
 * One shape for what people write, wherever it comes from: YAML and JSON text (with places), or the values of a
 * builder (without). The checker walks only this, so all of them get the same rules and the same messages.
 */
import { isAlias, isMap, isScalar, isSeq, parseDocument, type Alias, type Document, type Node, type Pair, type YAMLError, type YAMLMap } from 'yaml';
import { ALIAS_NODES_MAX, NESTING_MAX } from './limits.ts';
import { NOWHERE, quote, type Problems, type Span } from './problems.ts';

export type Scalar = string | number | boolean | null;

export type InputNode = InputMap | InputList | InputScalar | InputOther;

export interface InputMap {
  readonly kind: 'map';
  readonly span: Span;
  /** In file order, keys unique. */
  readonly entries: readonly InputEntry[];
}

export interface InputEntry {
  readonly key: string;
  readonly keySpan: Span;
  readonly value: InputNode;
}

export interface InputList {
  readonly kind: 'list';
  readonly span: Span;
  readonly items: readonly InputNode[];
}

export interface InputScalar {
  readonly kind: 'scalar';
  readonly span: Span;
  readonly value: Scalar;
  /** As written, so that `1.10` in an env stays `1.10`. */
  readonly source: string;
}

/** What a builder may hand over by mistake: a function, a symbol, a class instance. */
export interface InputOther {
  readonly kind: 'other';
  readonly span: Span;
  readonly what: string;
}

/** Reads YAML 1.2 or JSON (its subset). Adds problems and returns what could be read, or undefined when nothing could. */
export function readText(text: string, problems: Problems, language: 'YAML' | 'JSON' = 'YAML'): InputNode | undefined {
  const document = parseDocument(text, { uniqueKeys: false, prettyErrors: false, logLevel: 'error', strict: true });
  for (const error of [...document.errors, ...document.warnings]) {
    const [start, end] = error.pos;
    // A file that is nothing but brackets gives this error at each level.
    const exhausted = error.code === 'RESOURCE_EXHAUSTION';
    problems.add({ start, end: exhausted ? start + 1 : end }, syntaxMessage(error, language));
    if (exhausted) break;
  }
  if (problems.count > 0) return undefined;
  return new YamlReader(document, problems).read();
}

function syntaxMessage({ code, message }: YAMLError, language: string): string {
  if (code === 'MULTIPLE_DOCS') return 'a pipeline is one document; here a second one begins';
  return code === 'RESOURCE_EXHAUSTION' ? `nested deeper than ${NESTING_MAX} levels` : `not valid ${language}: ${message}`;
}

class YamlReader {
  readonly #document: Document;
  readonly #problems: Problems;
  readonly #anchors = new Map<string, { readonly node: InputNode; readonly size: number }>();
  #size = 0;
  #aliased = 0;
  /** Something could not be read, so that what follows from it would be blamed on the wrong place. */
  #incomplete = false;

  constructor(document: Document, problems: Problems) {
    this.#document = document;
    this.#problems = problems;
  }

  read(): InputNode | undefined {
    const { contents } = this.#document;
    if (contents === null) return undefined;
    const root = this.#node(contents, 0);
    return this.#incomplete ? undefined : root;
  }

  #node(node: Node, depth: number): InputNode {
    if (isAlias(node)) return this.#alias(node);
    const before = this.#size++;
    const result = this.#plain(node, depth);
    const anchor = (node as { anchor?: string }).anchor;
    if (anchor !== undefined) this.#anchors.set(anchor, { node: result, size: this.#size - before });
    return result;
  }

  #plain(node: Node, depth: number): InputNode {
    const span = spanOf(node);
    if (depth >= NESTING_MAX) {
      return this.#unreadable(span, `nested deeper than ${NESTING_MAX} levels`);
    }
    if (isMap(node)) return this.#map(node, span, depth);
    if (isSeq(node)) return { kind: 'list', span, items: node.items.map((item) => this.#node(item as Node, depth + 1)) };
    if (isScalar(node)) {
      const { value } = node;
      if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
        return { kind: 'scalar', span, value, source: typeof value === 'string' ? value : (node.source ?? String(value)) };
      }
    }
    return this.#unreadable(span, 'this kind of YAML value has no meaning here: use maps, lists, strings, numbers and booleans');
  }

  #map(map: YAMLMap, span: Span, depth: number): InputMap {
    const entries: InputEntry[] = [];
    const places = new Map<string, Span>();
    const merged: InputMap[] = [];
    for (const pair of map.items as Pair<Node, Node | null>[]) {
      const keySpan = spanOf(pair.key);
      const key = isScalar(pair.key) ? keyText(pair.key.value, pair.key.source) : undefined;
      if (key === undefined) {
        this.#unreadable(keySpan, 'a key must be a word or a quoted string');
        continue;
      }
      const value = pair.value === null ? nothing({ start: keySpan.end, end: keySpan.end }) : this.#node(pair.value, depth + 1);
      if (key === '<<' && value.kind === 'map') {
        merged.push(value);
        continue;
      }
      const first = places.get(key);
      if (first !== undefined) {
        const { line, column } = this.#problems.position(first.start);
        this.#problems.add(keySpan, `duplicate key ${quote(key)}, first at ${line}:${column}`);
        continue;
      }
      places.set(key, keySpan);
      entries.push({ key, keySpan, value });
    }
    for (const entry of merged.flatMap((more) => more.entries)) {
      if (places.has(entry.key)) continue;
      places.set(entry.key, entry.keySpan);
      entries.push(entry);
    }
    return { kind: 'map', span, entries };
  }

  /** An alias shares the node that it names; what it would weigh when written out is counted against a bound. */
  #alias(node: Alias): InputNode {
    const span = spanOf(node);
    const target = this.#anchors.get(node.source);
    if (target === undefined) return this.#unreadable(span, `alias ${quote(`*${node.source}`)} names no anchor above it`);
    this.#aliased += target.size;
    this.#size += target.size;
    if (this.#aliased > ALIAS_NODES_MAX) {
      this.#problems.add(span, `aliases add more than ${ALIAS_NODES_MAX} values to this file`);
      this.#problems.throwIfAny();
    }
    return target.node;
  }

  #unreadable(span: Span, message: string): InputScalar {
    this.#problems.add(span, message);
    this.#incomplete = true;
    return nothing(span);
  }
}

function keyText(value: unknown, source: string | undefined): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? (source ?? String(value)) : undefined;
}

function spanOf(node: Node | null): Span {
  const range = node?.range;
  return range === undefined || range === null ? NOWHERE : { start: range[0], end: Math.max(range[0], range[1]) };
}

function nothing(span: Span): InputScalar {
  return { kind: 'scalar', span, value: null, source: '' };
}

/** Takes what a builder was given. Keys with the value undefined count as absent. */
export function readValue(value: unknown): InputNode {
  return new ValueReader().read(value, 0);
}

class ValueReader {
  readonly #seen = new Map<object, InputNode>();

  read(value: unknown, depth: number): InputNode {
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      return { kind: 'scalar', span: NOWHERE, value, source: String(value) };
    }
    if (typeof value !== 'object') return other(value === undefined ? 'undefined' : `a ${typeof value}`);
    const seen = this.#seen.get(value);
    if (seen !== undefined) return seen;
    if (depth >= NESTING_MAX) return other(`a value nested deeper than ${NESTING_MAX} levels`);
    this.#seen.set(value, other('a value that contains itself'));
    const node = this.#object(value, depth);
    this.#seen.set(value, node);
    return node;
  }

  #object(value: object, depth: number): InputNode {
    if (Array.isArray(value)) return { kind: 'list', span: NOWHERE, items: Array.from(value, (item) => this.read(item, depth + 1)) };
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && !isPlainPrototype(prototype)) return other(`an instance of ${value.constructor.name}`);
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return { kind: 'map', span: NOWHERE, entries: entries.map(([key, item]) => ({ key, keySpan: NOWHERE, value: this.read(item, depth + 1) })) };
  }
}

/** `Object.prototype` of this realm or of another one (a pipeline loaded in a vm). */
function isPlainPrototype(prototype: unknown): boolean {
  return prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

function other(what: string): InputOther {
  return { kind: 'other', span: NOWHERE, what };
}
