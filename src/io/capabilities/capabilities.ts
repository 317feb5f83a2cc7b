/** What this machine offers to modules, found out when the node starts. */
import { availableParallelism, loadavg, totalmem } from 'node:os';
import type { Capabilities } from '../../core/cell/types.ts';
import { probeGpus } from './gpus.ts';
import { probeTools, standardTools } from './tools.ts';

export interface CapabilityOptions {
  /** Cpu slots offered. @default the cores that this process may use */
  readonly slots?: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Names of further tools to look for. @default none */
  readonly tools?: readonly string[];
}

/**
 * Never rejects: what cannot be found out is not offered. Takes as long as the slowest tool, at most a few seconds; what
 * was asked once in this process is not asked again.
 */
export async function probeCapabilities(options: CapabilityOptions): Promise<Capabilities> {
  const [tools, gpus] = await Promise.all([probeTools([...standardTools, ...(options.tools ?? [])]), probeGpus()]);
  return {
    os: process.platform,
    arch: process.arch,
    slots: options.slots ?? availableParallelism(),
    memory: usableMemory(),
    gpus,
    tools,
    labels: { ...options.labels },
    functions: [],
  };
}

/** Bytes; in a container what the container may use. */
function usableMemory(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 && constrained < totalmem() ? constrained : totalmem();
}

/** Load average of the last minute divided by cores: 1 = all of them busy. Windows has none: 0. */
export function loadAverage(): number {
  return Math.round(((loadavg()[0] ?? 0) / availableParallelism()) * 100) / 100;
}
