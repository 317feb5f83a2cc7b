/** TCP ports that a node can keep when it is started again. */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the range from which the system takes ports for outgoing connections and for "any port". */
const LOWEST = 20_000;
/** Files run side by side, and each starts nodes again on ports that meanwhile are free: each has a slice of its own, as far as process ids tell them apart. */
const SLICES = 40;
const SLICE_PORTS = 300;
const lowest = LOWEST + (process.pid % SLICES) * SLICE_PORTS;
const TRIES_MAX = 100;
const given = new Set<number>();

export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const port = randomInt(lowest, lowest + SLICE_PORTS);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error('no free port found');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
