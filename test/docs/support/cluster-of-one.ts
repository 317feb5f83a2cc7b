/** One node of the source tree, with folders of its own, for commands that are shown on a page. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { repository } from './pages.ts';

export type Environment = Readonly<Record<string, string>>;

export interface ClusterOfOne {
  readonly name: string;
  readonly httpPort: string;
  /** Ends it as a user does who is in a hurry, and tells the exit code. */
  stop(): Promise<number | null>;
}

/** The environment of this process, but nothing of the user's own can be met in it. */
export function privately(env: Environment): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => !/^(?:SKEIN_|XDG_|NODE_)/.test(name)) as [string, string][];
  return { ...Object.fromEntries(kept), ...env };
}

/** A real process; ready when it says that it has started. */
export async function startNode(t: TestContext, env: Environment): Promise<ClusterOfOne> {
  const args = ['--no-mdns', '--p2p-port', '0', '--http-port', '0', '--profile', 'test', '--slots', '8'];
  const child = spawn(process.execPath, [path.join(repository, 'src/node.ts'), ...args], { env: privately(env), stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => void child.kill('SIGKILL'));
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const told = await new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const parsed = JSON.parse(line) as Readonly<Record<string, unknown>>;
      if (parsed['event'] === 'node-started') resolve(parsed);
    });
    child.once('exit', (code) => reject(new Error(`the node ended with ${code}: ${errors}`)));
  });
  const stop = async (): Promise<number | null> => {
    const ended = once(child, 'exit') as Promise<[number | null]>;
    child.kill('SIGTERM');
    child.kill('SIGTERM');
    return (await ended)[0];
  };
  return { name: String(told['node']), httpPort: new URL(String(told['httpUrl'])).port, stop };
}

export interface Said {
  readonly code: number | null;
  readonly output: string;
}

export async function shell(command: string, env: Environment): Promise<Said> {
  const child = spawn('/bin/sh', ['-c', command], { env: privately(env), cwd: repository, stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000, killSignal: 'SIGKILL' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}
