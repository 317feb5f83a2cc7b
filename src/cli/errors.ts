/** Errors as people see them: what, where, and what to do. Always on stderr, so that data can be piped. */
import { hintOf } from '../error-hints.ts';
import { isSkeinError, SkeinError } from '../errors.ts';
import { harmless, painter } from './format.ts';
import { hasColour, line, type CliIo } from './io.ts';

const PROBLEMS_SHOWN_MAX = 20;

export function printError(io: CliIo, error: unknown): void {
  const paint = painter(hasColour(io, io.stderr));
  if (!isSkeinError(error)) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    line(io.stderr, `${paint('red', 'error')}: this is a bug in Skein: ${harmless(stack)}`);
    return;
  }
  line(io.stderr, `${paint('red', 'error')} ${error.code}: ${harmless(error.message)}`);
  for (const place of placesOf(error)) line(io.stderr, `  ${place}`);
  const hint = typeof error.data['hint'] === 'string' ? error.data['hint'] : hintOf(error.code);
  if (hint !== '') line(io.stderr, `${paint('dim', 'hint')}: ${harmless(hint)}`);
}

/** Places in a request, by JSON path. Those of a pipeline file are in the message itself, with their lines. */
function placesOf(error: SkeinError): string[] {
  const { problems } = error.data;
  if (!Array.isArray(problems) || error.code !== 'REQUEST_INVALID') return [];
  return problems.slice(0, PROBLEMS_SHOWN_MAX).map((problem: { path?: unknown; message?: unknown }) => harmless(`${String(problem.path)}: ${String(problem.message)}`));
}
