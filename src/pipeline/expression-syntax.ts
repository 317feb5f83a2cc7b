/**
 * The grammar of `${{ … }}`: GitHub's own lexer and parser, with the repairs that they need. Names are matched exactly,
 * doubled quotes in strings all count, and only the listed functions exist.
 */
import { ExpressionError, Lexer, Parser, wellKnownFunctions, type Expr } from '@actions/expressions';
import { Binary, ContextAccess, FunctionCall, Grouping, IndexAccess, Literal, Logical, Unary } from '@actions/expressions/ast';
import { TokenType, type Token } from '@actions/expressions/lexer';
import { didYouMean, quote } from './problems.ts';
import { suggest } from './suggest.ts';

export const contextNames = ['params', 'needs', 'env', 'run', 'item'] as const;
/** Contexts and functions that a later version brings. */
const laterNames: readonly string[] = ['inputs', 'matrix', 'secrets', 'success', 'failure', 'always', 'cancelled', 'hashFiles'];
/** Spelling of the functions; calls are matched without regard to case, as in GitHub Actions. */
const functionNames: readonly string[] = ['case', 'contains', 'endsWith', 'format', 'fromJSON', 'join', 'startsWith', 'toJSON'];

/** `${{ text }}` inside a string: `text` is what stands between the braces. */
export interface TemplateExpression {
  readonly kind: 'expression';
  readonly text: string;
  /** Offset of `text` in the template. */
  readonly start: number;
}

export type TemplatePart = { readonly kind: 'literal'; readonly text: string } | TemplateExpression;

/** A slip in an expression: `offset` in its text. */
export class ExpressionProblem extends Error {
  readonly offset: number;
  readonly hint: string | undefined;

  constructor(message: string, offset: number, hint?: string) {
    super(message);
    this.offset = offset;
    this.hint = hint;
  }
}

export function hasExpression(template: string): boolean {
  return template.includes('${{');
}

/** Splits at `${{` and the `}}` that closes it outside of quotes. Throws ExpressionProblem, offset in the template. */
export function parseTemplate(template: string): TemplatePart[] {
  const parts: TemplatePart[] = [];
  let at = 0;
  while (at < template.length) {
    const open = template.indexOf('${{', at);
    if (open === -1) break;
    const close = closingBraces(template, open + 3);
    if (close === -1) {
      const quoted = template.includes('}}', open) ? "a quote ' inside of it is still open" : undefined;
      throw new ExpressionProblem('`${{` has no closing `}}`', open, quoted);
    }
    if (open > at) parts.push({ kind: 'literal', text: template.slice(at, open) });
    parts.push({ kind: 'expression', text: template.slice(open + 3, close), start: open + 3 });
    at = close + 2;
  }
  if (at < template.length) parts.push({ kind: 'literal', text: template.slice(at) });
  return parts;
}

function closingBraces(template: string, from: number): number {
  let quoted = false;
  for (let at = from; at < template.length; at++) {
    if (template[at] === "'") quoted = !quoted;
    else if (!quoted && template[at] === '}' && template[at + 1] === '}') return at;
  }
  return -1;
}

/** Throws ExpressionProblem, offset in `text`. */
export function parseExpression(text: string): Expr {
  const tokens = tokensOf(text);
  if (tokens.length <= 1) throw new ExpressionProblem('an empty expression', 0, 'write for example ${{ params.name }}');
  checkNames(tokens, text);
  try {
    return new Parser(wholeItems(tokens), [...contextNames], []).parse();
  } catch (error) {
    const offset = error instanceof ExpressionError ? offsetOf(text, error.pos.line, error.pos.column) : 0;
    throw new ExpressionProblem(firstLower(messageOf(error)), offset);
  }
}

function tokensOf(text: string): Token[] {
  try {
    // The lexer undoubles only the first '' of a string.
    return new Lexer(text).lex().tokens.map((token) =>
      token.type === TokenType.STRING ? { ...token, value: token.lexeme.slice(1, -1).replaceAll("''", "'") } : token,
    );
  } catch (error) {
    const message = messageOf(error);
    const found = /^Unexpected symbol: '([^]*)'\. Located at position (\d+) within/.exec(message);
    const symbol = found?.[1] ?? text;
    const hint = symbol.startsWith('"') ? "strings stand in single quotes: 'text'" : undefined;
    throw new ExpressionProblem(found ? `unexpected ${quote(symbol)}` : 'expression too long', Number(found?.[2] ?? 1) - 1, hint);
  }
}

/** Key under which `item` holds itself: it is a value of any kind, and has fields besides. */
export const WHOLE_ITEM = '(item)';

/** `item` on its own becomes a field of it. */
function wholeItems(tokens: readonly Token[]): Token[] {
  return tokens.flatMap((token, index) => {
    const isItem = token.type === TokenType.IDENTIFIER && token.lexeme === 'item' && tokens[index - 1]?.type !== TokenType.DOT;
    const next = tokens[index + 1]?.type;
    if (!isItem || next === TokenType.DOT || next === TokenType.LEFT_BRACKET) return [token];
    return [token, { ...token, type: TokenType.DOT, lexeme: '.' }, { ...token, lexeme: WHOLE_ITEM }];
  });
}

/** Unknown contexts and functions, with their place and what was meant. */
function checkNames(tokens: readonly Token[], text: string): void {
  tokens.forEach((token, index) => {
    if (token.type !== TokenType.IDENTIFIER || tokens[index - 1]?.type === TokenType.DOT) return;
    const called = tokens[index + 1]?.type === TokenType.LEFT_PAREN;
    const known = called ? Object.hasOwn(wellKnownFunctions, token.lexeme.toLowerCase()) : (contextNames as readonly string[]).includes(token.lexeme);
    if (known) return;
    const offset = offsetOf(text, token.range.start.line, token.range.start.column);
    const shown = quote(called ? `${token.lexeme}()` : token.lexeme);
    if (laterNames.includes(token.lexeme)) throw new ExpressionProblem(`${shown} is not available in this version`, offset);
    const names = called ? functionNames : contextNames;
    const hint = didYouMean(suggest(token.lexeme, names)) ?? `there are ${names.join(', ')}`;
    throw new ExpressionProblem(`unknown ${called ? 'function' : 'name'} ${shown}`, offset, hint);
  });
}

function offsetOf(text: string, line: number, column: number): number {
  let start = 0;
  for (let count = 0; count < line; count++) start = text.indexOf('\n', start) + 1;
  return Math.min(text.length, start + column);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function firstLower(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** One use of a context: `params.crf` has the path ['crf']; a part that is computed is undefined and ends the path. */
export interface Reference {
  readonly context: string;
  readonly path: readonly (string | undefined)[];
  readonly offset: number;
}

/** Whether an expression is one name with its fields, and nothing is done with it. */
export function isPlainReference(expression: Expr): boolean {
  if (expression instanceof IndexAccess) return expression.index instanceof Literal && isPlainReference(expression.expr);
  return expression instanceof ContextAccess;
}

/** Every context that an expression reads. */
export function referencesOf(expression: Expr, text: string): Reference[] {
  const found: Reference[] = [];
  collect(expression, [], text, found);
  return found;
}

function collect(expression: Expr, path: readonly (string | undefined)[], text: string, found: Reference[]): void {
  if (expression instanceof ContextAccess) {
    const { line, column } = expression.name.range.start;
    found.push({ context: expression.name.lexeme, path, offset: offsetOf(text, line, column) });
  } else if (expression instanceof IndexAccess) {
    const { index } = expression;
    const name = index instanceof Literal ? index.literal.coerceString() : undefined;
    collect(expression.expr, [name, ...path], text, found);
    if (name === undefined) collect(index, [], text, found);
  } else {
    for (const child of childrenOf(expression)) collect(child, [], text, found);
  }
}

function childrenOf(expression: Expr): Expr[] {
  if (expression instanceof Grouping) return [expression.group];
  if (expression instanceof Unary) return [expression.expr];
  if (expression instanceof Binary) return [expression.left, expression.right];
  if (expression instanceof Logical || expression instanceof FunctionCall) return expression.args;
  return [];
}
