/** Reads `env`, of a pipeline or of a module. */
import { describe, isReserved, valueFault, type Fields } from './fields.ts';
import { ENV_WRITTEN_MAX, KEY_LENGTH_MAX } from './limits.ts';
import { quote, type Problems, type Span } from './problems.ts';

/** Values as written, with their places. */
export type EnvDraft = ReadonlyMap<string, { readonly value: string; readonly span: Span }>;

const envNamePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

export function checkEnv(fields: Fields, problems: Problems): EnvDraft {
  const draft = new Map<string, { value: string; span: Span }>();
  const map = fields.map('env');
  if (map === undefined) return draft;
  const label = fields.label('env');
  if (map.entries.length > ENV_WRITTEN_MAX) problems.add(map.span, `${label} has ${map.entries.length} variables`, { allowed: `at most ${ENV_WRITTEN_MAX}` });
  for (const { key, keySpan, value } of map.entries.slice(0, ENV_WRITTEN_MAX)) {
    if (key.startsWith('SKEIN_')) problems.add(keySpan, `${label}: names that begin with SKEIN_ are set by Skein`, { found: quote(key) });
    else if (!envNamePattern.test(key) || key.length > KEY_LENGTH_MAX || isReserved(key)) {
      problems.add(keySpan, `${label}: ${quote(key)} cannot name a variable`, { allowed: `letters, digits and _, not a digit first, at most ${KEY_LENGTH_MAX}` });
    }
    if (value.kind !== 'scalar') {
      problems.add(value.span, `${label}: the value of ${quote(key)} must be a string`, { found: describe(value), allowed: 'a string, a number or a boolean' });
      continue;
    }
    const fault = valueFault(value.source);
    if (fault !== undefined) problems.add(value.span, `${label}: the value of ${quote(key)} ${fault}`);
    draft.set(key, { value: value.value === null ? '' : value.source, span: value.span });
  }
  return draft;
}

export function envValues(draft: EnvDraft): Record<string, string> {
  return Object.fromEntries(Array.from(draft, ([name, { value }]) => [name, value]));
}
