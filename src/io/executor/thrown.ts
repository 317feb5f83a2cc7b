/** What is kept of a thrown value: its message, causes, and the first lines of the stack that are the user's. */
import { inspect } from 'node:util';
import { ERROR_MESSAGE_BYTES_MAX } from './limits.ts';
import { clipText } from './tail.ts';

const STACK_LINES_MAX = 4;
const CAUSES_MAX = 3;

/** Never throws, whatever was thrown. @param folder of the code: the stack names files from there. */
export function thrownMessage(thrown: unknown, folder = ''): string {
  try {
    const text = describe(thrown);
    return clipText(folder === '' ? text : text.replaceAll(`file://${folder}/`, '').replaceAll(`${folder}/`, ''), ERROR_MESSAGE_BYTES_MAX);
  } catch {
    return 'threw something that cannot be described';
  }
}

function describe(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `threw ${inspect(thrown, { depth: 1, maxStringLength: 500, maxArrayLength: 10 })}`;
  const parts = [`${thrown.name}: ${thrown.message}`];
  let cause: unknown = thrown.cause;
  for (let depth = 0; cause !== undefined && depth < CAUSES_MAX; depth++) {
    parts.push(`  caused by ${cause instanceof Error ? `${cause.name}: ${cause.message}` : inspect(cause, { depth: 0 })}`);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  const stack = typeof thrown.stack === 'string' ? thrown.stack.split('\n') : [];
  const frames = stack.filter((line) => /^\s+(at|->) /.test(line) && !line.includes('node:internal') && !line.includes('(node:') && !/\/executor\/(host|lines|registered)\.[jt]s/.test(line));
  return [...parts, ...frames.slice(0, STACK_LINES_MAX)].join('\n');
}
