/**
 * The history of clients as data: what each asked, when, and what it was told. In the simulator it stays in memory; real
 * clients write it as JSON lines, one event a line, in the order in which the events happened.
 *
 * ```text
 * {"at":12.5,"client":"c1","op":7,"event":"invoke","call":{"type":"submit","key":"0198…"}}
 * {"at":14.1,"client":"c1","op":7,"event":"return","reply":{"type":"accepted","run":"k3fd-…","duplicate":false}}
 * {"at":15.0,"client":"c2","op":8,"event":"invoke","call":{"type":"read","run":"k3fd-…","consistency":"strong","session":"n2.1"}}
 * {"at":99.0,"client":"c2","op":8,"event":"lost","why":"NO_LEADER"}
 * ```
 */
import { z } from 'zod';

const name = z.string().min(1).max(1000);

const call = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('submit'), key: name }),
  z.strictObject({ type: z.literal('cancel'), run: name }),
  /** `session`: one client at one process of one node. Stale (`local`) reads promise something within a session only. */
  z.strictObject({ type: z.literal('read'), run: name, consistency: z.enum(['strong', 'local']), session: name }),
  /** Returns when the run has ended. */
  z.strictObject({ type: z.literal('result'), run: name }),
]);

/** `modules`: in the order of the pipeline, '' while open, then `moduleResult`; empty when the answer does not tell. */
const view = z.strictObject({ type: z.literal('run'), phase: z.enum(['queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled']), modules: z.array(z.string()) });

const reply = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('accepted'), run: name, duplicate: z.boolean() }),
  z.strictObject({ type: z.literal('cancelled') }),
  /** RUN_FINAL: it had ended before. */
  z.strictObject({ type: z.literal('final') }),
  /** RUN_NOT_FOUND. */
  z.strictObject({ type: z.literal('unknownRun') }),
  view,
]);

const head = { at: z.number(), client: name, op: z.int().min(0) };
const event = z.discriminatedUnion('event', [
  z.strictObject({ ...head, event: z.literal('invoke'), call }),
  z.strictObject({ ...head, event: z.literal('return'), reply }),
  /** No answer that says what happened: outcome unknown. An operation without an end is the same. */
  z.strictObject({ ...head, event: z.literal('lost'), why: z.string() }),
]);

export type Call = Readonly<z.infer<typeof call>>;
export type RunSeen = Readonly<Omit<z.infer<typeof view>, 'modules'>> & { readonly modules: readonly string[] };
export type Reply = Readonly<Exclude<z.infer<typeof reply>, { type: 'run' }>> | RunSeen;
export type HistoryEvent =
  /** `at`: ms on any clock that all events of one history share. */
  | { readonly at: number; readonly client: string; readonly op: number; readonly event: 'invoke'; readonly call: Call }
  | { readonly at: number; readonly client: string; readonly op: number; readonly event: 'return'; readonly reply: Reply }
  | { readonly at: number; readonly client: string; readonly op: number; readonly event: 'lost'; readonly why: string };

/** One call with what came of it. Positions in the history, not times, say what came before what. */
export interface ClientOperation {
  readonly client: string;
  readonly op: number;
  readonly call: Call;
  readonly invokedAt: number;
  readonly invokedMs: number;
  /** Undefined: outcome unknown. */
  readonly answer: { readonly reply: Reply; readonly returnedAt: number; readonly returnedMs: number } | undefined;
}

/** @throws SyntaxError that names the line. */
export function parseHistory(text: string): HistoryEvent[] {
  const events: HistoryEvent[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const problem = (what: string): SyntaxError => new SyntaxError(`line ${index + 1}: ${what}: ${line.slice(0, 120)}`);
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw problem('not JSON');
    }
    const result = event.safeParse(value);
    const [issue] = result.error?.issues ?? [];
    if (!result.success) throw problem(`no event of a history (${issue?.path.join('.') || 'it'}: ${issue?.message ?? 'invalid'})`);
    events.push(result.data);
  }
  return events;
}

/**
 * Several recorders on one clock as one history. What happened at the same instant of two recorders is taken as
 * overlapping: beginnings come first.
 */
export function mergeHistories(histories: readonly (readonly HistoryEvent[])[]): HistoryEvent[] {
  if (histories.length === 1) return [...histories[0]!];
  const all = histories.flatMap((events, recorder) => events.map((one) => ({ ...one, client: `${one.client}/${recorder}` })));
  return all.toSorted((a, b) => a.at - b.at || Number(a.event !== 'invoke') - Number(b.event !== 'invoke'));
}

/** @throws SyntaxError for an operation that ends without having begun, or begins or ends twice. */
export function operationsOf(events: readonly HistoryEvent[]): ClientOperation[] {
  const begun = new Map<string, ClientOperation>();
  const ended = new Set<string>();
  for (const [position, one] of events.entries()) {
    const { at, client, op } = one;
    const id = `${client} ${op}`;
    const before = begun.get(id);
    const wrong = (what: string): SyntaxError => new SyntaxError(`event ${position + 1}: operation ${op} of ${client} ${what}`);
    if (one.event === 'invoke') {
      if (before !== undefined) throw wrong('begins twice');
      begun.set(id, { client, op, call: one.call, invokedAt: position, invokedMs: at, answer: undefined });
      continue;
    }
    if (before === undefined) throw wrong('ends without having begun');
    if (ended.has(id)) throw wrong('ends twice');
    ended.add(id);
    if (one.event === 'return') begun.set(id, { ...before, answer: { reply: one.reply, returnedAt: position, returnedMs: at } });
  }
  return [...begun.values()];
}

/** For people: `c1 at 12.5–14.1 ms: submit 0198… → accepted k3fd-…`. */
export function describeOperation({ client, call: asked, invokedMs, answer }: ClientOperation): string {
  const { type, ...rest } = asked;
  const words = Object.values(rest).join(' ');
  if (answer === undefined) return `${client} from ${invokedMs.toFixed(1)} ms: ${type} ${words} → outcome unknown`;
  const { type: kind, ...told } = answer.reply;
  const details = 'modules' in told ? `${told.phase}${told.modules.length === 0 ? '' : ` [${told.modules.map((one) => one || '·').join(', ')}]`}` : Object.entries(told).map(([key, value]) => `${key}=${value}`).join(' ');
  return `${client} at ${invokedMs.toFixed(1)}–${answer.returnedMs.toFixed(1)} ms: ${type} ${words} → ${kind}${details === '' ? '' : ` ${details}`}`;
}
