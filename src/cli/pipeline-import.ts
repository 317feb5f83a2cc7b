/** `skein pipeline import FILE`: a workflow that another engine recorded, as a pipeline file. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { SkeinError } from '../errors.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { line, type CliIo } from './io.ts';
import { readAll } from './params.ts';
import { action, type VerbContext } from './verb.ts';

interface ImportFlags {
  readonly scale?: number;
  readonly burn?: boolean;
  readonly out?: string;
  readonly force?: boolean;
}

export function addImport(pipeline: Command, context: VerbContext): void {
  pipeline
    .command('import <file>')
    .description('make a pipeline file of a recorded workflow (WfFormat 1.0 to 1.6; - for standard input)')
    .option('--scale <factor>', 'multiply the recorded run times', positive)
    .option('--burn', 'modules keep their cores busy in place of sleeping')
    .option('--out <file>', 'write to this file in place of standard output')
    .option('--force', 'replace the file when it exists')
    .action(action(context, (file: string, flags: ImportFlags) => importFile(context.io, file, flags)));
}

async function importFile(io: CliIo, file: string, { scale = 1, burn = false, out, force = false }: ImportFlags): Promise<ExitCode> {
  const { importWorkflow } = await import('../pipeline/import/import.ts');
  const text = file === '-' ? await readAll(io.stdin) : await readText(resolve(io.cwd, file), file);
  const { yaml, workflow, notes } = importWorkflow(text, { file: file === '-' ? 'standard input' : file, scale, burn });
  if (out === undefined) io.stdout.write(yaml);
  else await writeOut(resolve(io.cwd, out), out, yaml, force);
  const edges = workflow.tasks.reduce((sum, { parents }) => sum + parents.length, 0);
  line(io.stderr, `Imported ${workflow.tasks.length} tasks with ${edges} needs${out === undefined ? '' : ` into ${out}`}`);
  for (const note of notes) line(io.stderr, `note: ${note}`);
  return exitCodes.ok;
}

async function readText(path: string, file: string): Promise<string> {
  const { WORKFLOW_FILE_BYTES_MAX } = await import('../pipeline/import/limits.ts');
  const refuse = (why: string): never => {
    throw new SkeinError('PIPELINE_INVALID', `${file}: ${why}`);
  };
  const fault = ({ code, message }: NodeJS.ErrnoException): never => refuse(code === 'ENOENT' ? 'no such file' : `the file cannot be read: ${message}`);
  const { size } = await stat(path).catch(fault);
  if (size > WORKFLOW_FILE_BYTES_MAX) refuse(`the file has ${size} bytes; a workflow has at most ${WORKFLOW_FILE_BYTES_MAX}`);
  const bytes = await readFile(path).catch(fault);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return refuse('the file is not UTF-8 text');
  }
}

async function writeOut(path: string, out: string, yaml: string, force: boolean): Promise<void> {
  try {
    await writeFile(path, yaml, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw new SkeinError('OPTION_INVALID', `--out ${out}: the file exists`, { hint: 'Name another file, or replace it with --force.' });
    throw new SkeinError('OPTION_INVALID', `--out ${out} cannot be written: ${message}`);
  }
}

function positive(value: string): number {
  const factor = Number(value);
  if (value.trim() !== '' && factor > 0 && Number.isFinite(factor)) return factor;
  throw new InvalidArgumentError('it must be a number above 0, such as 0.1');
}
