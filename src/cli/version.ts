/** `skein version`. */
import { readFileSync } from 'node:fs';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { line } from './io.ts';
import { action, type AddVerb } from './verb.ts';

/** Of the package that this file belongs to, built or not: both lie two folders below it. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  return version;
}

export const addVersion: AddVerb = (program, context) => {
  program
    .command('version')
    .description('version of Skein and of Node.js')
    .action(
      action(context, (): ExitCode => {
        line(context.io.stdout, `skein ${packageVersion()} (Node.js ${process.versions.node}, ${process.platform}/${process.arch})`);
        return exitCodes.ok;
      }),
    );
};
