/** The queue of the whole cluster: look at it, pause it, resume it. */
import type { FastifyInstance } from 'fastify';
import type { NodeApi } from '../../runtime/api.ts';
import { checked } from './problem.ts';
import { presentQueue, presentQueuePaused } from './queue-views.ts';
import { splitVerb } from './routes-runs.ts';
import { reasonBodySchema, runQuerySchema } from './schemas.ts';

interface Verb {
  readonly Params: { readonly verb: string };
}

export function queueRoutes(app: FastifyInstance, api: NodeApi): void {
  app.get('/api/v1/queue', async (request) => {
    const { consistency = 'strong' } = checked(runQuerySchema, request.query, 'The query');
    return presentQueue(await api.queue({ consistency }));
  });
  app.post<Verb>('/api/v1/queue:verb', async (request) => {
    const { verb } = splitVerb(`queue${request.params.verb}`, ['pause', 'resume']);
    const body = checked(reasonBodySchema, request.body, 'The body');
    return presentQueuePaused(verb === 'pause' ? await api.pauseQueue(body?.reason) : await api.resumeQueue());
  });
}
