/** Wire form of the messages on the work channel. */
import { HOLDERS_MAX, UNABLE_MAX } from '../core/cell/limits.ts';
import type { CellId, MemberId, NodeId, RunId } from '../core/lib/ids.ts';
import type { ItemSource } from '../core/cell/foreach.ts';
import type { FilesRef, Json, Reply, ResultVerdict } from '../core/cell/types.ts';
import { encodeMessage } from './message-bytes.ts';
import { readOne, readResult, readRunning, resultFields, runningFields } from './command-codec.ts';
import { BEACON_BYTES_MAX, LIST_LENGTH_MAX, MESSAGE_BYTES_MAX, TEXT_LENGTH_MAX } from './limits.ts';
import type { AssignItem, ClientRequest, Contact, LeaderHint, ProgressItem, WorkMessage } from './messages.ts';
import { decodeWire, flat, invalid, type Reader } from './reader.ts';
import { capabilityFields, filesRefFields, readCapabilities, readFilesRef } from './spec-codec.ts';

const types = [
  'sessionOpen', 'sessionReply', 'keepalive', 'keepaliveReply', 'runSpec', 'assign', 'decline', 'stop', 'results', 'resultsReply',
  'leave', 'leaveReply', 'forward', 'forwardReply', 'read', 'readReply', 'watch', 'watchEvents', 'beacon', 'checkpoint', 'progress',
] as const;
const code = Object.fromEntries(types.map((type, index) => [type, index])) as Record<WorkMessage['type'], number>;
const stopReasons = ['cancelled', 'superseded', 'timeout', 'released'] as const;
const verdicts: readonly ResultVerdict[] = ['accepted', 'duplicate', 'stale', 'unknown', 'needCopies'];

export function encodeWork(message: WorkMessage): Uint8Array {
  return encodeMessage([code[message.type], ...fields(message)]);
}

function fields(m: WorkMessage): unknown[] {
  switch (m.type) {
    case 'sessionOpen':
      return [m.id, m.cell, m.member, m.bootId, m.name, m.version, capabilityFields(m.capabilities), m.addresses, runningFields(m.running)];
    case 'sessionReply':
      return [m.id, m.session, m.error, hintFields(m.hint)];
    case 'keepalive':
      return [m.cell, m.session, m.sequence, m.slots, m.load, m.receiveBytesPerSecond, runningFields(m.running), ...(m.committing.length + m.fetching.length > 0 ? [m.committing, m.fetching] : [])];
    case 'keepaliveReply':
      return [m.cell, m.session, m.sequence, m.known, m.stop, m.contacts.map(contactFields)];
    case 'runSpec':
      return [m.cell, m.run, m.runId, m.offset, m.total, m.bytes];
    case 'assign':
      return [m.cell, m.session, m.items.map(assignFields)];
    case 'decline':
      return [m.cell, m.session, runningFields(m.claims), m.needSpec];
    case 'stop':
      return [m.cell, m.session, m.fences, stopReasons.indexOf(m.reason)];
    case 'results':
      return [m.cell, m.id, m.items.map(resultFields)];
    case 'progress':
      return [m.cell, m.session, m.items.map(({ fence, fraction, message }) => [fence, fraction ?? -1, message])];
    case 'resultsReply':
      return [m.id, m.verdicts.map((verdict) => verdicts.indexOf(verdict)), m.nodes, hintFields(m.hint)];
    case 'leave':
      return [m.id, m.cell, m.node, m.session, m.handOver];
    case 'leaveReply':
      return [m.id, m.done, m.lastCopies, hintFields(m.hint)];
    case 'forward':
      return [m.id, m.cell, requestFields(m.request), m.part, m.parts, m.bytes];
    case 'forwardReply':
      return [m.id, m.reply === null ? null : replyFields(m.reply), hintFields(m.hint)];
    case 'read':
      return [m.id, m.cell, m.strong, m.query, m.argument];
    case 'readReply':
      return [m.id, m.index, m.code, m.message, m.part, m.parts, m.bytes, hintFields(m.hint)];
    case 'watch':
      return [m.id, m.cell, m.run, m.after + 1];
    case 'watchEvents':
      return [m.id, m.events, m.gone];
    case 'beacon':
      return [m.beacon];
    case 'checkpoint':
      return [m.cell, runningFields([m.claim]), m.inputsHash, filesRefFields(m.files)];
  }
}

/** @throws SkeinError FRAME_INVALID */
export function decodeWork(bytes: Uint8Array): WorkMessage {
  const reader = decodeWire(bytes);
  const message = read(reader.oneOf(types), reader);
  reader.end();
  return message;
}

type Fields<T extends WorkMessage['type']> = Omit<Extract<WorkMessage, { type: T }>, 'type'>;

const readers: { readonly [T in WorkMessage['type']]: (r: Reader) => Fields<T> } = {
  sessionOpen: (r) => ({
    id: r.int(), cell: r.string() as CellId, member: r.string() as MemberId, bootId: r.string(), name: r.string(), version: r.string(),
    capabilities: readCapabilities(r.sub()), addresses: r.strings(64), running: readRunning(r),
  }),
  sessionReply: (r) => ({ id: r.int(), session: r.int(), error: r.text(), hint: readHint(r.sub()) }),
  keepalive: (r) => ({ cell: r.string() as CellId, session: r.int(), sequence: r.int(), slots: r.int(), load: r.number(), receiveBytesPerSecond: r.int(), running: readRunning(r), committing: r.remaining > 0 ? r.ints() : [], fetching: r.remaining > 0 ? r.ints() : [] }),
  keepaliveReply: (r) => ({
    cell: r.string() as CellId, session: r.int(), sequence: r.int(), known: r.boolean(), stop: r.ints(), contacts: r.list(readContact, 64),
  }),
  runSpec: (r) => ({ cell: r.string() as CellId, run: r.int(), runId: r.string() as RunId, offset: r.int(), total: r.int(), bytes: r.bytes(MESSAGE_BYTES_MAX) }),
  assign: (r) => ({ cell: r.string() as CellId, session: r.int(), items: r.list(readAssign) }),
  decline: (r) => ({ cell: r.string() as CellId, session: r.int(), claims: readRunning(r), needSpec: r.boolean() }),
  stop: (r) => ({ cell: r.string() as CellId, session: r.int(), fences: r.ints(), reason: r.oneOf(stopReasons) }),
  results: (r) => ({ cell: r.string() as CellId, id: r.int(), items: r.list(readResult) }),
  resultsReply: (r) => ({ id: r.int(), verdicts: readVerdicts(r), nodes: r.strings(UNABLE_MAX) as NodeId[], hint: readHint(r.sub()) }),
  leave: (r) => ({ id: r.int(), cell: r.string() as CellId, node: r.string() as NodeId, session: r.int(), handOver: r.boolean() }),
  leaveReply: (r) => ({ id: r.int(), done: r.boolean(), lastCopies: r.int(), hint: readHint(r.sub()) }),
  forward: (r) => ({ id: r.int(), cell: r.string() as CellId, request: readRequest(r.sub()), part: r.int(), parts: r.int(), bytes: r.bytes(MESSAGE_BYTES_MAX) }),
  forwardReply: (r) => ({ id: r.int(), reply: r.maybe(readReply), hint: readHint(r.sub()) }),
  read: (r) => ({ id: r.int(), cell: r.string() as CellId, strong: r.boolean(), query: r.string(), argument: r.json() }),
  readReply: (r) => ({ id: r.int(), index: r.int(), code: r.string(), message: r.text(), part: r.int(), parts: r.int(), bytes: r.bytes(MESSAGE_BYTES_MAX), hint: readHint(r.sub()) }),
  watch: (r) => ({ id: r.int(), cell: r.string() as CellId, run: r.int(), after: r.int() - 1 }),
  beacon: (r) => ({ beacon: r.bytes(BEACON_BYTES_MAX) }),
  checkpoint: (r) => ({ cell: r.string() as CellId, claim: readOne(r), inputsHash: r.string(), files: readFilesRef(r.sub()) }),
  progress: (r) => ({ cell: r.string() as CellId, session: r.int(), items: r.list(readProgress) }),
  watchEvents: (r) => ({ id: r.int(), events: readJsonList(r), gone: r.boolean() }),
};

function read(type: WorkMessage['type'], reader: Reader): WorkMessage {
  const message = readers[type](reader) as { type?: WorkMessage['type'] };
  message.type = type;
  return message as WorkMessage;
}

function hintFields(hint: LeaderHint): unknown[] {
  return [hint.cell, hint.node, hint.addresses];
}

function readHint(r: Reader): LeaderHint {
  return { cell: r.string() as CellId, node: r.string() as NodeId, addresses: r.strings(64) };
}

function contactFields(contact: Contact): unknown[] {
  return [contact.node, contact.addresses];
}

function readContact(r: Reader): Contact {
  return { node: r.string() as NodeId, addresses: r.strings(64) };
}

function assignFields(item: AssignItem): unknown[] {
  const needs = item.needs.map((values) => flat(values));
  return [item.run, item.module, item.fence, item.generation, item.attempt, item.inputsHash, needs, item.inputs.map((files) => files.map(filesRefFields)), item.inputHolders, item.checkpoint === null ? null : filesRefFields(item.checkpoint), itemFields(item.item)];
}

function readProgress(r: Reader): ProgressItem {
  const [fence, fraction, message] = [r.int(), r.number(), r.string()];
  r.end();
  return { fence, fraction: fraction < 0 ? null : Math.min(1, fraction), message };
}

function readAssign(r: Reader): AssignItem {
  return {
    run: r.int(), module: r.int(), fence: r.int(), generation: r.int(), attempt: r.int(), inputsHash: r.string(),
    needs: r.list((values) => {
      const entries: Array<[string, Json]> = [];
      while (values.remaining > 0) entries.push([values.string(), values.json()]);
      return Object.fromEntries(entries);
    }),
    inputs: r.list((files) => {
      const refs: FilesRef[] = [];
      while (files.remaining > 0) refs.push(readFilesRef(files.sub()));
      return refs;
    }),
    inputHolders: r.list((list) => list.rest(HOLDERS_MAX) as NodeId[]),
    checkpoint: r.maybe(readFilesRef),
    item: r.maybe(readItem),
  };
}

function itemFields(item: AssignItem['item']): unknown {
  if (item === null) return null;
  const { template, number, source } = item;
  return source.type === 'value' ? [template, number, source.value] : [template, number, filesRefFields(source.files), source.position];
}

function readItem(r: Reader): NonNullable<AssignItem['item']> {
  const template = r.int();
  const number = r.int();
  const source: ItemSource = r.remaining === 1 ? { type: 'value', value: r.json() } : { type: 'file', files: readFilesRef(r.sub()), position: r.int() };
  r.end();
  return { template, number, source };
}

function readVerdicts(r: Reader): ResultVerdict[] {
  return r.ints(LIST_LENGTH_MAX).map((number) => {
    const verdict = verdicts[number];
    if (verdict === undefined) throw invalid('unknown verdict');
    return verdict;
  });
}

function readJsonList(r: Reader): Json[] {
  const list = r.json();
  if (!Array.isArray(list)) throw invalid('events are not a list');
  return list as Json[];
}

const requestTypes = ['submit', 'cancel', 'drain', 'pauseRun', 'pauseQueue', 'rerun'] as const;

function requestFields(request: ClientRequest): unknown[] {
  switch (request.type) {
    case 'submit':
      return [0, request.requestKey];
    case 'cancel':
      return [1, request.run, request.reason];
    case 'drain':
      return [2, request.node, request.on];
    case 'pauseRun':
      return [3, request.run, request.on, request.reason];
    case 'pauseQueue':
      return [4, request.on, request.reason];
    case 'rerun':
      return [5, request.requestKey, request.run, request.failedOnly];
  }
}

function readRequest(r: Reader): ClientRequest {
  const type = r.oneOf(requestTypes);
  switch (type) {
    case 'submit':
      return { type, requestKey: r.string() };
    case 'cancel':
      return { type, run: r.int(), reason: r.text() };
    case 'drain':
      return { type, node: r.string() as NodeId, on: r.boolean() };
    case 'pauseRun':
      return { type, run: r.int(), on: r.boolean(), reason: r.text() };
    case 'pauseQueue':
      return { type, on: r.boolean(), reason: r.text() };
    case 'rerun':
      return { type, requestKey: r.string(), run: r.int(), failedOnly: r.boolean() };
  }
}

const replyTypes = ['ok', 'session', 'run', 'results', 'claims', 'error'] as const;

function replyFields(reply: Reply): unknown[] {
  switch (reply.type) {
    case 'ok':
      return [0];
    case 'session':
      return [1, reply.session];
    case 'run':
      return [2, reply.run, reply.runId, reply.duplicate];
    case 'results':
      return [3, reply.verdicts.map((verdict) => verdicts.indexOf(verdict))];
    case 'claims':
      return [4, reply.fences];
    case 'error':
      return [5, reply.code, reply.message.slice(0, TEXT_LENGTH_MAX)];
  }
}

function readReply(r: Reader): Reply {
  const type = r.oneOf(replyTypes);
  switch (type) {
    case 'ok':
      return { type };
    case 'session':
      return { type, session: r.int() };
    case 'run':
      return { type, run: r.int(), runId: r.string() as RunId, duplicate: r.boolean() };
    case 'results':
      return { type, verdicts: readVerdicts(r) };
    case 'claims':
      return { type, fences: r.ints() };
    case 'error':
      return { type, code: r.string(), message: r.text() };
  }
}
