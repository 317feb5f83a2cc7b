/** A node that was started: what the process entry and embedding programs hold on to. */
import type { NodeId } from '../core/lib/ids.ts';
import type { NodeOptions } from '../options.ts';
import type { Observer } from '../ports/observer.ts';
import type { NodeApi } from '../runtime/api.ts';
import type { NodeBlobs } from './blobs/node-blobs.ts';

/** `drain`: finish or hand back, leave the cell, end. `now`: hand back and end at once. */
export type StopMode = 'drain' | 'now';

export interface JoinLine {
  /** What to type on another machine, without the key: safe to log. */
  readonly text: string;
  /**
   * The same with `SKEIN_KEY=…` in front. Set only when this start has made a new key, which is the one time it is
   * shown unasked; later `skein key show` tells it.
   */
  readonly textWithKey?: string;
}

export interface NodeExit {
  /** Process exit code: 0 after a stop that was asked for. */
  readonly code: number;
  /** Why the node ended by itself. */
  readonly error?: Error;
}

export interface RunningNode {
  readonly api: NodeApi;
  readonly blobs: NodeBlobs;
  readonly nodeId: NodeId;
  readonly name: string;
  readonly clusterName: string;
  /** Multiaddrs on which others can reach this node. */
  readonly addresses: readonly string[];
  /** One per address that another machine may use, best first. */
  readonly joinLines: readonly JoinLine[];
  /** `http://127.0.0.1:8080`; '' when HTTP over TCP is off. */
  readonly httpUrl: string;
  readonly socketPath: string;
  readonly dataDir: string;
  /** Idempotent; a `now` overtakes a `drain` that is under way. */
  stop(mode: StopMode): Promise<void>;
  /** Resolves when the node has ended, however that came about. Never rejects. */
  readonly exited: Promise<NodeExit>;
}

/** What the process entry hands in beside the options. */
export interface StartExtra {
  readonly observer: Observer;
}

export type StartNode = (options: NodeOptions, extra: StartExtra) => Promise<RunningNode>;
