/** `skein node list|view|drain|undrain`. */
import type { Command } from 'commander';
import type { NodeJson, NodeListJson, NodeWorkJson } from '../io/http/views.ts';
import type { EndpointFlags } from './endpoints.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { sizeText } from '../core/lib/size-text.ts';
import { age, oneLine, shortPeer, timeOf } from './format.ts';
import type { CliIo } from './io.ts';
import { outputOption, printList, printOne, type Format } from './output.ts';
import type { Column } from './table.ts';
import { action, clientFor, withNode, type AddVerb, type VerbContext } from './verb.ts';

interface NodeFlags extends EndpointFlags {
  readonly output: Format;
}

export const addNode: AddVerb = (program, context) => {
  const node = program.command('node').description('look at nodes');
  withNode(node.command('list').alias('ls').description('all known nodes').addOption(outputOption())).action(action(context, (flags: NodeFlags) => list(context.io, flags)));
  withNode(node.command('view <node>').description('one node (name or peer id): what it has, what it does').addOption(outputOption())).action(action(context, (name: string, flags: NodeFlags) => view(context.io, name, flags)));
  addDrain(node.command('drain <node>').description('give a node (name or peer id) no further modules'), context, 'drain');
  addDrain(node.command('undrain <node>').description('give it modules again'), context, 'undrain');
};

function addDrain(command: Command, context: VerbContext, verb: 'drain' | 'undrain'): void {
  withNode(command.addOption(outputOption())).action(action(context, (name: string, flags: NodeFlags) => drain(context.io, name, verb, flags)));
}

const columns: Column<NodeJson>[] = [
  { head: 'NAME', cell: (node) => `${oneLine(node.name)}${node.self ? '*' : ''}` },
  { head: 'PEER', cell: (node) => shortPeer(node.nodeId) },
  { head: 'ROLE', cell: (node) => node.role },
  { head: 'STATE', cell: (node) => node.state },
  { head: 'SLOTS', cell: (node) => `${node.slotsUsed}/${node.capabilities.slots}` },
  { head: 'LOAD', cell: (node) => node.load.toFixed(2) },
  { head: 'SEEN', cell: (node) => (node.self ? 'now' : age(node.lastSeenMs)) },
  { head: 'OS/ARCH', cell: (node) => oneLine(`${node.capabilities.os}/${node.capabilities.arch}`), wide: true },
  { head: 'LABELS', cell: (node) => pairs(node.capabilities.labels), wide: true },
  { head: 'TOOLS', cell: (node) => pairs(node.capabilities.tools), wide: true },
  { head: 'VERSION', cell: (node) => oneLine(node.version), wide: true },
  { head: 'ADDRESSES', cell: (node) => oneLine(node.addresses.join(',')), wide: true },
  { head: 'ID', cell: (node) => node.nodeId, wide: true },
];

function pairs(values: Readonly<Record<string, string>>): string {
  return oneLine(Object.entries(values).map(([key, value]) => (value === '' ? key : `${key}=${value}`)).join(','));
}

async function list(io: CliIo, flags: NodeFlags): Promise<ExitCode> {
  const whole = await clientFor(io, flags).get<NodeListJson>('/api/v1/nodes');
  printList(io, flags.output, { whole, rows: whole.nodes, columns, name: (node) => node.name, empty: 'No nodes.' });
  return exitCodes.ok;
}

async function view(io: CliIo, name: string, flags: NodeFlags): Promise<ExitCode> {
  const client = clientFor(io, flags);
  const node = await client.get<NodeJson>(`/api/v1/nodes/${encodeURIComponent(name)}`);
  const work = await client.get<NodeWorkJson>(`/api/v1/nodes/${encodeURIComponent(node.nodeId)}/modules`);
  printOne(io, flags.output, { ...node, work }, node.name, () => describe(node, work, io.now()));
  return exitCodes.ok;
}

function describe(node: NodeJson, work: NodeWorkJson, now: number): string {
  const { capabilities } = node;
  const rows: [string, string][] = [
    ['Node', `${oneLine(node.name)} (${node.nodeId})${node.self ? ', which answers' : ''}`],
    ['State', `${node.state}, ${node.role}${node.self ? '' : `, heard of ${age(node.lastSeenMs)} ago`}`],
    ['Slots', `${node.slotsUsed} of ${capabilities.slots} in use, load ${node.load.toFixed(2)}`],
    ['Receives', node.receiveBytesPerSecond === 0 ? 'files at a speed that is not measured yet' : `files at ${sizeText(node.receiveBytesPerSecond)}/s`],
    ['Memory', sizeText(capabilities.memory)],
    ['System', oneLine(`${capabilities.os}/${capabilities.arch}`)],
    ['Labels', pairs(capabilities.labels)],
    ['Tools', pairs(capabilities.tools)],
    ['GPUs', oneLine(capabilities.gpus.join(', '))],
    ['Functions', oneLine(capabilities.functions.join(', '))],
    ['Addresses', oneLine(node.addresses.join(', '))],
    ['Version', oneLine(node.version)],
  ];
  const lines = rows.map(([head, text]) => `${`${head}:`.padEnd(11)}${text === '' ? 'none' : text}`);
  const shown = work.modules.slice(0, MODULES_SHOWN_MAX).map(({ shortId, module, startedAt }) => `  ${shortId}/${oneLine(module)} for ${age(now - timeOf(startedAt))}`);
  if (work.count > shown.length) shown.push(`  … and ${work.count - shown.length} more`);
  return [...lines, `Executes:  ${work.count === 0 ? 'nothing' : work.count === 1 ? '1 module' : `${work.count} modules`}`, ...shown].join('\n');
}

/** Modules of a node shown to people; `-o json` has more. */
const MODULES_SHOWN_MAX = 20;

async function drain(io: CliIo, name: string, verb: 'drain' | 'undrain', flags: NodeFlags): Promise<ExitCode> {
  const node = await clientFor(io, flags).post<NodeJson>(`/api/v1/nodes/${encodeURIComponent(name)}:${verb}`);
  printOne(io, flags.output, node, node.name, () => (verb === 'drain' ? `${oneLine(node.name)} gets no further modules; what it executes it finishes` : `${oneLine(node.name)} gets modules again`));
  return exitCodes.ok;
}
