/** `skein run FILE`: submit, and follow to the end. */
import { resolve } from 'node:path';
import { Option } from 'commander';
import { PARALLEL_MAX } from '../core/cell/limits.ts';
import { PRIORITY_MAX, PRIORITY_MIN } from '../core/cell/policy.ts';
import { broughtFiles } from '../core/cell/files.ts';
import type { Json, RunSpec } from '../core/cell/types.ts';
import { isSkeinError } from '../errors.ts';
import { NoUploads, Uploads } from '../io/blobs/uploads.ts';
import type { AcceptedJson } from '../io/http/views.ts';
import type { BlobPlace } from '../pipeline/param-files.ts';
import { doorOf } from './blob.ts';
import type { Client } from './client.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { checkLogs, followRun } from './follow.ts';
import { line, type CliIo } from './io.ts';
import { outputOption, printData, type Format } from './output.ts';
import { givenParams, readAll, type ParamFlags } from './params.ts';
import { newRequestKey } from './request-key.ts';
import { withOverrides, type PolicyOverrides } from '../pipeline/policy.ts';
import { action, clientFor, collect, duration, wholeNumber, withNode, type AddVerb } from './verb.ts';
import type { EndpointFlags } from './endpoints.ts';

interface RunFlags extends ParamFlags, EndpointFlags, PolicyOverrides {
  readonly detach?: boolean;
  readonly logs?: boolean;
  readonly output: Format;
  readonly timeout?: number;
  readonly placeTimeout?: number;
  readonly requestKey?: string;
}

export const addRun: AddVerb = (program, context) => {
  const command = program
    .command('run <file>')
    .description('submit a pipeline (a file, a folder, or - for standard input) and follow it')
    .addOption(new Option('-p, --param <name=value>', 'a parameter; repeatable').argParser(collect))
    .option('--params-file <file>', 'parameters from a YAML or JSON file')
    .option('-d, --detach', 'submit, print the run id, do not follow')
    .option('--logs', 'show what its modules print, too')
    .addOption(outputOption())
    .addOption(new Option('--timeout <duration>', 'stop following after this long (exit 124); the run goes on').argParser(duration))
    .addOption(new Option('--place-timeout <duration>', 'exit 5 when no node takes a module for this long; the run goes on').argParser(duration))
    .option('--priority <n>', `${PRIORITY_MIN} to ${PRIORITY_MAX}, ${PRIORITY_MAX} first, whatever the file says`, wholeNumber(PRIORITY_MIN, PRIORITY_MAX))
    .option('--max-parallel <n>', 'modules at a time, whatever the file says; 0 = as many as there is room for', wholeNumber(0, PARALLEL_MAX))
    .option('--request-key <key>', 'submitting again with the same key gives the same run');
  withNode(command).action(action(context, (file: string, flags: RunFlags) => run(context.io, file, flags)));
};

/** Tries to put the files of a run and submit it: a node that had them may have gone before it could. */
const SUBMITS_MAX = 3;

async function run(io: CliIo, file: string, flags: RunFlags): Promise<ExitCode> {
  checkLogs(flags);
  const client = clientFor(io, flags);
  const accepted = await submit(client, io, file, flags);
  if (flags.detach === true) return tellDetached(io, accepted, flags.output);
  return followRun(client, io, accepted.runId, { format: flags.output, timeoutMs: flags.timeout, placeTimeoutMs: flags.placeTimeout, logs: flags.logs });
}

async function submit(client: Client, io: CliIo, file: string, flags: RunFlags): Promise<AcceptedJson> {
  const headers = { 'idempotency-key': flags.requestKey ?? newRequestKey(io.now()) };
  // Standard input can be read once.
  const source = file === '-' ? { text: await readAll(io.stdin) } : { file };
  const given = await givenParams(flags, io);
  for (let left = SUBMITS_MAX - 1; ; left--) {
    const spec = withOverrides(await compileSource(io, source, given, new Uploads(doorOf(client))), flags);
    try {
      return await client.post<AcceptedJson>('/api/v1/runs', { body: { spec }, headers });
    } catch (error) {
      if (left === 0 || [...broughtFiles(spec)].length === 0 || !isSkeinError(error, 'BLOB_NOT_FOUND')) throw error;
    }
  }
}

/** A run that is looked at, and not submitted: nothing is asked of any node. */
export async function compileFile(io: CliIo, file: string, flags: ParamFlags): Promise<RunSpec> {
  return compileSource(io, file === '-' ? { text: await readAll(io.stdin) } : { file }, await givenParams(flags, io), new NoUploads());
}

type PipelineSource = { readonly text: string } | { readonly file: string };

/** Loaded only by the verbs that read pipelines: the bundler is large. */
async function compileSource(io: CliIo, source: PipelineSource, given: Readonly<Record<string, Json>>, place: BlobPlace): Promise<RunSpec> {
  const [{ loadPipeline }, { compileRun }] = await Promise.all([import('../pipeline/load.ts'), import('../pipeline/compile.ts')]);
  // As typed, so that messages name it so.
  const pipeline = await loadPipeline('text' in source ? { text: source.text, directory: io.cwd } : io.cwd === process.cwd() ? source.file : resolve(io.cwd, source.file));
  return compileRun(pipeline, given, { place, directory: io.cwd });
}

export function tellDetached(io: CliIo, accepted: AcceptedJson, format: Format): ExitCode {
  if (format === 'json' || format === 'yaml' || format === 'jsonl') printData(io, format, accepted);
  else line(io.stdout, accepted.runId);
  if (format === 'table' || format === 'wide') line(io.stderr, `Submitted${accepted.duplicate ? ' before' : ''}. Watch it: skein runs watch ${accepted.runId.split('-')[0]}`);
  return exitCodes.ok;
}
