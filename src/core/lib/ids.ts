/** Identities. Plain strings and numbers, branded where mixing two of them up would be a bug of the worst kind. */

/** libp2p peer id as a string; stable per machine and data directory. */
export type NodeId = string & { readonly brand: 'NodeId' };
/** `nodeId/storageId`: one disk of one node. A wiped disk is a new member (PROTOCOL §1). */
export type MemberId = string & { readonly brand: 'MemberId' };
/** Random 128 bit, 32 hex digits, made once per cell by its Genesis entry. */
export type CellId = string & { readonly brand: 'CellId' };
/** `<short>-<cellId>`; `short` is unique within the cell. */
export type RunId = string & { readonly brand: 'RunId' };
/** Content identifier of a blob (CIDv1, base32). */
export type Cid = string & { readonly brand: 'Cid' };

/** Raft term, from 1. */
export type Term = number;
/** Position in the log, from 1 (Genesis). */
export type LogIndex = number;
/** Session id: the log index of its SessionOpen entry. */
export type SessionId = number;
/** Run number inside its cell: the log index of its Submit entry. */
export type RunNumber = number;
/**
 * Fencing token: `claimBatchIndex * CLAIMS_PER_BATCH_MAX + position`, so it rises strictly per module and fits a safe
 * integer up to log index 2^41.
 */
export type Fence = number;

/** Most claims in one ClaimBatch entry. */
export const CLAIMS_PER_BATCH_MAX = 4096;

export function nodeId(text: string): NodeId {
  return text as NodeId;
}

export function cellId(text: string): CellId {
  return text as CellId;
}

export function memberId(node: NodeId, storageId: string): MemberId {
  return `${node}/${storageId}` as MemberId;
}

export function nodeOfMember(member: MemberId): NodeId {
  return member.slice(0, member.lastIndexOf('/')) as NodeId;
}

/** As comparing with `nodeOfMember`, without making a text. */
export function isMemberOf(member: MemberId, node: NodeId): boolean {
  return member.lastIndexOf('/') === node.length && member.startsWith(node);
}

export function fenceOf(claimBatchIndex: LogIndex, position: number): Fence {
  return claimBatchIndex * CLAIMS_PER_BATCH_MAX + position;
}
