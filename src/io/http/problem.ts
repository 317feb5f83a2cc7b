/** RFC 9457 problem documents: every answer that is not a success has this form. */
import { hintOf } from '../../error-hints.ts';
import { SkeinError, errorCodes, isSkeinError, type ErrorCode } from '../../errors.ts';
import type { z } from 'zod';
import { PROBLEMS_MAX } from './limits.ts';

interface ProblemPlace {
  /** JSON path into the request, `$.spec.modules[3].needs`; or file:line:column of a pipeline. */
  readonly path: string;
  readonly message: string;
}

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** Absent when Skein itself is at fault (status 500). */
  readonly code?: ErrorCode;
  readonly hint?: string;
  readonly problems?: readonly unknown[];
}

const statuses: { readonly [code in ErrorCode]?: number } = {
  PIPELINE_INVALID: 422,
  PARAM_INVALID: 422,
  BUNDLE_FAILED: 422,
  OPTION_INVALID: 400,
  REQUEST_INVALID: 400,
  RUN_NOT_FOUND: 404,
  NODE_NOT_FOUND: 404,
  BLOB_INVALID: 400,
  BLOB_NOT_FOUND: 404,
  BLOB_TOO_LARGE: 413,
  BLOB_DISK_FULL: 507,
  MODULE_NOT_FOUND: 404,
  RUN_FINAL: 409,
  RUN_LIVE: 409,
  RUN_SUCCEEDED: 409,
  RUN_SPEC_GONE: 410,
  KEY_EXPIRED: 409,
  REQUEST_TOO_LARGE: 413,
  LIMIT_EXCEEDED: 429,
  UNAUTHORISED: 403,
  NO_LEADER: 503,
  NO_QUORUM: 503,
  CELL_CLOSED: 503,
  NODE_STOPPING: 503,
};

/** Seconds after which a 429 or 503 is worth another try. */
export const RETRY_AFTER_S = 1;

export function problemOf(error: unknown): Problem {
  if (isSkeinError(error)) return skeinProblem(error);
  const fastify = fastifyProblem(error);
  if (fastify !== undefined) return fastify;
  return { type: 'about:blank', title: 'Internal error', status: 500, detail: 'Something failed inside the node; its log has the details.' };
}

function skeinProblem(error: SkeinError): Problem {
  const status = typeof error.data['status'] === 'number' ? error.data['status'] : (statuses[error.code] ?? 500);
  const problems = error.data['problems'];
  const hint = typeof error.data['hint'] === 'string' ? error.data['hint'] : hintOf(error.code);
  return {
    type: `urn:skein:error:${error.code.toLowerCase().replaceAll('_', '-')}`,
    title: errorCodes[error.code],
    status,
    detail: error.message,
    code: error.code,
    ...(hint === '' ? {} : { hint }),
    ...(Array.isArray(problems) ? { problems: problems.slice(0, PROBLEMS_MAX) } : {}),
  };
}

/** Errors that fastify itself throws while it reads a request. */
function fastifyProblem(error: unknown): Problem | undefined {
  const { statusCode, message } = (error ?? {}) as { statusCode?: unknown; message?: unknown };
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode >= 500) return undefined;
  const code = statusCode === 413 ? 'REQUEST_TOO_LARGE' : 'REQUEST_INVALID';
  return skeinProblem(new SkeinError(code, String(message), { status: statusCode }));
}

/** @throws SkeinError REQUEST_INVALID that names every wrong place by its JSON path. */
export function checked<T extends z.ZodType>(schema: T, value: unknown, what: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const places = placesOf(result.error.issues);
  const [first] = places;
  const more = places.length > 1 ? ` (and ${places.length - 1} more)` : '';
  throw new SkeinError('REQUEST_INVALID', `${what} does not fit: ${first?.path ?? '$'}: ${first?.message ?? 'invalid'}${more}`, { problems: places });
}

/** Of a union that fits nowhere, the branch that got furthest says more than "Invalid input". */
function placesOf(issues: readonly z.core.$ZodIssue[], prefix: readonly PropertyKey[] = []): ProblemPlace[] {
  return issues.flatMap((issue): ProblemPlace[] => {
    const path = [...prefix, ...issue.path];
    const branches = issue.code === 'invalid_union' ? issue.errors : [];
    const nearest = branches.toSorted((a, b) => depthOf(b) - depthOf(a) || a.length - b.length)[0];
    if (nearest !== undefined && nearest.length > 0) return placesOf(nearest, path);
    return [{ path: jsonPath(path), message: issue.message }];
  }).slice(0, PROBLEMS_MAX);
}

function depthOf(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.slice(0, PROBLEMS_MAX).map((issue) => issue.path.length));
}

function jsonPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    const name = String(key);
    return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? `${text}.${name}` : `${text}[${JSON.stringify(name)}]`;
  }, '$');
}
