/** `skein version`. */
import { VERSION } from '../version.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { line } from './io.ts';
import { action, type AddVerb } from './verb.ts';

export const addVersion: AddVerb = (program, context) => {
  program
    .command('version')
    .description('version of Skein and of Node.js')
    .action(
      action(context, (): ExitCode => {
        line(context.io.stdout, `skein ${VERSION} (Node.js ${process.versions.node}, ${process.platform}/${process.arch})`);
        return exitCodes.ok;
      }),
    );
};
