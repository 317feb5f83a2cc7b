/** What a node says once it is up. */
import type { RunningNode } from '../io/running-node.ts';
import { nodeLabel } from './format.ts';
import type { Paint } from './render.ts';

/** For people: who this node is, where to reach it, what to type on the next machine. */
export function startBlock(node: RunningNode, version: string, paint: Paint): string {
  const rows: [string, string][] = [
    ['node', paint('bold', nodeLabel(node.name, node.nodeId))],
    ['cluster', node.clusterName],
    ...(node.httpUrl === '' ? [] : [['API', `${node.httpUrl}/api/v1`] as [string, string]]),
    ...head('p2p', node.addresses),
    ['data', node.dataDir],
    ...joinRows(node),
  ];
  return [paint('bold', `skein ${version}`), ...rows.map(([name, text]) => `  ${name.padEnd(8)} ${text}`), ''].join('\n');
}

/** A new key is shown this once, with the line that carries it; an old one only when asked for. */
function joinRows(node: RunningNode): [string, string][] {
  const isNew = node.joinLines.some((join) => join.textWithKey !== undefined);
  const rows = head('join', node.joinLines.map((join) => join.textWithKey ?? join.text));
  if (isNew) return [...rows, ['', 'A new cluster key was made: whoever has it is a member. Later: skein key show']];
  return rows.length === 0 ? [] : [...rows, ['', 'with the key in front: skein key show']];
}

function head(name: string, lines: readonly string[]): [string, string][] {
  return lines.map((text, i) => [i === 0 ? name : '', text]);
}

/** For machines: the same without any key. */
export function startData(node: RunningNode, version: string): Record<string, unknown> {
  return {
    version,
    node: node.name,
    peer: node.nodeId,
    cluster: node.clusterName,
    httpUrl: node.httpUrl,
    addresses: node.addresses,
    join: node.joinLines.map((join) => join.text),
    socketPath: node.socketPath,
    dataDir: node.dataDir,
  };
}
