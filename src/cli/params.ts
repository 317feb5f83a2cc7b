/** `-p k=v` and `--params-file`: the parameters of a run as given, before the pipeline says what they must be. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import type { Json } from '../core/cell/types.ts';
import { SkeinError } from '../errors.ts';
import type { CliIo } from './io.ts';
import { PARAMS_FILE_BYTES_MAX } from './limits.ts';

export interface ParamFlags {
  readonly param?: readonly string[];
  readonly paramsFile?: string;
}

/** Single parameters win over those of the file. @throws SkeinError PARAM_INVALID */
export async function givenParams(flags: ParamFlags, io: Pick<CliIo, 'cwd' | 'stdin'>): Promise<Record<string, Json>> {
  const fromFile = flags.paramsFile === undefined ? {} : await readParamsFile(flags.paramsFile, io);
  return { ...fromFile, ...Object.fromEntries((flags.param ?? []).map(splitParam)) };
}

function splitParam(text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
  throw new SkeinError('PARAM_INVALID', `-p ${JSON.stringify(text.slice(0, 80))} is not of the form name=value`);
}

async function readParamsFile(file: string, { cwd, stdin }: Pick<CliIo, 'cwd' | 'stdin'>): Promise<Record<string, Json>> {
  const text = file === '-' ? await readAll(stdin) : await readFile(resolve(cwd, file), 'utf8').catch((cause: Error) => refuse(file, cause.message, cause));
  if (Buffer.byteLength(text) > PARAMS_FILE_BYTES_MAX) refuse(file, `it has more than ${PARAMS_FILE_BYTES_MAX} bytes`);
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 100 });
  } catch (cause) {
    refuse(file, cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause), cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(file, 'it must hold a map of names to values');
  return value as Record<string, Json>;
}

/** Text of standard input, `-` in place of a file. */
export async function readAll(stdin: CliIo['stdin']): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

function refuse(file: string, why: string, cause?: unknown): never {
  throw new SkeinError('PARAM_INVALID', `The parameters file ${file} cannot be used: ${why}`, { file }, { cause });
}
