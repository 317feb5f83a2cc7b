/** Wire form of snapshots in transit and of beacons. */
import type { CellId, MemberId, NodeId } from '../core/lib/ids.ts';
import type { Config, SnapshotMeta } from '../core/raft/types.ts';
import { encodeMessage } from './message-bytes.ts';
import { BEACON_BYTES_MAX, SNAPSHOT_CHUNK_BYTES } from './limits.ts';
import type { Beacon, BulkMessage, CellSighting } from './messages.ts';
import { decodeWire, invalid, type Reader } from './reader.ts';
import { capabilityFields, readCapabilities } from './spec-codec.ts';

export function encodeBulk(message: BulkMessage): Uint8Array {
  if (message.type === 'snapshotReply') return encodeMessage([1, message.cell, message.from, message.to, message.index, message.next + 1]);
  const { cell, from, to, term, meta, sections, offset, bytes } = message;
  return encodeMessage([0, cell, from, to, term, metaFields(meta), sections, offset, bytes]);
}

/** @throws SkeinError FRAME_INVALID */
export function decodeBulk(frame: Uint8Array): BulkMessage {
  const r = decodeWire(frame);
  const type = r.oneOf(['snapshot', 'snapshotReply']);
  const cell = r.string() as CellId;
  const from = r.string() as MemberId;
  const to = r.string() as MemberId;
  const message: BulkMessage =
    type === 'snapshotReply'
      ? { type, cell, from, to, index: r.int(), next: r.int() - 1 }
      : { type, cell, from, to, term: r.int(), meta: readMeta(r.sub()), sections: r.ints(), offset: r.int(), bytes: r.bytes(SNAPSHOT_CHUNK_BYTES) };
  r.end();
  return message;
}

function metaFields(meta: SnapshotMeta): unknown[] {
  const { voters, outgoing, standbys, removed } = meta.config;
  return [meta.index, meta.term, voters, outgoing, standbys, removed];
}

function readMeta(r: Reader): SnapshotMeta {
  const index = r.int();
  const term = r.int();
  const members = (): MemberId[] => r.strings() as MemberId[];
  const config: Config = { voters: members(), outgoing: members(), standbys: members(), removed: members() };
  return { index, term, config };
}

export function encodeBeacon(b: Beacon): Uint8Array {
  const fields = [b.clusterName, b.node, b.bootId, b.name, b.version, b.sequence, b.votes, capabilityFields(b.capabilities), b.load, b.receiveBytesPerSecond, b.slotsUsed, b.addresses, b.stopping];
  const bytes = encodeMessage([...fields, b.cell === null ? null : sightingFields(b.cell)]);
  if (bytes.length > BEACON_BYTES_MAX) throw invalid(`beacon of ${bytes.length} bytes, at most ${BEACON_BYTES_MAX}`);
  return bytes;
}

/** @throws SkeinError FRAME_INVALID */
export function decodeBeacon(bytes: Uint8Array): Beacon {
  if (bytes.length > BEACON_BYTES_MAX) throw invalid(`beacon of ${bytes.length} bytes, at most ${BEACON_BYTES_MAX}`);
  const r = decodeWire(bytes);
  const beacon: Beacon = {
    clusterName: r.string(),
    node: r.string() as NodeId,
    bootId: r.string(),
    name: r.string(),
    version: r.string(),
    sequence: r.int(),
    votes: r.boolean(),
    capabilities: readCapabilities(r.sub()),
    load: r.number(),
    receiveBytesPerSecond: r.int(),
    slotsUsed: r.number(),
    addresses: r.strings(64),
    stopping: r.boolean(),
    cell: r.maybe(readSighting),
  };
  r.end();
  return beacon;
}

function sightingFields(s: CellSighting): unknown[] {
  return [s.id, s.createdAt, s.established, s.term, s.leader, s.leaderAddresses];
}

function readSighting(r: Reader): CellSighting {
  return {
    id: r.string() as CellId,
    createdAt: r.number(),
    established: r.boolean(),
    term: r.int(),
    leader: r.string() as NodeId,
    leaderAddresses: r.strings(64),
  };
}
