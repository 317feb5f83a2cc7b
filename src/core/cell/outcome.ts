/** Brings a reported outcome within the limits, so that whatever a worker sends can be kept, hashed and sent on. */
import { jsonProblem, jsonText, utf8Length } from '../lib/json-text.ts';
import { own } from '../lib/own.ts';
import { digestedOutputs, digestsProblem, filesProblem, isSoundLog } from './files.ts';
import { listedOutputs } from './foreach.ts';
import { specOf } from './accessors.ts';
import {
  DURATION_MS_MAX,
  ERROR_CODE_LENGTH_MAX,
  ERROR_MESSAGE_LENGTH_MAX,
  NAME_LENGTH_MAX,
  NOW_MAX_MS,
  TAILS_PER_RUN_LENGTH_MAX,
  TAIL_LENGTH_MAX,
  VALUES_PER_MODULE_BYTES_MAX,
  VALUES_PER_RUN_BYTES_MAX,
  VALUE_BYTES_MAX,
} from './limits.ts';
import { clip } from './mutate.ts';
import type { ModuleRecord, RunRecord } from './state.ts';
import type { EarlierExecution, ModuleError, Outcome } from './types.ts';

const noValues: Outcome['values'] = {};

export interface KeptOutcome {
  readonly outcome: Outcome;
  readonly valuesBytes: number;
}

function within(value: number, max: number): number {
  return value >= 0 && value <= max ? value : 0;
}

/** Why these values cannot be kept, or how many bytes they take. */
function sizeOfValues(run: RunRecord, values: Outcome['values']): string | number {
  let bytes = 0;
  for (const [name, value] of Object.entries(values)) {
    if (name.length > NAME_LENGTH_MAX || !name.isWellFormed()) return `the name of an output has over ${NAME_LENGTH_MAX} characters or is not text`;
    const problem = jsonProblem(value);
    if (problem !== undefined) return `output ${name}: ${problem}`;
    const size = utf8Length(jsonText(value));
    if (size > VALUE_BYTES_MAX) return `output ${name} has ${size} bytes, at most ${VALUE_BYTES_MAX} are allowed`;
    bytes += size + utf8Length(name);
  }
  if (bytes > VALUES_PER_MODULE_BYTES_MAX) return `the outputs have ${bytes} bytes, at most ${VALUES_PER_MODULE_BYTES_MAX} are allowed`;
  if (run.valuesBytes + bytes > VALUES_PER_RUN_BYTES_MAX) return `the outputs of this run have more than ${VALUES_PER_RUN_BYTES_MAX} bytes`;
  return bytes;
}

function keptError(error: ModuleError | null): ModuleError | null {
  return error === null ? null : { code: clip(error.code, ERROR_CODE_LENGTH_MAX), message: clip(error.message, ERROR_MESSAGE_LENGTH_MAX) };
}

/** Those that this run needs. */
function keptDigests(due: readonly string[], { digests }: Outcome): Outcome['digests'] {
  const kept = due.flatMap((output): [string, Uint8Array][] => {
    const given = own(digests, output);
    return given === undefined ? [] : [[output, given]];
  });
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

/** They count as values do: both are kept for as long as there is room. */
export function digestsBytes(digests: Outcome['digests']): number {
  return Object.values(digests ?? {}).reduce((bytes, { length }) => bytes + length, 0);
}

/** An outcome that says ok but whose values cannot be kept becomes a failure with MODULE_OUTPUT. */
export function keptOutcome(module: ModuleRecord, reported: Outcome): KeptOutcome {
  const { run, template } = module;
  const due = reported.ok ? digestedOutputs(listedOutputs(run.spec.modules, template), reported.files) : [];
  const filesWrong = reported.ok ? filesProblem(specOf(module), reported.files) || digestsProblem(due, reported) : '';
  const size = !reported.ok ? 0 : filesWrong === '' ? sizeOfValues(run, reported.values) : filesWrong;
  const ok = reported.ok && typeof size === 'number';
  const tailRoom = Math.min(TAIL_LENGTH_MAX, TAILS_PER_RUN_LENGTH_MAX - run.tailsLength);
  const tail = reported.tail.slice(Math.max(0, reported.tail.length - Math.max(0, tailRoom)));
  const digests = ok ? keptDigests(due, reported) : undefined;
  let error = ok ? null : keptError(reported.error) ?? { code: 'MODULE_THREW', message: 'no reason was given' };
  if (typeof size === 'string') error = { code: 'MODULE_OUTPUT', message: clip(size, ERROR_MESSAGE_LENGTH_MAX) };
  return {
    outcome: {
      ok,
      values: ok && size !== 0 ? reported.values : noValues,
      error,
      exitCode: reported.exitCode !== null && Number.isSafeInteger(reported.exitCode) ? reported.exitCode : null,
      tail: clip(tail, TAIL_LENGTH_MAX),
      startedAt: within(reported.startedAt, NOW_MAX_MS),
      durationMs: within(reported.durationMs, DURATION_MS_MAX),
      ...(isSoundLog(reported.log) ? { log: reported.log } : {}),
      ...(ok && reported.files !== undefined ? { files: reported.files } : {}),
      ...(digests === undefined ? {} : { digests }),
    },
    valuesBytes: typeof size === 'number' ? size + digestsBytes(digests) : 0,
  };
}

/** What is kept of the output of an execution that does not count. */
export function printedOf({ tail, log }: Outcome): Pick<EarlierExecution, 'tail' | 'log'> {
  return { tail: clip(tail.slice(-TAIL_LENGTH_MAX), TAIL_LENGTH_MAX), log: isSoundLog(log) ? log : null };
}

/** An outcome that no worker reported. */
export function ownFailure(code: string, message: string): Outcome {
  return { ok: false, values: noValues, error: { code, message }, exitCode: null, tail: '', startedAt: 0, durationMs: 0 };
}
