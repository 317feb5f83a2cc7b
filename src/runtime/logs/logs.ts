/** The logs of one node: what it tells others of its executions, and readers of any module of the cell. */
import type { Json } from '../../core/cell/types.ts';
import type { NodeId } from '../../core/lib/ids.ts';
import { isSkeinError } from '../../errors.ts';
import type { BlobMessage } from '../../protocol/blob-codec.ts';
import type { LogOptions } from '../api.ts';
import type { Blobs } from '../blobs/blobs.ts';
import type { NodeContext } from '../context.ts';
import { LogAsks } from './asks.ts';
import { LogFollower, type FollowerInit } from './follower.ts';
import { LogServer } from './server.ts';
import type { ModuleLogs } from './view.ts';

export interface LogsHooks {
  blobs(): Blobs;
  read(query: string, argument: Json, strong: boolean, done: (error?: Error, value?: Json) => void): void;
}

export class Logs {
  readonly #context: NodeContext;
  readonly #hooks: LogsHooks;
  readonly #asks: LogAsks;
  readonly #server: LogServer;

  constructor(context: NodeContext, hooks: LogsHooks) {
    this.#context = context;
    this.#hooks = hooks;
    this.#asks = new LogAsks(context);
    this.#server = new LogServer(context);
  }

  receive(from: NodeId, message: Extract<BlobMessage, { type: 'readLog' | 'logPiece' }>): void {
    if (message.type === 'readLog') this.#server.asked(from, message);
    else this.#asks.answered(from, message);
  }

  peerDown(peer: NodeId): void {
    this.#server.peerDown(peer);
    this.#asks.peerDown(peer);
  }

  follow(run: string, module: string, { follow = false, attempt = 0, after }: LogOptions = {}): LogFollower {
    return new LogFollower({
      context: this.#context,
      asks: this.#asks,
      look: (done) => this.#look(run, module, done),
      readBlob: (log, from, length, done) => this.#readBlob(log, from, length, done),
      follow,
      attempt,
      after,
    });
  }

  /** A run that this node does not know yet may have been accepted a moment ago: then the leader is asked. */
  #look(run: string, module: string, done: (error: Error | undefined, logs?: ModuleLogs) => void): void {
    const ask = (strong: boolean): void =>
      this.#hooks.read('moduleLogs', { run, module }, strong, (error, value) => {
        if (!strong && isSkeinError(error, 'RUN_NOT_FOUND')) ask(true);
        else done(error, value as unknown as ModuleLogs | undefined);
      });
    ask(false);
  }

  readonly #readBlob: FollowerInit['readBlob'] = ({ cid }, from, length, done) => {
    this.#hooks.blobs().fetch(cid, (error) => {
      if (error !== undefined) done(error);
      else this.#context.ports.blobs.read(cid, from, length, done);
    });
  };
}
