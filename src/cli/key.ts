/** `skein key show`: the line that another machine needs. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { SkeinError } from '../errors.ts';
import { defaultKeyFile, loadClusterKey } from '../io/key/cluster-key.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { line, type CliIo } from './io.ts';
import { action, type AddVerb } from './verb.ts';

interface KeyFlags {
  readonly keyFile?: string;
}

export const addKey: AddVerb = (program, context) => {
  program
    .command('key')
    .description('the cluster key')
    .command('show')
    .description('print the key as the start of a join line; whoever has it is a member')
    .option('--key-file <file>', 'where the key is, if not at the usual place')
    .action(action(context, (flags: KeyFlags) => show(context.io, flags)));
};

function show(io: CliIo, flags: KeyFlags): ExitCode {
  const fromEnvironment = flags.keyFile === undefined ? io.env['SKEIN_KEY'] : undefined;
  const keyFile = resolve(io.cwd, flags.keyFile ?? io.env['SKEIN_KEY_FILE'] ?? defaultKeyFile(io.env));
  // Looking must not make a key: it would be one that no node has.
  if ((fromEnvironment ?? '') === '' && !existsSync(keyFile)) {
    throw new SkeinError('OPTION_INVALID', `There is no cluster key at ${keyFile} yet`, { option: 'key-file', hint: 'The first node that starts makes one; or name its file with --key-file.' });
  }
  const key = loadClusterKey({ key: fromEnvironment ?? '', keyFile, env: io.env });
  for (const warning of key.warnings) line(io.stderr, `warning: ${warning}`);
  line(io.stdout, `SKEIN_KEY=${key.text} node dist/node.js`);
  return exitCodes.ok;
}
