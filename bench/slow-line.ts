/** A line of so many bytes a second, each way, between two processes on this machine: a TCP proxy that takes its time. */
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';

/** Timers come late by about this: so much time of the line may be made up for. */
const LATE_MS = 2;
/** What lies in the line, each way. */
const HELD_BYTES = 64 * 1024;

export class SlowLine {
  readonly #server = createServer((from) => this.#join(from));
  readonly #sockets = new Set<Socket>();
  readonly #port: number;
  readonly #bytesPerMs: number;

  /** @param port of 127.0.0.1, where it leads to. */
  constructor(port: number, bytesPerSecond: number) {
    this.#port = port;
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  async open(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(near: Socket): void {
    const far = connect(this.#port, '127.0.0.1');
    for (const [from, to] of [[near, far], [far, near]] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on('error', () => undefined);
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      this.#carry(from, to);
    }
  }

  #carry(from: Socket, to: Socket): void {
    const held: Buffer[] = [];
    let heldBytes = 0;
    let freeAt = 0;
    let waiting = false;
    const carry = (): void => {
      waiting = false;
      while (held.length > 0 && freeAt <= performance.now()) {
        const bytes = held.shift()!;
        heldBytes -= bytes.byteLength;
        freeAt = Math.max(freeAt, performance.now() - LATE_MS) + bytes.byteLength / this.#bytesPerMs;
        to.write(bytes);
      }
      if (heldBytes < HELD_BYTES) from.resume();
      if (held.length > 0 && !waiting) {
        waiting = true;
        setTimeout(carry, Math.max(1, freeAt - performance.now()));
      }
    };
    from.on('data', (bytes: Buffer) => {
      held.push(bytes);
      heldBytes += bytes.byteLength;
      if (heldBytes >= HELD_BYTES) from.pause();
      if (!waiting) carry();
    });
  }
}
