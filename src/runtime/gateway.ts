/**
 * Clients' requests from any node to whoever leads. A write is retried with the same request key until it is answered or
 * its time is up; then its outcome is unknown and the error says so.
 */
import type { CellId, LogIndex, NodeId, RunNumber } from '../core/lib/ids.ts';
import type { Command, Json, Reply, RunSpec } from '../core/cell/types.ts';
import { isSkeinError, SkeinError, type ErrorCode } from '../errors.ts';
import { SPEC_BYTES_MAX, SUBMIT_PART_BYTES, SUBMIT_WHOLE_BYTES_MAX } from '../protocol/limits.ts';
import type { ClientRequest, LeaderHint, WorkMessage } from '../protocol/messages.ts';
import { decodeSpec, encodeSpecInSlices } from '../protocol/spec-codec.ts';
import type { NodeContext } from './context.ts';
import type { Leader } from './leader.ts';
import type { ReadFloor } from './read-floor.ts';
import { Assembler } from './assembler.ts';
import { inTurns } from './turns.ts';
import type { Routine } from './routine.ts';

/** Slice of a forwarded request or of a read's answer. */
const SLICE_BYTES = 1024 * 1024;
/** Requests under way from this node. */
const REQUESTS_MAX = 10_000;
/** One try at one leader. */
const ATTEMPT_MS = 2000;
const RETRY_MS = 100;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface GatewayHooks {
  leader(): Leader | undefined;
  /** Cell, and the node that leads it as far as this node knows. */
  target(): { readonly cell: CellId | ''; readonly node: NodeId | '' };
  hint(): LeaderHint;
  hinted(hint: LeaderHint): void;
  /** Has this node seen no quorum for so long that it says so? */
  stalled(): boolean;
  /** Answers a read from this node's own state; strong ones only after a ReadIndex. */
  answer(query: string, argument: Json, strong: boolean, done: (answer: ReadAnswer | undefined) => void): void;
  /** What reads of this node must not fall below. */
  readonly floor: ReadFloor;
}

/** From the state after entry `index`. */
export interface ReadAnswer {
  readonly index: LogIndex;
  readonly value: Json | SkeinError;
}

export type GatewayDone<T> = (error: SkeinError | undefined, value?: T) => void;

/** `again`: that node cannot answer now, so the next round of retries asks once more. `waiting`: for the rest of it. */
type Progress = 'finished' | 'waiting' | 'again';

interface Attempt {
  /** Returns false when nobody can be asked now. */
  send(id: number, node: NodeId, cell: CellId): boolean;
  /** Handles an answer. */
  answered(from: NodeId, message: WorkMessage): Progress;
  fail(error: SkeinError): void;
  readonly deadline: number;
  /** Whom it was sent to so far: nobody else can answer. */
  readonly asked: Set<NodeId>;
  node: NodeId | '';
  sentAt: number;
}

export class Gateway {
  readonly #context: NodeContext;
  readonly #hooks: GatewayHooks;
  readonly #attempts = new Map<number, Attempt>();
  readonly #assembler = new Assembler(SPEC_BYTES_MAX);
  readonly #retries: Routine;
  #id: number;
  #stopped = false;

  constructor(context: NodeContext, hooks: GatewayHooks) {
    this.#context = context;
    this.#hooks = hooks;
    this.#id = context.firstId();
    this.#retries = context.routine(() => RETRY_MS, () => this.#retry());
  }

  submit(spec: RunSpec, requestKey: string, timeoutMs: number, done: GatewayDone<Extract<Reply, { type: 'run' }>>): void {
    const write = (bytes: Uint8Array): void => {
      if (bytes.length > SPEC_BYTES_MAX) {
        done(new SkeinError('REQUEST_TOO_LARGE', `the run takes ${bytes.length} bytes, at most ${SPEC_BYTES_MAX} are allowed`));
        return;
      }
      this.#write({ type: 'submit', requestKey }, bytes, timeoutMs, runOf(done));
    };
    inTurns(this.#context, (slice) => encodeSpecInSlices(spec, slice), write, () => done(stopping()));
  }

  /** A finished run once more, as a new one. */
  rerun(run: RunNumber, failedOnly: boolean, requestKey: string, timeoutMs: number, done: GatewayDone<Extract<Reply, { type: 'run' }>>): void {
    this.#write({ type: 'rerun', requestKey, run, failedOnly }, new Uint8Array(0), timeoutMs, runOf(done));
  }

  cancel(run: RunNumber, reason: string, timeoutMs: number, done: GatewayDone<void>): void {
    this.#write({ type: 'cancel', run, reason }, new Uint8Array(0), timeoutMs, (error) => done(error));
  }

  drain(node: NodeId, on: boolean, timeoutMs: number, done: GatewayDone<void>): void {
    this.#write({ type: 'drain', node, on }, new Uint8Array(0), timeoutMs, (error) => done(error));
  }

  pauseRun(run: RunNumber, on: boolean, reason: string, timeoutMs: number, done: GatewayDone<void>): void {
    this.#write({ type: 'pauseRun', run, on, reason }, new Uint8Array(0), timeoutMs, (error) => done(error));
  }

  pauseQueue(on: boolean, reason: string, timeoutMs: number, done: GatewayDone<void>): void {
    this.#write({ type: 'pauseQueue', on, reason }, new Uint8Array(0), timeoutMs, (error) => done(error));
  }

  #write(request: ClientRequest, bytes: Uint8Array, timeoutMs: number, done: GatewayDone<Reply>): void {
    const finish = (reply: Reply): void => {
      if (reply.type === 'error') done(new SkeinError(reply.code as ErrorCode, reply.message));
      else done(undefined, reply);
    };
    this.#begin({
      deadline: this.#context.now() + timeoutMs,
      send: (id, node, cell) => {
        if (node === this.#context.self) {
          this.#perform(request, bytes, (reply) => {
            if (reply === undefined) this.#again(id);
            else if (this.#attempts.delete(id)) finish(reply);
          });
          return true;
        }
        const parts = Math.max(1, Math.ceil(bytes.length / SLICE_BYTES));
        for (let part = 0; part < parts; part += 1) {
          const slice = bytes.subarray(part * SLICE_BYTES, (part + 1) * SLICE_BYTES);
          if (!this.#context.sendWork(node, { type: 'forward', id, cell, request, part, parts, bytes: slice })) return false;
        }
        return true;
      },
      answered: (_from, message) => {
        if (message.type !== 'forwardReply') return 'waiting';
        this.#hooks.hinted(message.hint);
        if (message.reply === null) return 'again';
        finish(message.reply);
        return 'finished';
      },
      fail: (error) => done(error),
    });
  }

  /** Asks the leader (strong, or because this node holds no log that is new enough). */
  read(query: string, argument: Json, strong: boolean, timeoutMs: number, done: GatewayDone<Json>): void {
    const { floor } = this.#hooks;
    const assembler = new Assembler(SPEC_BYTES_MAX);
    let asked: CellId | '' = '';
    this.#begin({
      deadline: this.#context.now() + timeoutMs,
      send: (id, node, cell) => {
        asked = cell;
        if (node !== this.#context.self) return this.#context.sendWork(node, { type: 'read', id, cell, strong, query, argument });
        this.#hooks.answer(query, argument, strong, (answer) => {
          if (answer === undefined || answer.index < floor.of(cell)) this.#again(id);
          else if (!this.#attempts.delete(id)) return;
          else {
            floor.raise(cell, answer.index);
            giveRead(answer.value, done);
          }
        });
        return true;
      },
      answered: (from, message) => {
        if (message.type !== 'readReply' || asked === '') return 'waiting';
        this.#hooks.hinted(message.hint);
        // A leader that was deposed and does not know it may be behind what this node has shown already.
        if (message.code === 'NO_LEADER' || message.index < floor.of(asked)) return 'again';
        floor.raise(asked, message.index);
        if (message.code !== '') {
          done(new SkeinError(message.code as ErrorCode, message.message));
          return 'finished';
        }
        const whole = assembler.add(from, message.part, message.parts, message.bytes);
        if (whole === undefined) return 'waiting';
        done(undefined, jsonOf(whole));
        return 'finished';
      },
      fail: (error) => done(error),
    });
  }

  // ── Attempts ───────────────────────────────────────────────────────────────────────────────────────────────────

  #begin(attempt: Omit<Attempt, 'node' | 'asked' | 'sentAt'>): void {
    if (this.#stopped) {
      attempt.fail(stopping());
      return;
    }
    if (this.#attempts.size >= REQUESTS_MAX) {
      attempt.fail(new SkeinError('LIMIT_EXCEEDED', `${REQUESTS_MAX} requests are under way on this node`));
      return;
    }
    const id = ++this.#id;
    const whole: Attempt = { ...attempt, node: '', asked: new Set(), sentAt: -Infinity };
    this.#attempts.set(id, whole);
    this.#retries.wake();
    this.#try(id, whole);
  }

  #try(id: number, attempt: Attempt): void {
    const { cell, node } = this.#hooks.target();
    attempt.node = '';
    if (cell === '' || node === '') return;
    attempt.sentAt = this.#context.now();
    attempt.node = node;
    attempt.asked.add(node);
    if (!attempt.send(id, node, cell)) attempt.node = '';
  }

  /** The answer was "not here": the next round of retries asks again. */
  #again(id: number): void {
    const attempt = this.#attempts.get(id);
    if (attempt !== undefined) attempt.node = '';
  }

  /** @returns whether any request is left. */
  #retry(): boolean {
    const now = this.#context.now();
    for (const [id, attempt] of this.#attempts) {
      if (now >= attempt.deadline) {
        this.#attempts.delete(id);
        attempt.fail(this.#gaveUp());
      } else if (attempt.node === '' || now - attempt.sentAt >= ATTEMPT_MS || this.#hooks.target().node !== attempt.node) {
        this.#try(id, attempt);
      }
    }
    return this.#attempts.size > 0;
  }

  #gaveUp(): SkeinError {
    if (this.#hooks.stalled()) return new SkeinError('NO_QUORUM', 'the majority of the voters cannot be reached, so nothing can be recorded now; retry with the same request key');
    return new SkeinError('NO_LEADER', 'no leader answered in time; whether the request was recorded is unknown until it is retried with the same request key');
  }

  answered(from: NodeId, message: Extract<WorkMessage, { type: 'forwardReply' | 'readReply' }>): void {
    const attempt = this.#attempts.get(message.id);
    if (attempt === undefined || !attempt.asked.has(from)) return;
    const progress = attempt.answered(from, message);
    if (progress === 'finished') this.#attempts.delete(message.id);
    else if (progress === 'again') attempt.node = '';
  }

  // ── The leader's side ──────────────────────────────────────────────────────────────────────────────────────────

  forwarded(from: NodeId, message: Extract<WorkMessage, { type: 'forward' }>): void {
    const bytes = this.#assembler.add(`${from} ${message.id}`, message.part, message.parts, message.bytes);
    if (bytes === undefined) return;
    this.#perform(message.request, bytes, (reply) => {
      this.#context.sendWork(from, { type: 'forwardReply', id: message.id, reply: reply ?? null, hint: this.#hooks.hint() });
    });
  }

  #perform(request: ClientRequest, bytes: Uint8Array, done: (reply: Reply | undefined) => void): void {
    const leader = this.#hooks.leader();
    if (leader === undefined) {
      this.#context.defer(() => done(undefined));
      return;
    }
    let commands: Command[];
    try {
      commands = commandsOf(request, bytes, leader.stamp());
    } catch (error) {
      if (!isSkeinError(error)) throw error;
      done({ type: 'error', code: 'REQUEST_INVALID', message: error.message });
      return;
    }
    leader.command(commands, done);
  }

  asked(from: NodeId, message: Extract<WorkMessage, { type: 'read' }>): void {
    this.#hooks.answer(message.query, message.argument, message.strong, (answer) => {
      const base = { type: 'readReply', id: message.id, index: answer?.index ?? 0, hint: this.#hooks.hint() } as const;
      if (answer === undefined || answer.value instanceof SkeinError) {
        const error = answer?.value as SkeinError | undefined;
        this.#context.sendWork(from, { ...base, code: error?.code ?? 'NO_LEADER', message: error?.message ?? '', part: 0, parts: 1, bytes: new Uint8Array(0) });
        return;
      }
      const bytes = encoder.encode(JSON.stringify(answer.value));
      const parts = Math.max(1, Math.ceil(bytes.length / SLICE_BYTES));
      for (let part = 0; part < parts; part += 1) {
        const slice = bytes.subarray(part * SLICE_BYTES, (part + 1) * SLICE_BYTES);
        this.#context.sendWork(from, { ...base, code: '', message: '', part, parts, bytes: slice });
      }
    });
  }

  stop(): void {
    this.#stopped = true;
    for (const attempt of this.#attempts.values()) attempt.fail(stopping());
    this.#attempts.clear();
  }
}

function runOf(done: GatewayDone<Extract<Reply, { type: 'run' }>>): GatewayDone<Reply> {
  return (error, reply) => {
    if (error !== undefined) done(error);
    else if (reply?.type === 'run') done(undefined, reply);
    else done(unexpected(reply));
  };
}

/** A large Submit becomes parts; the last one makes it take effect. */
function commandsOf(request: ClientRequest, bytes: Uint8Array, now: number): Command[] {
  switch (request.type) {
    case 'cancel':
      return [{ type: 'cancel', now, run: request.run, reason: request.reason }];
    case 'drain':
      return [{ type: 'nodeDrain', now, node: request.node, on: request.on }];
    case 'pauseRun':
      return [{ type: 'runPause', now, run: request.run, on: request.on, reason: request.reason }];
    case 'pauseQueue':
      return [{ type: 'queuePause', now, on: request.on, reason: request.reason }];
    case 'rerun':
      return [{ type: 'rerun', now, requestKey: request.requestKey, run: request.run, failedOnly: request.failedOnly }];
    case 'submit': {
      const { requestKey } = request;
      if (bytes.length <= SUBMIT_WHOLE_BYTES_MAX) return [{ type: 'submit', now, requestKey, spec: decodeSpec(bytes) }];
      const parts = Math.ceil(bytes.length / SUBMIT_PART_BYTES);
      return Array.from({ length: parts }, (_, part): Command => {
        return { type: 'submitPart', now, requestKey, part, parts, bytes: bytes.subarray(part * SUBMIT_PART_BYTES, (part + 1) * SUBMIT_PART_BYTES) };
      });
    }
  }
}

function giveRead(value: Json | SkeinError, done: GatewayDone<Json>): void {
  if (value instanceof SkeinError) done(value);
  else done(undefined, value);
}

function stopping(): SkeinError {
  return new SkeinError('NODE_STOPPING', 'the node stops');
}

/** @throws SkeinError FRAME_INVALID */
function jsonOf(bytes: Uint8Array): Json {
  try {
    return JSON.parse(decoder.decode(bytes)) as Json;
  } catch (error) {
    throw new SkeinError('FRAME_INVALID', `the answer to a read is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function unexpected(reply: Reply | undefined): SkeinError {
  return new SkeinError('REQUEST_INVALID', `the leader answered with ${reply?.type ?? 'nothing'}`);
}
