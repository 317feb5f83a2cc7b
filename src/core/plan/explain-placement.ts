/** Why a module goes where it goes, in words and figures. */
import type { ModuleRecord } from '../cell/state.ts';
import type { NodeId } from '../lib/ids.ts';
import { secondsText } from '../lib/seconds-text.ts';
import { sizeText } from '../lib/size-text.ts';
import type { Reason } from './explain.ts';
import { HOLDER_WAIT_MS_MAX } from './limits.ts';
import type { NodeEstimate, Placement } from './placer.ts';

/** What whoever leads knows of it: the planner's own figures. */
export interface PlacementSource {
  of(module: ModuleRecord): Placement | undefined;
  /** Cheaper than to look at its placement. */
  hasWaited(module: ModuleRecord): boolean;
}

/** One node: what it would cost to execute the module there. null = nobody knows. */
export interface EstimateShown {
  readonly node: string;
  readonly nodeId: NodeId;
  readonly waitMs: number | null;
  readonly bytesToMove: number;
  readonly bytesPerSecond: number;
  readonly moveMs: number;
  readonly predictedMs: number;
  readonly sumMs: number | null;
}

export interface PlacementShown {
  /** Name of the node where it goes, or went; '' = none fits. */
  readonly node: string;
  readonly nodeId: NodeId | '';
  /** One clause without a full stop. */
  readonly why: string;
  /** It waits for that node, which is full, though others have room. */
  readonly waits: boolean;
  readonly waitedMs: number;
  readonly inputBytes: number;
  /** Smallest sum first. */
  readonly nodes: readonly EstimateShown[];
}

export function placementShown(placement: Placement): PlacementShown {
  const { nodeId, waits, waitedMs, inputBytes, nodes } = placement;
  const chosen = nodes.find((one) => one.nodeId === nodeId);
  return { node: chosen?.node ?? '', nodeId, why: why(placement, chosen), waits, waitedMs, inputBytes, nodes: nodes.map(shown) };
}

function shown({ node, nodeId, waitMs, bytes, bytesPerSecond, moveMs, predictedMs, sumMs }: NodeEstimate): EstimateShown {
  const known = Number.isFinite(waitMs);
  return { node, nodeId, waitMs: known ? Math.round(waitMs) : null, bytesToMove: Math.round(bytes), bytesPerSecond, moveMs: Math.round(moveMs), predictedMs: Math.round(predictedMs), sumMs: known ? Math.round(sumMs) : null };
}

function why({ waits, waitedMs, isCompared, inputBytes, nodes, nodeId }: Placement, chosen: NodeEstimate | undefined): string {
  if (chosen === undefined) return 'no node fits';
  if (!isCompared) return inputBytes === 0 ? 'the node with room that is loaded least: it takes no files' : 'the node with room that is loaded least: its inputs are too small to matter';
  const others = nodes.filter((one) => one.nodeId !== nodeId && Number.isFinite(one.sumMs));
  const [next] = others;
  const against = next === undefined ? '' : `, next is ${next.node} with ${secondsText(next.sumMs)}`;
  if (waits) return `it is done first there: ${secondsText(chosen.waitMs)} of waiting${chosen.bytes > 0 ? ` and ${secondsText(chosen.moveMs)} to bring ${sizeText(chosen.bytes)}` : ', and it has all of the inputs'}${against}`;
  if (waitedMs >= HOLDER_WAIT_MS_MAX) return `it has waited long enough for a node with its inputs (${secondsText(waitedMs)})`;
  if (chosen.waitMs > 0) return `it is done first there, as soon as there is room: ${secondsText(chosen.sumMs)} in all${against}`;
  return `it is done first there: ${secondsText(chosen.sumMs)} in all${against}`;
}

/** Of one that nothing keeps but its wait for a node with its inputs. */
export function holderReason({ waits, node, nodes, nodeId, waitedMs }: PlacementShown): Reason[] {
  const chosen = nodes.find((one) => one.nodeId === nodeId);
  if (!waits || chosen === undefined || chosen.waitMs === null) return [];
  const has = chosen.bytesToMove === 0 ? 'which has all of its inputs' : `which lacks only ${sizeText(chosen.bytesToMove)} of its inputs`;
  const left = Math.max(0, HOLDER_WAIT_MS_MAX - waitedMs);
  return [{ code: 'holder', text: `waits for ${node}, ${has} and has room in about ${secondsText(chosen.waitMs)}: elsewhere they would have to come first (for ${secondsText(left)} at most)` }];
}
