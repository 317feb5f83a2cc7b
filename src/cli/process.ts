/** Ties the command line to this process: streams, signals, exit code. */
import { processIo } from './io.ts';
import { main } from './main.ts';
import { WRAPPED_VARIABLE } from './reexecute.ts';

export async function runProcess(argv: readonly string[]): Promise<void> {
  const isWrapped = followWrapper();
  for (const stream of [process.stdout, process.stderr]) {
    // `skein runs list | head`: the reader has seen enough.
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
  const startNode = async () => (await import('../io/start.ts')).startNode;
  process.exitCode = await main({ argv, io: processIo(isWrapped), startNode });
  // What a verb may have left open (sockets kept alive, watchers) must not hold the process.
  if (process.stdout.writableLength === 0) process.exit();
  process.stdout.once('drain', () => process.exit());
}

/** When the wrapper that an old Node.js became is killed, nobody would pass signals on any more: end with it. */
function followWrapper(): boolean {
  const isWrapped = process.env[WRAPPED_VARIABLE] !== undefined && process.channel !== undefined && process.channel !== null;
  // Not for the processes that this one starts.
  delete process.env[WRAPPED_VARIABLE];
  if (!isWrapped) return false;
  process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.channel?.unref();
  return true;
}
