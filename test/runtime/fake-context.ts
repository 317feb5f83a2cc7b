/** A node context on virtual time whose transport only records what is sent. */
import { nodeId, type NodeId } from '../../src/core/lib/ids.ts';
import { timingProfiles } from '../../src/options/timing.ts';
import type { Executor } from '../../src/ports/executor.ts';
import type { Note } from '../../src/ports/observer.ts';
import type { Channel, Transport } from '../../src/ports/transport.ts';
import type { WorkMessage } from '../../src/protocol/messages.ts';
import { decodeWork } from '../../src/protocol/work-codec.ts';
import { NodeContext } from '../../src/runtime/context.ts';
import type { Timing } from '../../src/runtime/init.ts';
import { Kernel, Process } from '../../sim/kernel.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Compressor } from '../../src/ports/compressor.ts';
import type { Disk } from '../../src/ports/disk.ts';
import { capabilities } from '../core/cell/cells.ts';

export interface Sent {
  readonly to: NodeId;
  readonly channel: Channel;
  readonly bytes: Uint8Array;
}

export class FakeContext {
  readonly kernel = new Kernel();
  readonly process: Process;
  readonly sent: Sent[] = [];
  readonly notes: Note[] = [];
  readonly connected = new Set<NodeId>();
  readonly context: NodeContext;

  constructor(init: { readonly self?: string; readonly executor?: Executor; readonly timing?: Partial<Timing>; readonly chance?: number; readonly disk?: (clock: Clock) => Disk; readonly compressor?: (clock: Clock) => Compressor } = {}) {
    this.process = new Process(this.kernel, 'self');
    const { process } = this;
    this.context = new NodeContext({
      ports: {
        clock: process,
        random: { float: () => init.chance ?? 0.5, bytes: (length) => new Uint8Array(length).fill(7) },
        disk: init.disk?.(process) ?? (undefined as never),
        transport: this.#transport(nodeId(init.self ?? 'self')),
        executor: init.executor ?? (undefined as never),
        blobs: undefined as never,
        compressor: init.compressor?.(process),
        observer: { notify: (note) => void this.notes.push(note) },
        fatal: (error) => {
          throw error;
        },
      },
      name: 'self',
      clusterName: 'test',
      version: '0',
      capabilities: capabilities(),
      vote: true,
      timing: { ...timingProfiles.default, ...init.timing },
    });
  }

  #transport(self: NodeId): Transport {
    return {
      self,
      bootId: 'boot',
      start: () => undefined,
      stop: () => undefined,
      send: (to, channel, bytes) => {
        if (!this.connected.has(to)) return false;
        this.sent.push({ to, channel, bytes });
        return true;
      },
      queued: () => 0,
      peers: () => [...this.connected],
      isConnected: (peer) => this.connected.has(peer),
      learn: () => undefined,
      forget: () => undefined,
      addresses: () => ['/ip4/127.0.0.1/tcp/1'],
      addressesOf: () => [],
      redial: () => undefined,
      publish: () => undefined,
    };
  }

  /** Lets virtual time pass, and what was deferred happen. */
  pass(ms = 0): void {
    this.kernel.run(this.kernel.now + ms);
  }

  /** Takes what was sent on the work channel since the last call. */
  takeWork(): { readonly to: NodeId; readonly message: WorkMessage }[] {
    return this.sent.splice(0).filter(({ channel }) => channel === 'work').map(({ to, bytes }) => ({ to, message: decodeWork(bytes) }));
  }
}
