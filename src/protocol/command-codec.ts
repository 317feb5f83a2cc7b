/** Wire form of log commands. Hot ones (claims, results) are flat lists of small integers. */
import type { CellId, MemberId, NodeId } from '../core/lib/ids.ts';
import type { ClaimItem, Command, HolderItem, ReleaseReason, ResultItem, RunningClaim } from '../core/cell/types.ts';
import { HOLDERS_MAX, UNABLE_MAX } from '../core/cell/limits.ts';
import { ENTRY_DATA_BYTES_MAX, LIST_LENGTH_MAX, TEXT_LENGTH_MAX } from './limits.ts';
import { decodeWire, encodeWire, invalid, type Reader } from './reader.ts';
import { capabilityFields, decodeSpec, encodeSpec, filesRefFields, outcomeFields, readCapabilities, readFilesRef, readOutcome } from './spec-codec.ts';

const types = ['genesis', 'sessionOpen', 'sessionExpire', 'submit', 'submitPart', 'cancel', 'claimBatch', 'release', 'results', 'nodeDrain', 'retire', 'close', 'runPause', 'queuePause', 'hedgeBatch', 'reuse', 'rerun', 'holders', 'invalidate', 'checkpoint'] as const;
const code = Object.fromEntries(types.map((type, index) => [type, index])) as Record<Command['type'], number>;
const releaseReasons: readonly ReleaseReason[] = ['declined', 'released', 'lost', 'timeout'];
const expireReasons = ['silent', 'socket', 'left', 'superseded'] as const;

export function encodeCommand(command: Command): Uint8Array {
  return encodeWire([code[command.type], ...commandFields(command)]);
}

function commandFields(command: Command): unknown[] {
  switch (command.type) {
    case 'genesis':
      return [command.cellId, command.clusterName, command.createdAt, command.founder];
    case 'sessionOpen':
      return [command.now, command.node, command.member, command.bootId, command.name, capabilityFields(command.capabilities), runningFields(command.running)];
    case 'sessionExpire':
      return [command.now, command.session, expireReasons.indexOf(command.reason)];
    case 'submit':
      return [command.now, command.requestKey, encodeSpec(command.spec)];
    case 'submitPart':
      return [command.now, command.requestKey, command.part, command.parts, command.bytes];
    case 'cancel':
      return [command.now, command.run, command.reason];
    case 'claimBatch':
    case 'hedgeBatch':
    case 'reuse':
      return [command.now, command.claims.flatMap((claim) => [claim.run, claim.module, claim.session])];
    case 'release':
      return [command.now, releaseReasons.indexOf(command.reason), runningFields(command.claims)];
    case 'results':
      return [command.now, command.jitter, command.items.map(resultFields)];
    case 'nodeDrain':
      return [command.now, command.node, command.on];
    case 'retire':
      return [command.now, command.runs];
    case 'close':
      return [command.now, command.senior];
    case 'runPause':
      return [command.now, command.run, command.on, command.reason];
    case 'queuePause':
      return [command.now, command.on, command.reason];
    case 'rerun':
      return [command.now, command.requestKey, command.run, command.failedOnly];
    case 'holders':
      return [command.now, command.items.map(({ run, module, generation, node, on }) => [run, module, generation, node, on])];
    case 'invalidate':
      return [command.now, command.items.flatMap(({ run, module, generation }) => [run, module, generation])];
    case 'checkpoint':
      return [command.now, runningFields([command.claim]), command.inputsHash, filesRefFields(command.files)];
  }
}

/** @throws SkeinError FRAME_INVALID */
export function decodeCommand(bytes: Uint8Array): Command {
  const reader = decodeWire(bytes);
  const command = readCommand(reader);
  reader.end();
  return command;
}

function readCommand(reader: Reader): Command {
  const type = reader.oneOf(types);
  switch (type) {
    case 'genesis':
      return { type, cellId: reader.string() as CellId, clusterName: reader.string(), createdAt: reader.number(), founder: reader.string() as NodeId };
    case 'sessionOpen':
      return {
        type,
        now: reader.number(),
        node: reader.string() as NodeId,
        member: reader.string() as MemberId,
        bootId: reader.string(),
        name: reader.string(),
        capabilities: readCapabilities(reader.sub()),
        running: readRunning(reader),
      };
    case 'sessionExpire':
      return { type, now: reader.number(), session: reader.int(), reason: reader.oneOf(expireReasons) };
    case 'submit':
      return { type, now: reader.number(), requestKey: reader.string(), spec: decodeSpec(reader.bytes(ENTRY_DATA_BYTES_MAX)) };
    case 'submitPart':
      return { type, now: reader.number(), requestKey: reader.string(), part: reader.int(), parts: reader.int(), bytes: reader.bytes(ENTRY_DATA_BYTES_MAX) };
    case 'cancel':
      return { type, now: reader.number(), run: reader.int(), reason: reader.string(TEXT_LENGTH_MAX) };
    case 'claimBatch':
    case 'hedgeBatch':
    case 'reuse':
      return { type, now: reader.number(), claims: readClaims(reader) };
    case 'release': {
      const now = reader.number();
      const reason = reader.oneOf(releaseReasons);
      return { type, now, reason, claims: readRunning(reader) };
    }
    case 'results':
      return { type, now: reader.number(), jitter: reader.number(), items: reader.list(readResult) };
    case 'nodeDrain':
      return { type, now: reader.number(), node: reader.string() as NodeId, on: reader.boolean() };
    case 'retire':
      return { type, now: reader.number(), runs: reader.ints() };
    case 'close':
      return { type, now: reader.number(), senior: reader.string() as CellId };
    case 'runPause':
      return { type, now: reader.number(), run: reader.int(), on: reader.boolean(), reason: reader.string(TEXT_LENGTH_MAX) };
    case 'queuePause':
      return { type, now: reader.number(), on: reader.boolean(), reason: reader.string(TEXT_LENGTH_MAX) };
    case 'rerun':
      return { type, now: reader.number(), requestKey: reader.string(), run: reader.int(), failedOnly: reader.boolean() };
    case 'holders':
      return { type, now: reader.number(), items: reader.list(readHolder) };
    case 'invalidate':
      return { type, now: reader.number(), items: triples(reader, (run, module, generation) => ({ run, module, generation })) };
    case 'checkpoint':
      return { type, now: reader.number(), claim: readOne(reader), inputsHash: reader.string(), files: readFilesRef(reader.sub()) };
  }
}

function readHolder(reader: Reader): HolderItem {
  const item: HolderItem = { run: reader.int(), module: reader.int(), generation: reader.int(), node: reader.string() as NodeId, on: reader.boolean() };
  reader.end();
  return item;
}

export function runningFields(claims: readonly RunningClaim[]): number[] {
  return claims.flatMap((claim) => [claim.run, claim.module, claim.fence]);
}

export function readRunning(reader: Reader): RunningClaim[] {
  return triples(reader, (run, module, fence) => ({ run, module, fence }));
}

/** @throws SkeinError FRAME_INVALID */
export function readOne(reader: Reader): RunningClaim {
  const [claim, ...more] = readRunning(reader);
  if (claim === undefined || more.length > 0) throw invalid('one claim is expected');
  return claim;
}

function readClaims(reader: Reader): ClaimItem[] {
  return triples(reader, (run, module, session) => ({ run, module, session }));
}

function triples<T>(reader: Reader, make: (a: number, b: number, c: number) => T): T[] {
  const numbers = reader.ints(3 * LIST_LENGTH_MAX);
  if (numbers.length % 3 !== 0) throw invalid('a list of triples has a remainder');
  const out: T[] = [];
  for (let i = 0; i < numbers.length; i += 3) out.push(make(numbers[i]!, numbers[i + 1]!, numbers[i + 2]!));
  return out;
}

export function resultFields(item: ResultItem): unknown[] {
  const { holders = [], unable = [] } = item;
  const fields: unknown[] = [item.run, item.module, item.generation, item.fence, item.inputsHash, outcomeFields(item.outcome)];
  if (holders.length > 0 || unable.length > 0) fields.push(holders, unable);
  return fields;
}

export function readResult(reader: Reader): ResultItem {
  const item: ResultItem = {
    run: reader.int(),
    module: reader.int(),
    generation: reader.int(),
    fence: reader.int(),
    inputsHash: reader.string(),
    outcome: readOutcome(reader.sub()),
  };
  if (reader.remaining === 0) return item;
  const holders = reader.strings(HOLDERS_MAX) as NodeId[];
  const unable = reader.strings(UNABLE_MAX) as NodeId[];
  reader.end();
  return { ...item, ...(holders.length > 0 ? { holders } : {}), ...(unable.length > 0 ? { unable } : {}) };
}
