/** `skein runs rerun RUN`: a finished run once more. */
import { Option, type Command } from 'commander';
import type { AcceptedJson } from '../io/http/views.ts';
import type { EndpointFlags } from './endpoints.ts';
import type { ExitCode } from './exit-codes.ts';
import { checkLogs, followRun } from './follow.ts';
import type { CliIo } from './io.ts';
import { outputOption, type Format } from './output.ts';
import { newRequestKey } from './request-key.ts';
import { tellDetached } from './run.ts';
import { action, clientFor, duration, withNode, type VerbContext } from './verb.ts';

interface RerunFlags extends EndpointFlags {
  readonly failed?: boolean;
  readonly detach?: boolean;
  readonly logs?: boolean;
  readonly output: Format;
  readonly timeout?: number;
  readonly placeTimeout?: number;
  readonly requestKey?: string;
}

export function addRerun(runs: Command, context: VerbContext): void {
  const command = runs
    .command('rerun <run>')
    .description('run a finished run once more, as a new run, and follow it')
    .option('--failed', 'take over what succeeded: only the rest is executed')
    .option('-d, --detach', 'submit, print the run id, do not follow')
    .option('--logs', 'show what its modules print, too')
    .addOption(outputOption())
    .addOption(new Option('--timeout <duration>', 'stop following after this long (exit 124); the run goes on').argParser(duration))
    .addOption(new Option('--place-timeout <duration>', 'exit 5 when no node takes a module for this long; the run goes on').argParser(duration))
    .option('--request-key <key>', 'asking again with the same key gives the same run');
  withNode(command).action(action(context, (run: string, flags: RerunFlags) => rerun(context.io, run, flags)));
}

async function rerun(io: CliIo, run: string, flags: RerunFlags): Promise<ExitCode> {
  checkLogs(flags);
  const client = clientFor(io, flags);
  const headers = { 'idempotency-key': flags.requestKey ?? newRequestKey(io.now()) };
  const accepted = await client.post<AcceptedJson>(`/api/v1/runs/${encodeURIComponent(run)}:rerun`, { body: { failedOnly: flags.failed === true }, headers });
  if (flags.detach === true) return tellDetached(io, accepted, flags.output);
  return followRun(client, io, accepted.runId, { format: flags.output, timeoutMs: flags.timeout, placeTimeoutMs: flags.placeTimeout, logs: flags.logs });
}
