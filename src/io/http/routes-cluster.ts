/** The cluster: status, nodes, drain, health. */
import type { FastifyInstance } from 'fastify';
import { SkeinError } from '../../errors.ts';
import type { ClusterStatus, NodeApi, NodeView } from '../../runtime/api.ts';
import { checked } from './problem.ts';
import { splitVerb } from './routes-runs.ts';
import { readyQuerySchema } from './schemas.ts';
import { presentNode, presentNodeWork, presentStatus, type NodeListJson } from './views.ts';

/** Answered without a token, so that load balancers and container engines can probe them. */
export const healthPaths: readonly string[] = ['/livez', '/readyz', '/healthz', '/health', '/api/health', '/api/v1/health'];

interface Target {
  readonly Params: { readonly target: string };
}

/** @param httpUrl where HTTP listens, known only after it does. */
export function clusterRoutes(app: FastifyInstance, api: NodeApi, httpUrl: () => string): void {
  const listNodes = (): NodeListJson => {
    const nodes = api.nodes().map(presentNode);
    return { count: nodes.length, nodes };
  };
  app.get('/api/v1/status', () => presentStatus(api.status(), httpUrl()));
  app.get('/api/v1/nodes', listNodes);
  app.get('/api/workers', listNodes);
  app.get<Target>('/api/v1/nodes/:target', (request) => presentNode(findNode(api.nodes(), request.params.target)));
  app.get<Target>('/api/v1/nodes/:target/modules', async (request) => presentNodeWork(await api.nodeWork(findNode(api.nodes(), request.params.target).nodeId)));
  app.post<Target>('/api/v1/nodes/:target', async (request) => {
    const { name, verb } = splitVerb(request.params.target, ['drain', 'undrain']);
    const { nodeId } = findNode(api.nodes(), name);
    await api.drain(nodeId, verb === 'drain');
    return presentNode(findNode(api.nodes(), nodeId));
  });
  healthRoutes(app, api);
}

function healthRoutes(app: FastifyInstance, api: NodeApi): void {
  // An answer at all shows that the event loop turns.
  app.get('/livez', () => ({ status: 'healthy' }));
  for (const path of healthPaths.filter((other) => other !== '/livez')) {
    app.get(path, (request, reply) => {
      const { verbose } = checked(readyQuerySchema, request.query, 'The query');
      const checks = readiness(api.status());
      const failed = checks.filter((check) => !check.ok);
      reply.code(failed.length === 0 ? 200 : 503);
      const reason = failed.map((check) => check.message).join('; ');
      return { status: failed.length === 0 ? 'healthy' : 'unhealthy', ...(reason === '' ? {} : { reason }), ...(verbose === undefined ? {} : { checks }) };
    });
  }
}

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly message: string;
}

function readiness(cluster: ClusterStatus): Check[] {
  const { phase } = cluster.node;
  return [
    { name: 'joined', ok: phase === 'member' || phase === 'worker', message: `the node is ${phase}` },
    { name: 'quorum', ok: cluster.quorum, message: cluster.quorum ? 'a majority of the voters answers' : 'no majority of the voters answers' },
    { name: 'leader', ok: cluster.leaderId !== '', message: cluster.leaderId === '' ? 'no leader is known' : `${cluster.leader} leads` },
  ];
}

/** By name, peer id, or a prefix or suffix of the peer id (its end is what people are shown) that fits one only. */
function findNode(nodes: readonly NodeView[], wanted: string): NodeView {
  const exact = nodes.filter((node) => node.nodeId === wanted || node.name === wanted);
  const found = exact.length > 0 ? exact : nodes.filter((node) => wanted !== '' && (node.nodeId.startsWith(wanted) || node.nodeId.endsWith(wanted) || node.name.startsWith(wanted)));
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  const shown = JSON.stringify(wanted.slice(0, 100));
  throw new SkeinError('NODE_NOT_FOUND', first === undefined ? `No node is called ${shown}` : `${shown} fits ${found.length} nodes: ${found.slice(0, 5).map((node) => `${node.name} (${node.nodeId})`).join(', ')}`);
}
