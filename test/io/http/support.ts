import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { buildServer, type HttpInit } from '../../../src/io/http/server.ts';
import type { Note } from '../../../src/ports/observer.ts';
import { FakeNode, fakeSpec } from '../../support/fake-node.ts';
import { sharedBlobs } from '../../support/node-blobs.ts';

export interface TestServer {
  readonly api: FakeNode;
  readonly app: FastifyInstance;
  readonly notes: Note[];
  /** A request with a Host that is allowed, unless the test says otherwise. */
  readonly request: (options: InjectOptions) => Promise<LightMyRequestResponse>;
}

export function testServer(init: Partial<HttpInit> = {}): TestServer {
  const api = new FakeNode();
  const notes: Note[] = [];
  const app = buildServer({ api, blobs: sharedBlobs(), observer: { notify: (note) => void notes.push(note) }, version: '0.1.0', compile: () => fakeSpec(), ...init });
  return {
    api,
    app,
    notes,
    request: (options) => app.inject({ ...options, headers: { host: 'localhost:8080', ...options.headers } }),
  };
}
