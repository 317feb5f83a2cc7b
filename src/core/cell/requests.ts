/**
 * Which Submits were seen: request keys (PROTOCOL §6) and the parts of Submits that are not whole yet. A key that fell
 * out of the table must not make a second run, so keys older than the table goes back are refused as KEY_EXPIRED.
 *
 * How far it goes back is told in the time of the keys, which is their makers', and the time of the log has no part in it:
 * one leader whose clock was a month ahead would leave the cell refusing every client for that month, and one whose clock
 * was a month behind would have requests forgotten that are seconds old.
 */
import { uuidV7Time } from '../lib/uuid-v7.ts';
import type { RunNumber } from '../lib/ids.ts';
import {
  PARTS_PER_SUBMIT_MAX,
  PART_BYTES_MAX,
  REQUEST_KEYS_MAX,
  REQUEST_KEY_LENGTH_MAX,
  SUBMIT_BYTES_MAX,
  UNFINISHED_AGE_MAX_MS,
  UNFINISHED_BYTES_MAX,
  UNFINISHED_SUBMITS_MAX,
} from './limits.ts';
import { cellMutant } from './mutants.ts';
import { refuse } from './reply.ts';
import { isRunFinal, type CellState } from './state.ts';
import type { Command, Reply } from './types.ts';

/** The stored answer for this key, a refusal, or undefined when the key is new. */
export function answerForKey(state: CellState, key: string): Reply | undefined {
  if (key === '' || key.length > REQUEST_KEY_LENGTH_MAX || !key.isWellFormed()) {
    return refuse('REQUEST_INVALID', `a request key has 1 to ${REQUEST_KEY_LENGTH_MAX} characters`);
  }
  const entry = state.requests.get(key);
  if (entry !== undefined && !cellMutant(state, 'dedupe-off')) return { type: 'run', run: entry.run, runId: entry.runId, duplicate: true };
  const madeAt = uuidV7Time(key);
  if (madeAt !== undefined && madeAt < state.requestHorizon) {
    return refuse('KEY_EXPIRED', 'this request key is older than the table of request keys goes back');
  }
  return undefined;
}

export function rememberKey(state: CellState, key: string, run: RunNumber): void {
  state.requests.set(key, { run, runId: state.runs.get(run)!.runId, at: state.now, time: timeOfKey(key, state.now) });
  forgetKeys(state);
}

/**
 * Over the limit, forgets the key with the oldest time, and the horizon moves behind it: whatever was forgotten is refused
 * from then on, however wrong any clock was when the request came. A key from a clock that is ahead thus stays, instead
 * of shutting out everybody else. The key of a live run stays: its owner may still be asking.
 */
function forgetKeys(state: CellState): void {
  const { requests } = state;
  while (requests.size > REQUEST_KEYS_MAX) {
    let oldest: string | undefined;
    let time = Infinity;
    for (const [key, entry] of requests) {
      if (entry.time >= time) continue;
      const record = state.runs.get(entry.run);
      if (record !== undefined && !isRunFinal(record.phase)) continue;
      oldest = key;
      time = entry.time;
    }
    if (oldest === undefined) return;
    requests.delete(oldest);
    const madeAt = uuidV7Time(oldest);
    if (madeAt !== undefined) state.requestHorizon = Math.max(state.requestHorizon, madeAt + 1);
  }
}

/** What a key is forgotten by: the time in it, or when it was accepted if it has none. */
export function timeOfKey(key: string, acceptedAt: number): number {
  return uuidV7Time(key) ?? acceptedAt;
}

type SubmitPart = Extract<Command, { type: 'submitPart' }>;

/** The parts that this one makes whole, without keeping it; undefined when some are missing, or more will come. */
export function lastPartOf(state: CellState, { requestKey, part, parts, bytes }: SubmitPart): readonly Uint8Array[] | undefined {
  if (part !== parts - 1) return undefined;
  const unfinished = state.unfinished.get(requestKey);
  if (unfinished === undefined || unfinished.parts !== parts) return parts === 1 ? [bytes] : undefined;
  return allOf(unfinished.received.with(part, bytes));
}

/** Keeps one part. @returns `whole` when this was the last (see `lastPartOf`), else the answer to the part. */
export function addPart(state: CellState, command: SubmitPart): 'whole' | { readonly reply: Reply } {
  const { requestKey: key, part, parts, bytes } = command;
  dropAbandoned(state);
  const known = Number.isInteger(parts) && Number.isInteger(part);
  if (!known || parts < 1 || part < 0 || part >= parts || bytes.length === 0) {
    return { reply: refuse('REQUEST_INVALID', `part ${part} of ${parts} with ${bytes.length} bytes`) };
  }
  if (parts > PARTS_PER_SUBMIT_MAX || bytes.length > PART_BYTES_MAX) {
    return { reply: refuse('REQUEST_TOO_LARGE', `a submit has at most ${PARTS_PER_SUBMIT_MAX} parts of ${PART_BYTES_MAX} bytes`) };
  }
  if (state.unfinished.get(key)?.parts !== parts) dropUnfinished(state, key);
  if (!state.unfinished.has(key)) {
    if (state.unfinished.size >= UNFINISHED_SUBMITS_MAX) return { reply: refuse('LIMIT_EXCEEDED', `${UNFINISHED_SUBMITS_MAX} submits are under way`) };
    state.unfinished.set(key, { parts, received: Array.from({ length: parts }, () => undefined), bytes: 0, at: state.now });
  }
  return keepPart(state, command);
}

function keepPart(state: CellState, command: SubmitPart): 'whole' | { readonly reply: Reply } {
  const { requestKey: key, part, parts, bytes } = command;
  const unfinished = state.unfinished.get(key)!;
  const growth = bytes.length - (unfinished.received[part]?.length ?? 0);
  if (unfinished.bytes + growth > SUBMIT_BYTES_MAX) {
    dropUnfinished(state, key);
    return { reply: refuse('REQUEST_TOO_LARGE', `a submit has at most ${SUBMIT_BYTES_MAX} bytes`) };
  }
  if (state.unfinishedBytes + growth > UNFINISHED_BYTES_MAX) {
    dropUnfinished(state, key);
    return { reply: refuse('LIMIT_EXCEEDED', `submits under way hold more than ${UNFINISHED_BYTES_MAX} bytes`) };
  }
  unfinished.received[part] = bytes;
  unfinished.bytes += growth;
  unfinished.at = state.now;
  state.unfinishedBytes += growth;
  if (part !== parts - 1) return { reply: { type: 'ok' } };
  const all = allOf(unfinished.received);
  dropUnfinished(state, key);
  return all === undefined ? { reply: refuse('REQUEST_INVALID', 'parts of this submit are missing: send all of them again') } : 'whole';
}

function allOf(parts: readonly (Uint8Array | undefined)[]): readonly Uint8Array[] | undefined {
  return parts.every((part) => part !== undefined) ? parts : undefined;
}

export function dropUnfinished(state: CellState, key: string): void {
  const unfinished = state.unfinished.get(key);
  if (unfinished === undefined) return;
  state.unfinishedBytes -= unfinished.bytes;
  state.unfinished.delete(key);
}

/** A client that died half-way leaves parts behind; at most UNFINISHED_SUBMITS_MAX are looked at. */
function dropAbandoned(state: CellState): void {
  for (const [key, { at }] of state.unfinished) {
    if (at < state.now - UNFINISHED_AGE_MAX_MS) dropUnfinished(state, key);
  }
}
