/**
 * Log entries as bytes, the same for the write-ahead log and for Append messages.
 *
 * entry   = kind u8, index varint, term varint, [config: length varint, CBOR], data length varint, data
 * entries = count varint, then each entry; indexes rise by one and terms never fall
 *
 * `config` is there for kinds genesis and config only, data is empty for noop and config.
 */
import { decode, encode } from 'cborg';
import { assert } from '../core/lib/assert.ts';
import type { MemberId } from '../core/lib/ids.ts';
import type { Config, Entry, EntryKind } from '../core/raft/types.ts';
import { ByteReader, varintLength, writeVarint } from './bytes.ts';
import { ENTRY_DATA_BYTES_MAX, NAME_LENGTH_MAX } from './limits.ts';
import { invalid } from './reader.ts';

/** Most bytes of an encoded config: about 10,000 removed members. */
export const CONFIG_BYTES_MAX = 1024 * 1024;
/** Most voters, outgoing voters or standbys in one config. The autopilot never asks for more than 7. */
export const CONFIG_MEMBERS_MAX = 64;
/** Fewest bytes of an encoded entry: kind, index, term and data length. */
const ENTRY_BYTES_MIN = 4;

/** The position of a kind is its code on disk and on the wire: append only. */
const kinds: readonly EntryKind[] = ['genesis', 'noop', 'config', 'command'];
const kindCodes: Readonly<Record<EntryKind, number>> = { genesis: 0, noop: 1, config: 2, command: 3 };

/**
 * A config is encoded once. Entries are not: they are written straight into the frame or message, and remembering the
 * bytes of a small one costs several times more than writing them again.
 */
const configs = new WeakMap<Config, Uint8Array>();

/** Bytes of one entry. */
export function entryLength(entry: Entry): number {
  const { index, term, config, data } = entry;
  const head = 1 + varintLength(index) + varintLength(term);
  const body = varintLength(data.length) + data.length;
  if (config === undefined) return head + body;
  const { length } = encodeConfig(config);
  return head + varintLength(length) + length + body;
}

/** Bytes that `writeEntries` needs. */
export function entriesLength(entries: readonly Entry[]): number {
  let length = varintLength(entries.length);
  for (const entry of entries) length += entryLength(entry);
  return length;
}

/** Writes the entries at `offset` of a buffer that has `entriesLength` bytes left. @returns the offset after them. */
export function writeEntries(entries: readonly Entry[], target: Uint8Array, offset: number): number {
  let at = writeVarint(target, offset, entries.length);
  for (const entry of entries) at = writeEntry(entry, target, at);
  return at;
}

export function encodeEntry(entry: Entry): Uint8Array {
  const bytes = new Uint8Array(entryLength(entry));
  writeEntry(entry, bytes, 0);
  return bytes;
}

export function encodeEntries(entries: readonly Entry[]): Uint8Array {
  const bytes = new Uint8Array(entriesLength(entries));
  const end = writeEntries(entries, bytes, 0);
  assert(end === bytes.length, 'entries took another length than computed');
  return bytes;
}

/**
 * The `data` of each entry is a view into `bytes`: the caller gives them away and does not change them.
 * @throws SkeinError FRAME_INVALID for anything but the output of `encodeEntries`.
 */
export function decodeEntries(bytes: Uint8Array): Entry[] {
  const reader = new ByteReader(bytes);
  const entries = readEntries(reader);
  reader.expectEnd();
  return entries;
}

/** Reads what `writeEntries` wrote and stops after it. @throws SkeinError FRAME_INVALID */
export function readEntries(reader: ByteReader): Entry[] {
  const count = reader.varint();
  if (count * ENTRY_BYTES_MIN > reader.remaining) throw invalid(`more entries than bytes: ${count}`);
  const entries: Entry[] = [];
  let before: Entry | undefined;
  for (let i = 0; i < count; i++) {
    const entry = readEntry(reader);
    if (before !== undefined && entry.index !== before.index + 1) throw invalid('entry indexes do not rise by one');
    if (before !== undefined && entry.term < before.term) throw invalid('entry terms fall');
    entries.push(entry);
    before = entry;
  }
  return entries;
}

function readEntry(reader: ByteReader): Entry {
  const kind = kinds[reader.u8()];
  if (kind === undefined) throw invalid('unknown kind of entry');
  const index = reader.varint();
  const term = reader.varint();
  if (index === 0 || term === 0) throw invalid('index or term is 0');
  const config = hasConfig(kind) ? readConfig(reader) : undefined;
  const length = reader.varint();
  if (length > ENTRY_DATA_BYTES_MAX) throw invalid(`entry is too large: ${length}`);
  if (length > 0 && !hasData(kind)) throw invalid(`${kind} entry with data`);
  const data = reader.take(length);
  return config === undefined ? { index, term, kind, data } : { index, term, kind, config, data };
}

function writeEntry(entry: Entry, target: Uint8Array, offset: number): number {
  const { index, term, kind, config, data } = entry;
  assert(index > 0 && term > 0, 'entry without index or term');
  assert(data.length <= ENTRY_DATA_BYTES_MAX, `entry of ${data.length} bytes is over the limit`);
  assert(data.length === 0 || hasData(kind), `${kind} entry with data`);
  assert((config !== undefined) === hasConfig(kind), `${kind} entry: config is missing or not allowed`);
  target[offset] = kindCodes[kind];
  let at = writeVarint(target, offset + 1, index);
  at = writeVarint(target, at, term);
  if (config !== undefined) at = writeBytes(encodeConfig(config), target, at);
  return writeBytes(data, target, at);
}

function writeBytes(bytes: Uint8Array, target: Uint8Array, offset: number): number {
  const at = writeVarint(target, offset, bytes.length);
  target.set(bytes, at);
  return at + bytes.length;
}

function hasConfig(kind: EntryKind): boolean {
  return kind === 'genesis' || kind === 'config';
}

function hasData(kind: EntryKind): boolean {
  return kind === 'genesis' || kind === 'command';
}

/** CBOR of [voters, outgoing, standbys, removed]. Shared: not to be changed. */
export function encodeConfig(config: Config): Uint8Array {
  const known = configs.get(config);
  if (known !== undefined) return known;
  const bytes = encode([config.voters, config.outgoing, config.standbys, config.removed]);
  assert(bytes.length <= CONFIG_BYTES_MAX, 'config is over its size limit');
  configs.set(config, bytes);
  return bytes;
}

/** @throws SkeinError FRAME_INVALID */
export function decodeConfig(bytes: Uint8Array): Config {
  if (bytes.length > CONFIG_BYTES_MAX) throw invalid('config is too large');
  let lists: unknown;
  try {
    lists = decode(bytes, { strict: true, allowIndefinite: false, allowUndefined: false });
  } catch (error) {
    throw invalid(`config is not CBOR: ${String(error)}`);
  }
  if (!Array.isArray(lists) || lists.length !== 4) throw invalid('config is not four lists');
  return {
    voters: members(lists[0], CONFIG_MEMBERS_MAX),
    outgoing: members(lists[1], CONFIG_MEMBERS_MAX),
    standbys: members(lists[2], CONFIG_MEMBERS_MAX),
    removed: members(lists[3], CONFIG_BYTES_MAX),
  };
}

function readConfig(reader: ByteReader): Config {
  const length = reader.varint();
  if (length > CONFIG_BYTES_MAX) throw invalid(`config is too large: ${length}`);
  return decodeConfig(reader.take(length));
}

function members(list: unknown, countMax: number): readonly MemberId[] {
  if (!Array.isArray(list) || list.length > countMax) throw invalid('config has no list of members, or a too long one');
  for (const item of list) {
    if (typeof item !== 'string' || item.length > NAME_LENGTH_MAX) throw invalid('config names no member');
  }
  return list as MemberId[];
}
