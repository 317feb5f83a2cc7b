/**
 * One process's view of its disk. The disk works on in the kernel of the operating system while the process is paused;
 * the process hears of it when it runs again, and never after its death.
 */
import type { Disk, DiskDone } from '../src/ports/disk.ts';
import type { SimDisk } from './disk.ts';
import type { Process } from './kernel.ts';

export class ProcessDisk implements Disk {
  readonly #disk: SimDisk;
  readonly #process: Process;

  constructor(disk: SimDisk, process: Process) {
    this.#disk = disk;
    this.#process = process;
  }

  list(): string[] {
    return this.#disk.list();
  }

  read(name: string): Uint8Array {
    return this.#disk.read(name);
  }

  writeAt(name: string, offset: number, bytes: Uint8Array, done: DiskDone): void {
    this.#disk.writeAt(name, offset, bytes, this.#inProcess(done));
  }

  truncate(name: string, length: number, done: DiskDone): void {
    this.#disk.truncate(name, length, this.#inProcess(done));
  }

  sync(name: string, done: DiskDone): void {
    this.#disk.sync(name, this.#inProcess(done));
  }

  rename(from: string, to: string, done: DiskDone): void {
    this.#disk.rename(from, to, this.#inProcess(done));
  }

  remove(name: string, done: DiskDone): void {
    this.#disk.remove(name, this.#inProcess(done));
  }

  syncFolder(done: DiskDone): void {
    this.#disk.syncFolder(this.#inProcess(done));
  }

  #inProcess(done: DiskDone): DiskDone {
    return (error) => this.#process.run(() => done(error));
  }
}
