/** The command line as a user types it, beside a cluster. */
import type { ChildProcess } from 'node:child_process';
import type { Cluster } from './cluster.ts';
import { script, spawnTied, type Ended } from './test-node.ts';

export class Cli {
  stdout = '';
  stderr = '';
  readonly exited: Promise<Ended>;
  ended: Ended | undefined;
  readonly #child: ChildProcess;

  constructor(cluster: Cluster, args: readonly string[]) {
    const child = spawnTied(process.execPath, [script, ...args], cluster.environmentOf('cli'));
    this.#child = child;
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.ended = { code, signal };
        resolve(this.ended);
      });
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

export async function runCli(cluster: Cluster, args: readonly string[]): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const cli = new Cli(cluster, args);
  const { code } = await cli.exited;
  return { code, stdout: cli.stdout, stderr: cli.stderr };
}
