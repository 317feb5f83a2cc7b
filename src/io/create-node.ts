/** A node inside another program: the same node as `node dist/node.js`, plus functions of that program as modules. */
import { checkTiming } from '../options/timing.ts';
import { defaultOptions, type NodeOptions } from '../options.ts';
import type { ModuleFunction } from '../ports/module-function.ts';
import type { Observer } from '../ports/observer.ts';
import type { RunningNode } from './running-node.ts';
import { startNode } from './start.ts';

export interface CreateNodeOptions extends Partial<NodeOptions> {
  /**
   * Functions by name; modules with `call: NAME` run them in this process, in parallel up to `slots`. They cannot be
   * killed, only asked to stop by their AbortSignal, so a module that is effectful or has a limit may not use one.
   */
  readonly modules?: Readonly<Record<string, ModuleFunction>>;
  /** Told what happens. @default nobody */
  readonly observer?: Observer;
  /** Serve the API (loopback and the data directory's socket) for the CLI and browsers. @default true */
  readonly http?: boolean;
}

/** @throws SkeinError OPTION_INVALID, DATA_DIR_LOCKED */
export async function createNode(options: CreateNodeOptions = {}): Promise<RunningNode> {
  const { modules = {}, observer = { notify: () => undefined }, http = true, ...given } = options;
  const resolved: NodeOptions = { ...defaultOptions(), ...given };
  checkTiming(resolved.timing);
  return startNode(resolved, { observer, modules, http });
}
