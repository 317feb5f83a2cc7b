/** Reads `checkpoint: FOLDER [every DURATION]`. */
import { CHECKPOINT_EVERY_MS_MAX, CHECKPOINT_EVERY_MS_MIN, PATTERN_LENGTH_MAX } from '../core/cell/limits.ts';
import type { CheckpointSpec } from '../core/cell/types.ts';
import type { Fields } from './fields.ts';
import type { PipelineAction } from './model.ts';
import type { Problems } from './problems.ts';
import { DURATION_FORM, parseDuration } from './units.ts';

const EVERY_MS_DEFAULT = 30_000;
const ALLOWED = 'a folder below the work folder, and how often: state, or state every 30s';

export function checkCheckpoint(fields: Fields, action: PipelineAction, problems: Problems): CheckpointSpec | null {
  const node = fields.get('checkpoint');
  const text = fields.text('checkpoint');
  if (node === undefined || text === undefined) return null;
  if (action.type === 'call') problems.add(fields.keySpan('checkpoint'), `${fields.label('checkpoint')} is not for registered functions`, { hint: 'they have no folder of their own; use `run` or `uses: ./file.ts#function`' });
  const [, folder = '', every] = /^\s*(\S.*?)(?:\s+every\s+(.*?))?\s*$/.exec(text) ?? [];
  const fault = folderFault(folder);
  if (fault !== '') return fields.wrong(node, 'checkpoint', fault, { allowed: ALLOWED }) ?? null;
  const everyMs = every === undefined ? EVERY_MS_DEFAULT : parseDuration(every);
  if (everyMs === undefined) return fields.wrong(node, 'checkpoint', `says no duration after \`every\``, { allowed: DURATION_FORM }) ?? null;
  if (everyMs < CHECKPOINT_EVERY_MS_MIN || everyMs > CHECKPOINT_EVERY_MS_MAX) return fields.wrong(node, 'checkpoint', 'is kept too often or too rarely', { allowed: 'every 1s to every 1d' }) ?? null;
  return { folder, everyMs };
}

/** @returns what is wrong with it, or ''. */
export function folderFault(folder: string): string {
  if (folder.length > PATTERN_LENGTH_MAX) return `has more than ${PATTERN_LENGTH_MAX} characters`;
  if (/[\p{Cc}\\]/u.test(folder) || !folder.isWellFormed()) return 'holds a backslash, a control character or half of a surrogate pair';
  if (/\$\{\{/.test(folder)) return 'holds an expression, which only `run` and `env` may';
  const parts = folder.split('/');
  return /^(?:~|[A-Za-z]:)/.test(folder) || parts.some((part) => part === '' || part === '.' || part === '..') ? 'does not name a folder below the work folder' : '';
}
