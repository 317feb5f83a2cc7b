/** `skein status`: who leads, who votes, and what the cluster can lose right now. */
import type { StatusJson } from '../io/http/views.ts';
import type { EndpointFlags } from './endpoints.ts';
import { exitCodes, type ExitCode } from './exit-codes.ts';
import { nodeLabel, oneLine, painter, pausedText } from './format.ts';
import { hasColour, type CliIo } from './io.ts';
import { outputOption, printOne, type Format } from './output.ts';
import type { Paint } from './render.ts';
import { action, clientFor, withNode, type AddVerb } from './verb.ts';

interface StatusFlags extends EndpointFlags {
  readonly output: Format;
}

export const addStatus: AddVerb = (program, context) => {
  withNode(program.command('status').description('leader, voters, how many losses can be taken now').addOption(outputOption())).action(action(context, (flags: StatusFlags) => status(context.io, flags)));
};

async function status(io: CliIo, flags: StatusFlags): Promise<ExitCode> {
  const found = await clientFor(io, flags).get<StatusJson>('/api/v1/status');
  printOne(io, flags.output, found, found.node.name, () => describeStatus(found, io.now(), painter(hasColour(io, io.stdout))));
  return found.quorum ? exitCodes.ok : exitCodes.unreachable;
}

function describeStatus(status: StatusJson, now: number, paint: Paint): string {
  const rows: [string, string][] = [
    ['Cluster', `${oneLine(status.clusterName)}${status.cellId === '' ? '' : `, cell ${status.cellId.slice(0, 8)}`}`],
    ['This node', `${nodeLabel(oneLine(status.node.name), status.node.nodeId)}, ${status.node.phase}, version ${oneLine(status.node.version)}`],
    ['Leader', status.leader === '' ? paint('red', 'none known') : `${nodeLabel(oneLine(status.leader), status.leaderId)}, term ${status.term}`],
    ['Voters', seats(status.voters, paint)],
    ['Standbys', seats(status.standbys, paint)],
    ['Losses', losses(status, paint)],
    ['Nodes', `${status.nodes} with ${status.slots.used}/${status.slots.total} slots in use`],
    ['Runs', `${status.runs.live} live, ${status.runs.finished} finished`],
    ['Log', `${status.appliedIndex} of ${status.commitIndex} committed entries applied`],
  ];
  if (status.queuePaused !== null) rows.push(['Queue', paint('yellow', `paused ${pausedText(status.queuePaused, now)}`)]);
  if (status.httpUrl !== '') rows.push(['API', status.httpUrl]);
  return rows.map(([head, text]) => `${`${head}:`.padEnd(11)}${text}`).join('\n');
}

function seats(list: StatusJson['voters'], paint: Paint): string {
  if (list.length === 0) return 'none';
  return list.map((seat) => (seat.alive ? nodeLabel(oneLine(seat.name), seat.nodeId) : paint('red', `${nodeLabel(oneLine(seat.name), seat.nodeId)} lost`))).join(', ');
}

function losses(status: StatusJson, paint: Paint): string {
  const advice = status.advice === '' ? '' : ` (${oneLine(status.advice)})`;
  if (!status.quorum) return paint('red', `no quorum, nothing can be written${advice}`);
  const can = status.lossesTolerated === 0 ? 'no voter can be lost now' : status.lossesTolerated === 1 ? '1 voter can be lost now' : `${status.lossesTolerated} voters can be lost now`;
  return paint(status.lossesTolerated === 0 ? 'yellow' : 'green', can) + advice;
}
