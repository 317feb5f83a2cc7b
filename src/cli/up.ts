/** Starts a node and keeps it until it ends: `skein up`, or no verb at all. */
import { Option, type Command } from 'commander';
import type { RunningNode, StartNode, StopMode } from '../io/running-node.ts';
import { eventCounts, tee } from '../io/metrics/observers.ts';
import { logObserver } from '../io/metrics/log-observer.ts';
import { resolveOptions, suspectVariables, type FlagValues, type NodeOptions } from '../options.ts';
import { definitions, type OptionDefinition } from '../options/definitions.ts';
import type { Observer } from '../ports/observer.ts';
import { VERSION } from '../version.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { painter } from './format.ts';
import { hasColour, line, type CliIo } from './io.ts';
import { startBlock, startData } from './start-text.ts';
import { action, collect, type VerbContext } from './verb.ts';

export interface UpContext extends VerbContext {
  readonly startNode: () => Promise<StartNode>;
}

export function addUp(program: Command, context: UpContext): void {
  const command = program.command('up').description('start a node (the same as no command at all)');
  for (const definition of definitions) if (definition.flag !== '') command.addOption(optionOf(definition));
  command.action(action(context, (flags: Readonly<Record<string, unknown>>) => up(context, flagValues(flags))));
}

/** Flags of `up`, shown below the commands, since a node is what most people start first. */
export function nodeOptionsHelp(): string {
  const rows = definitions.map(({ flag, env, value, meaning, fallback }) => [flag === '' ? `${env}=${value}` : `--${flag}${value === undefined ? '' : ` ${value}`}`, `${meaning} Default: ${fallback}.`] as const);
  const width = Math.max(...rows.map(([head]) => head.length));
  return ['Options of a node (each also as SKEIN_UPPER_SNAKE in the environment):', ...rows.map(([head, text]) => `  ${head.padEnd(width)}  ${text}`)].join('\n');
}

function optionOf({ flag, value, repeatable, meaning }: OptionDefinition): Option {
  // commander turns `--no-x` into a default of true for x; the plain name keeps absence visible.
  const option = new Option(`--${flag}${value === undefined ? '' : ` <${value}>`}`, meaning);
  return repeatable === true ? option.argParser(collect) : option;
}

/** commander's camel case back to flags; `--no-mdns` arrives as `mdns: false`. */
function flagValues(values: Readonly<Record<string, unknown>>): FlagValues {
  const found = definitions.flatMap(({ flag }) => {
    if (flag === '') return [];
    const isNegated = flag.startsWith('no-');
    const value = values[camel(isNegated ? flag.slice('no-'.length) : flag)];
    if (isNegated) return value === false ? [[flag, true] as const] : [];
    return value === undefined ? [] : [[flag, value] as const];
  });
  return Object.fromEntries(found) as FlagValues;
}

function camel(flag: string): string {
  return flag.replaceAll(/-([a-z])/g, (_all, letter: string) => letter.toUpperCase());
}

async function up({ io, startNode }: UpContext, flags: FlagValues): Promise<ExitCode> {
  const options = resolveOptions(flags, io.env);
  const isPretty = options.logFormat === 'pretty' || (options.logFormat === 'auto' && io.stdout.isTTY === true);
  let { name } = options;
  const counts = eventCounts();
  const observer = tee(counts, nodeObserver(io, options, isPretty, () => name));
  for (const message of warnings(options, io)) observer.notify({ level: 'warn', event: 'option-suspect', message });
  const stopper = new Stopper(observer);
  const offs = (['SIGINT', 'SIGTERM'] as const).map((signal) => io.onSignal(signal, () => stopper.signal(signal)));
  try {
    const start = await startNode();
    const node = await start(options, { observer });
    name = node.name;
    stopper.started(node);
    if (isPretty) line(io.stdout, startBlock(node, VERSION, painter(hasColour(io, io.stdout))));
    else observer.notify({ level: 'info', event: 'node-started', message: `${node.name} has started`, data: startData(node, VERSION) });
    const { code, error } = await node.exited;
    if (error !== undefined) throw error;
    observer.notify({ level: 'info', event: 'node-stopped', message: `${name} has stopped`, ...(isPretty ? {} : { data: { noted: Object.fromEntries(counts.counts()) } }) });
    return code as ExitCode;
  } finally {
    for (const off of offs) off();
  }
}

function nodeObserver(io: CliIo, options: NodeOptions, isPretty: boolean, name: () => string): Observer {
  const secrets = [options.key, options.httpToken].filter((secret) => secret !== '');
  const bindings = (): Record<string, string> => (name() === '' ? {} : { node: name() });
  return logObserver({ level: options.logLevel, format: isPretty ? 'pretty' : 'json', output: io.stdout, colour: hasColour(io, io.stdout), bindings, secrets, now: io.now });
}

function warnings(options: NodeOptions, io: CliIo): string[] {
  const found = suspectVariables(io.env);
  const isLoopback = /^(?:127\.|localhost$|::1$)/.test(options.httpHost);
  if (!isLoopback && options.httpToken === '') found.push(`HTTP listens on ${options.httpHost} without a token: whoever reaches it can submit commands. Set SKEIN_HTTP_TOKEN`);
  return found;
}

/** The first signal drains, the second leaves at once; before the node is up the second ends the process. */
class Stopper {
  readonly #observer: Observer;
  #node: RunningNode | undefined;
  #signals = 0;

  constructor(observer: Observer) {
    this.#observer = observer;
  }

  started(node: RunningNode): void {
    this.#node = node;
    if (this.#signals > 0) this.#stop(node, this.#signals > 1 ? 'now' : 'drain');
  }

  signal(name: string): void {
    this.#signals++;
    const mode: StopMode = this.#signals > 1 ? 'now' : 'drain';
    const message = mode === 'drain' ? `${name}: finishing or handing back what runs here, then leaving; once more to leave at once` : `${name} again: leaving at once`;
    this.#observer.notify({ level: 'info', event: mode === 'drain' ? 'node-draining' : 'node-leaving', message });
    if (this.#node !== undefined) this.#stop(this.#node, mode);
    else if (mode === 'now') process.exit(exitCodes.interrupted);
  }

  #stop(node: RunningNode, mode: StopMode): void {
    node.stop(mode).catch((err: unknown) => this.#observer.notify({ level: 'error', event: 'stop-failed', message: 'The node could not stop in order', data: { err } }));
  }
}
