/** The command line: a verb, or none to start a node. */
import { Command, CommanderError } from 'commander';
import { SkeinError } from '../errors.ts';
import { VERSION } from '../version.ts';
import { addBlob } from './blob.ts';
import { printError } from './errors.ts';
import { exitCodeOf, exitCodes, type ExitCode } from './exit-codes.ts';
import type { CliIo } from './io.ts';
import { addKey } from './key.ts';
import { addLogs } from './logs.ts';
import { addModule } from './module.ts';
import { addNode } from './node.ts';
import { addPipeline } from './pipeline.ts';
import { addQueue } from './queue.ts';
import { addRun } from './run.ts';
import { addRuns, addShortCuts } from './runs.ts';
import { addStatus } from './status.ts';
import { addUp, nodeOptionsHelp, type UpContext } from './up.ts';
import { addVersion } from './version.ts';

export interface MainInit {
  /** Without the program itself. */
  readonly argv: readonly string[];
  readonly io: CliIo;
  /** Starts a node; loaded only when one is started. */
  readonly startNode: UpContext['startNode'];
}

/** @returns the exit code; errors are printed, never thrown. */
export async function main({ argv, io, startNode }: MainInit): Promise<number> {
  const context: UpContext = { io, startNode, exitCode: exitCodes.ok };
  try {
    refuseKeys(argv);
    await buildProgram(context).parseAsync([...withVerb(argv)], { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return commanderExit(io, error);
    printError(io, error);
    return exitCodeOf(error);
  }
}

/** No verb means `up`; only help and version stand alone. */
function withVerb(argv: readonly string[]): readonly string[] {
  const [first] = argv;
  const isAlone = first === '--help' || first === '-h' || first === '--version' || first === '-V';
  return first === undefined || (first.startsWith('-') && !isAlone) ? ['up', ...argv] : argv;
}

function buildProgram(context: UpContext): Command {
  const { io } = context;
  const program = new Command('skein')
    .description('A flock of equal machines that runs pipelines. Without a command a node is started.')
    .version(VERSION, '-V, --version', 'version of Skein')
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureOutput({ writeOut: (text) => void io.stdout.write(text), writeErr: (text) => void io.stderr.write(text), outputError: () => undefined })
    .addHelpText('after', () => `\n${nodeOptionsHelp()}`);
  for (const add of [addRun, addRuns, addShortCuts, addLogs, addModule, addQueue, addNode, addStatus, addPipeline, addBlob, addKey, addVersion]) add(program, context);
  addUp(program, context);
  return program;
}

/** Every user of a machine can read the command lines of all processes. The value is not shown again here. */
function refuseKeys(argv: readonly string[]): void {
  const end = argv.indexOf('--');
  const flag = argv.slice(0, end === -1 ? argv.length : end).find((word) => /^--(?:skein-|cluster-|swarm-)?(?:key|psk)(?:=|$)|^SKEIN_KEY=/i.test(word));
  if (flag === undefined) return;
  throw new SkeinError('OPTION_INVALID', `The cluster key is never taken from the command line (${flag.split('=')[0]}): every user of this machine could read it there`, {
    hint: 'Set it in the environment, SKEIN_KEY=… node dist/node.js, or name its file with --key-file FILE.',
  });
}

/** Help asked for is a success; everything else that commander ends with is a mistyped command line. */
function commanderExit(io: CliIo, error: CommanderError): ExitCode {
  if (error.code === 'commander.helpDisplayed' || error.code === 'commander.version') return exitCodes.ok;
  if (error.code !== 'commander.help') {
    const [message = '', ...suggestion] = error.message.replace(/^error: /, '').split('\n');
    const meant = suggestion.join(' ').replace(/^\(Did you mean/, '(did you mean').trim();
    printError(io, new SkeinError('OPTION_INVALID', `${message}${meant === '' ? '' : ` ${meant}`}`, { hint: 'Commands and flags are listed by `skein --help` and `skein COMMAND --help`.' }));
  }
  return exitCodes.usage;
}
