/** The table of nodes: beacons for all, sessions where this node knows them, itself always. */
import type { MemberId, NodeId } from '../core/lib/ids.ts';
import { nodeOfMember } from '../core/lib/ids.ts';
import type { NodeState, NodeView, VoteRole } from './api.ts';
import type { NodeRuntime } from './node-runtime.ts';

export function nodeViews(runtime: NodeRuntime): NodeView[] {
  const { context, discovery } = runtime;
  const views: NodeView[] = [selfView(runtime)];
  for (const known of discovery.nodes()) {
    const { beacon } = known;
    const lastSeenMs = Math.round(context.now() - known.seenAt);
    views.push({
      nodeId: beacon.node,
      name: beacon.name,
      state: stateOf(runtime, beacon.node, lastSeenMs, beacon.stopping),
      role: roleOf(runtime, beacon.node),
      self: false,
      addresses: beacon.addresses,
      capabilities: beacon.capabilities,
      slotsUsed: slotsUsed(runtime, beacon.node) ?? beacon.slotsUsed,
      load: beacon.load,
      receiveBytesPerSecond: beacon.receiveBytesPerSecond,
      lastSeenMs,
      version: beacon.version,
    });
  }
  return views.sort((a, b) => (a.name === b.name ? compare(a.nodeId, b.nodeId) : compare(a.name, b.name)));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function selfView(runtime: NodeRuntime): NodeView {
  const { context, worker } = runtime;
  const { name, capabilities, version } = context.init;
  const drained = runtime.replica?.state.drained.has(context.self) === true;
  return {
    nodeId: context.self,
    name,
    state: runtime.phase === 'stopping' || drained ? 'draining' : 'alive',
    role: roleOf(runtime, context.self),
    self: true,
    addresses: context.ports.transport.addresses(),
    capabilities,
    slotsUsed: worker.slotsUsed,
    load: runtime.load,
    receiveBytesPerSecond: runtime.blobs.receiveBytesPerSecond,
    lastSeenMs: 0,
    version,
  };
}

function stateOf(runtime: NodeRuntime, node: NodeId, lastSeenMs: number, stopping: boolean): NodeState {
  const { silentMs } = runtime.discovery;
  const connected = runtime.context.ports.transport.isConnected(node);
  if (lastSeenMs > 2 * silentMs || (stopping && !connected)) return 'dead';
  if (stopping || runtime.replica?.state.drained.has(node) === true) return 'draining';
  if (!connected && runtime.host.isMember) return lastSeenMs > silentMs ? 'dead' : 'suspect';
  return lastSeenMs > silentMs ? 'suspect' : 'alive';
}

function roleOf(runtime: NodeRuntime, node: NodeId): VoteRole {
  if (runtime.leaderHint().node === node) return 'leader';
  const config = runtime.replica?.config;
  if (config === undefined) return 'worker';
  const has = (members: readonly MemberId[]): boolean => members.some((member) => nodeOfMember(member) === node);
  if (has(config.voters) || has(config.outgoing)) return 'voter';
  return has(config.standbys) ? 'standby' : 'worker';
}

function slotsUsed(runtime: NodeRuntime, node: NodeId): number | undefined {
  const state = runtime.replica?.state;
  const session = state?.sessions.get(state.sessionOfNode.get(node) ?? 0);
  return session === undefined ? undefined : session.milliCpuUsed / 1000;
}

