/** From the last message of an execution to what is recorded. The message may come from code that is not ours. */
import { errorCodes } from '../../errors.ts';
import type { Outcome } from '../../core/cell/types.ts';
import { ERROR_MESSAGE_BYTES_MAX, TAIL_BYTES_MAX } from './limits.ts';
import type { Line } from './lines.ts';
import type { EndHead } from './messages.ts';
import { clipText } from './tail.ts';
import { checkValues } from './values.ts';

export interface Times {
  /** Wall ms at which the execution was handed to the executor. */
  readonly startedAt: number;
  /** Whole ms since then. */
  readonly durationMs: number;
}

/** @param times taken by the node; the part that was spent waiting for a process is taken off. */
export function outcomeOfLine(line: Line, times: Times): Outcome {
  let head: Partial<Record<keyof EndHead, unknown>>;
  let body: unknown;
  try {
    head = record(JSON.parse(line.head));
    body = line.body === '{}' ? {} : JSON.parse(line.body);
  } catch {
    return failed('MODULE_OUTPUT', 'its result could not be read', null, '', times);
  }
  const tail = typeof head.tail === 'string' ? clipText(head.tail, TAIL_BYTES_MAX) : '';
  const exitCode = Number.isSafeInteger(head.exitCode) ? (head.exitCode as number) : null;
  const own = executionTimes(head.durationMs, times);
  if (head.code !== '') {
    const code = typeof head.code === 'string' && Object.hasOwn(errorCodes, head.code) ? head.code : 'MODULE_THREW';
    return failed(code, typeof head.message === 'string' ? head.message : '', exitCode, tail, own);
  }
  const checked = checkValues(record(body));
  if (!checked.ok) return failed('MODULE_OUTPUT', checked.message, exitCode, tail, own);
  return { ok: true, values: checked.values, error: null, exitCode, tail, ...own };
}

function executionTimes(reported: unknown, times: Times): Times {
  if (typeof reported !== 'number' || !(reported >= 0 && reported <= times.durationMs)) return times;
  const durationMs = Math.round(reported);
  return { startedAt: times.startedAt + times.durationMs - durationMs, durationMs };
}

function failed(code: string, message: string, exitCode: number | null, tail: string, times: Times): Outcome {
  return { ok: false, values: {}, error: { code, message: clipText(message, ERROR_MESSAGE_BYTES_MAX) }, exitCode, tail, ...times };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}
