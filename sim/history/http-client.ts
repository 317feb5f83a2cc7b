/**
 * A client of the node's HTTP API (docs/reference/api.md) whose calls are written down for the checker. For tests with
 * real processes:
 *
 * ```ts
 * const recorder = new Recorder({ now: () => performance.now(), sink: (line) => appendFileSync(file, `${line}\n`) });
 * const client = new RecordedClient(recorder, 'c1');
 * await client.submit(node, { pipeline, file: 'x.yaml' }, randomUUID());
 * await client.read(node, runId, 'strong');
 * checkHistory(recorder.events);            // or: node sim/history/check.ts FILE
 * ```
 */
import { isSkeinError } from '../../src/errors.ts';
import type { Client } from '../../src/cli/client.ts';
import type { Call, Reply } from './events.ts';
import type { Recorder } from './recorder.ts';
import { runSeen, type RunShown } from './run-seen.ts';

export interface HttpAnswer {
  readonly status: number;
  /** Parsed JSON; a problem document if it is no success. */
  readonly body: unknown;
}

/** How one node is asked. Rejects when the connection breaks or nobody answers in time. */
export interface HttpNode {
  /**
   * Names this process of this node: another text after each start. Undefined when different nodes may answer, as with
   * the CLI's client; then stale reads promise nothing to each other.
   */
  readonly session?: string;
  ask(method: 'GET' | 'POST', path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<HttpAnswer>;
}

/** The CLI's client as a node: it asks whichever node answers, again and again, within one operation. */
export function nodeOfClient(client: Client): HttpNode {
  return {
    async ask(method, path, body, headers = {}) {
      try {
        const call = { headers, ...(body === undefined ? {} : { body }) };
        return { status: 200, body: await (method === 'GET' ? client.get(path, call) : client.post(path, call)) };
      } catch (error) {
        const status = isSkeinError(error) ? error.data['status'] : undefined;
        if (!isSkeinError(error) || typeof status !== 'number') throw error;
        return { status, body: { code: error.code, detail: error.message } };
      }
    },
  };
}

/** One client. It may have several operations under way; stale reads promise an order only to those that do not overlap. */
export class RecordedClient {
  readonly name: string;
  readonly #recorder: Recorder;
  #changing = 0;

  constructor(recorder: Recorder, name: string) {
    this.#recorder = recorder;
    this.name = name;
  }

  /** @param body of the request: `{spec}` or `{pipeline, file, params}`. */
  submit(node: HttpNode, body: unknown, key: string): Promise<HttpAnswer> {
    return this.#call(node, { type: 'submit', key }, ['POST', '/api/v1/runs', body, { 'idempotency-key': key }], (told) => {
      const { runId, duplicate } = told as { readonly runId: string; readonly duplicate: boolean };
      return { type: 'accepted', run: runId, duplicate };
    });
  }

  /** @param run whole run id. */
  cancel(node: HttpNode, run: string, reason = ''): Promise<HttpAnswer> {
    return this.#call(node, { type: 'cancel', run }, ['POST', `/api/v1/runs/${run}:cancel`, { reason }], () => ({ type: 'cancelled' }));
  }

  /** @param run whole run id. */
  read(node: HttpNode, run: string, consistency: 'strong' | 'local'): Promise<HttpAnswer> {
    this.#changing += 1;
    const session = node.session ?? `any node ${this.#changing}`;
    return this.#call(node, { type: 'read', run, consistency, session }, ['GET', `/api/v1/runs/${run}?consistency=${consistency}`], (told) => runSeen(told as RunShown));
  }

  async #call(node: HttpNode, call: Call, request: Parameters<HttpNode['ask']>, success: (body: unknown) => Reply): Promise<HttpAnswer> {
    const pending = this.#recorder.invoke(this.name, call);
    try {
      const answer = await node.ask(...request);
      const reply = replyOf(call, answer, success);
      if (reply === undefined) pending.lost(`${answer.status} ${codeOf(answer.body)}`);
      else pending.returned(reply);
      return answer;
    } catch (error) {
      pending.lost(String(error));
      throw error;
    }
  }
}

/** @returns undefined when the answer does not say what happened. */
function replyOf(call: Call, { status, body }: HttpAnswer, success: (body: unknown) => Reply): Reply | undefined {
  if (status < 300) return success(body);
  const code = codeOf(body);
  if (code === 'RUN_NOT_FOUND' && call.type !== 'submit') return { type: 'unknownRun' };
  return code === 'RUN_FINAL' && call.type === 'cancel' ? { type: 'final' } : undefined;
}

function codeOf(body: unknown): string {
  const code = (body as { readonly code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}
