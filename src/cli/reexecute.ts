/**
 * Runs this program again with the Node.js that came with it, when the one that was started is too old. Must itself run
 * on that old one: nothing newer than Node.js 20, no imports beside node:*.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';

/** Tells the new process that it was started from here. */
export const WRAPPED_VARIABLE = 'SKEIN_REEXECUTED';

const USAGE_EXIT_CODE = 2;
const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGBREAK'] as const;

interface ReexecuteInit {
  readonly script: string;
  readonly argv: readonly string[];
  readonly majorMin: number;
}

/** Never returns: ends as the new process ends. */
export function reexecute({ script, argv, majorMin }: ReexecuteInit): void {
  const binary = process.env[WRAPPED_VARIABLE] === undefined ? bundledNode(script, majorMin) : undefined;
  if (binary === undefined) {
    process.stderr.write(`skein needs Node.js ${majorMin} or later, and this is ${process.versions.node}: install a newer one, or \`npm install node@24\` in the folder of Skein\n`);
    process.exit(USAGE_EXIT_CODE);
  }
  // The channel closes when this process dies, even by SIGKILL: the new one then ends too.
  const child = spawn(binary, [...process.execArgv, script, ...argv], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [WRAPPED_VARIABLE]: '1' },
  });
  const signals = forwarded.filter((signal) => signal in constants.signals);
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`skein could not start ${binary}: ${error.message}\n`);
    process.exit(USAGE_EXIT_CODE);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    for (const other of signals) process.removeAllListeners(other);
    process.kill(process.pid, signal);
  });
}

/** The binary of the npm package `node`, found from the folder of this package upwards: also when it is a dependency. */
function bundledNode(script: string, majorMin: number): string | undefined {
  try {
    const manifest = createRequire(script).resolve('node/package.json');
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
    const binary = join(dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    return Number(version.split('.')[0]) >= majorMin && existsSync(binary) ? binary : undefined;
  } catch {
    // Not installed.
    return undefined;
  }
}
