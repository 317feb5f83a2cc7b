import type { ErrorCode } from '../../errors.ts';
import type { CellEvent, Reply } from './types.ts';

/** What applying one command gives. */
export interface Applied {
  readonly reply: Reply;
  readonly events: CellEvent[];
}

export const ok: Reply = { type: 'ok' };

export function refuse(code: ErrorCode, message: string): Reply {
  return { type: 'error', code, message };
}
