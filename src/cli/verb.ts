/** What the verbs share: how one is declared, and the options that find a node. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { isSkeinError } from '../errors.ts';
import { parseTimeout } from '../options/values.ts';
import { Client } from './client.ts';
import { findEndpoints, type EndpointFlags } from './endpoints.ts';
import type { ExitCode } from './exit-codes.ts';
import type { CliIo } from './io.ts';

export interface VerbContext {
  readonly io: CliIo;
  /** Set by the verb that ran. */
  exitCode: ExitCode;
}

/** Adds one verb to a program. */
export type AddVerb = (program: Command, context: VerbContext) => void;

/** Runs an action and keeps its exit code. */
export function action<A extends unknown[]>(context: VerbContext, run: (...values: A) => Promise<ExitCode> | ExitCode): (...values: A) => Promise<void> {
  return async (...values) => {
    context.exitCode = await run(...values);
  };
}

/** Options of every verb that talks to a node. */
export function withNode(command: Command): Command {
  return command
    .addOption(new Option('--api <url>', 'HTTP address of a node; repeatable, the next one is asked when one is lost').argParser(collect))
    .addOption(new Option('--data-dir <dir>', 'talk to the local node of this data directory'));
}

export function clientFor(io: CliIo, flags: EndpointFlags): Client {
  // Mistyped addresses are reported before anything is tried.
  findEndpoints(flags, io);
  return new Client({ endpoints: () => findEndpoints(flags, io), token: io.env['SKEIN_HTTP_TOKEN'] ?? '' });
}

export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

/** For `argParser`: commander adds the flag's name to the message. */
export function wholeNumber(min: number, max: number): (value: string) => number {
  return (value) => {
    const amount = Number(value);
    if (/^\d+$/.test(value) && amount >= min && amount <= max) return amount;
    throw new InvalidArgumentError(`it must be a whole number from ${min} to ${max}`);
  };
}

/** For `argParser`. */
export function duration(value: string): number {
  try {
    return parseTimeout(value, 'it');
  } catch (error) {
    throw isSkeinError(error) ? new InvalidArgumentError(error.message) : error;
  }
}
