/** The two kinds of recorded histories that porcupine is tried on: a register with compare-and-set, and a store of strings. */
import type { Model, Operation } from '../../../sim/history/wgl.ts';

export type RegisterInput = { readonly type: 'read' } | { readonly type: 'write'; readonly value: number } | { readonly type: 'cas'; readonly from: number; readonly to: number };
/** `null` = nothing was written yet. `done`: whether a compare-and-set found what it expected. */
export type RegisterOutput = { readonly value: number | null } | { readonly done: boolean };

export const register: Model<number | null, RegisterInput, RegisterOutput> = {
  init: null,
  onlyForward: false,
  step(state, input, output) {
    switch (input.type) {
      case 'read':
        return output === undefined || ('value' in output && output.value === state) ? state : undefined;
      case 'write':
        return input.value;
      case 'cas': {
        const fits = state === input.from;
        if (output !== undefined && !('done' in output && output.done === fits)) return undefined;
        return fits ? input.to : state;
      }
    }
  },
  key: String,
};

export interface TextInput {
  readonly type: 'get' | 'put' | 'append';
  readonly value: string;
}

/** One key of the store; `get` gives its text, '' before the first write. */
export const text: Model<string, TextInput, string> = {
  init: '',
  onlyForward: false,
  step(state, { type, value }, output) {
    if (type === 'put') return value;
    if (type === 'append') return state + value;
    return output === undefined || output === state ? state : undefined;
  },
  key: (state) => state,
};

interface Open<Input> {
  readonly input: Input;
  readonly invokedAt: number;
}

/** Begins and ends by process; the position in the log is the time. What never ends has an unknown outcome. */
class Pairing<Input, Output> {
  readonly operations: Operation<Input, Output>[] = [];
  readonly #open = new Map<string, Open<Input>>();

  begin(process: string, input: Input, at: number): void {
    this.#open.set(process, { input, invokedAt: at });
  }

  end(process: string, output: Output, at: number): void {
    const open = this.#open.get(process);
    if (open === undefined) throw new Error(`line ${at + 1}: process ${process} ends what it did not begin`);
    this.#open.delete(process);
    this.operations.push({ ...open, outcome: { output, returnedAt: at } });
  }

  all(): Operation<Input, Output>[] {
    return [...this.operations, ...Array.from(this.#open.values(), (open) => ({ ...open, outcome: undefined }))];
  }
}

/** `INFO jepsen.util - PROC :invoke|:ok|:fail|:info :read|:write|:cas ARG`; other lines tell of the nemesis. */
export function parseJepsen(log: string): Operation<RegisterInput, RegisterOutput>[] {
  const pairing = new Pairing<RegisterInput, RegisterOutput>();
  for (const [at, line] of log.split('\n').entries()) {
    const match = /jepsen\.util - (\d+)\s+:(invoke|ok|fail|info)\s+:(read|write|cas)\s+(\S.*)$/.exec(line);
    if (match === null) continue;
    const [, process = '', kind = '', operation = '', argument = ''] = match;
    if (kind === 'invoke') pairing.begin(process, registerInput(operation, argument), at);
    else if (kind === 'ok') pairing.end(process, operation === 'read' ? { value: argument === 'nil' ? null : Number(argument) } : { done: true }, at);
    // A failed compare-and-set compared and did not find; a read that timed out says nothing; `info` stays open.
    else if (kind === 'fail' && operation === 'cas') pairing.end(process, { done: false }, at);
  }
  return pairing.all();
}

function registerInput(operation: string, argument: string): RegisterInput {
  const [first = NaN, second = NaN] = argument.match(/-?\d+/g)?.map(Number) ?? [];
  if (operation === 'read') return { type: 'read' };
  return operation === 'write' ? { type: 'write', value: first } : { type: 'cas', from: first, to: second };
}

/** `{:process P, :type :invoke|:ok, :f :get|:put|:append, :key "K", :value "V"|nil}`, by key. */
export function parseStore(log: string): ReadonlyMap<string, readonly Operation<TextInput, string>[]> {
  const pairings = new Map<string, Pairing<TextInput, string>>();
  for (const [at, line] of log.split('\n').entries()) {
    const match = /^\{:process (\d+), :type :(invoke|ok), :f :(get|put|append), :key "([^"]*)", :value (?:nil|"([^"]*)")\}$/.exec(line);
    if (match === null) continue;
    const [, process = '', kind = '', type = '', key = '', value = ''] = match;
    let pairing = pairings.get(key);
    if (pairing === undefined) pairings.set(key, (pairing = new Pairing()));
    if (kind === 'invoke') pairing.begin(process, { type: type as TextInput['type'], value }, at);
    else pairing.end(process, value, at);
  }
  return new Map(Array.from(pairings, ([key, pairing]) => [key, pairing.all()]));
}
