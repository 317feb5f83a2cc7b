/** Reads how a run and its modules stand beside others: priority, parallelism, barrier, mutex, limit, hedge. */
import { HEDGE_FACTOR_MAX, HEDGE_FACTOR_MIN, LIMITS_PER_MODULE_MAX, PARALLEL_MAX } from '../core/cell/limits.ts';
import { ordinaryModule, ordinaryRun, PRIORITY_MAX, PRIORITY_MIN } from '../core/cell/policy.ts';
import type { Limit, ModulePolicy, RunPolicy } from '../core/cell/types.ts';
import { hasExpression } from './expression-syntax.ts';
import { describe, Fields } from './fields.ts';
import type { InputMap, InputNode } from './input.ts';
import { barrierWords, hedgeKeys, limitKeys } from './keys.ts';
import { NAME_LENGTH_MAX } from './limits.ts';
import { didYouMean, quote, type Problems, type Span } from './problems.ts';
import { suggest } from './suggest.ts';

const priorities = { min: PRIORITY_MIN, max: PRIORITY_MAX };
const parallel = { min: 1, max: PARALLEL_MAX };
/** What `hedge: true` means. */
const HEDGE_FACTOR_DEFAULT = 2;

export function checkRunPolicy(fields: Fields, problems: Problems): RunPolicy {
  return {
    priority: fields.integer('priority', priorities) ?? ordinaryRun.priority,
    parallelMax: fields.integer('max-parallel', parallel) ?? ordinaryRun.parallelMax,
    barrier: checkBarrier(fields, problems),
  };
}

function checkBarrier(fields: Fields, problems: Problems): RunPolicy['barrier'] {
  const node = fields.get('barrier');
  if (node === undefined) return ordinaryRun.barrier;
  const value = node.kind === 'scalar' ? node.value : undefined;
  const word = barrierWords.find((known) => known === value);
  if (word !== undefined) return word;
  const meant = typeof value === 'boolean' ? (value ? 'wave' : 'none') : typeof value === 'string' ? suggest(value, barrierWords) : undefined;
  problems.add(node.span, '`barrier` is no word that is known', { found: describe(node), allowed: barrierWords.join(', '), hint: didYouMean(meant) });
  return ordinaryRun.barrier;
}

export function checkModulePolicy(fields: Fields, where: string, problems: Problems): ModulePolicy {
  const limits = checkLimits(fields, where, problems);
  const policy: ModulePolicy = { priority: fields.integer('priority', priorities) ?? ordinaryModule.priority, limits, hedgeFactor: checkHedge(fields, where, problems) };
  if (policy.hedgeFactor === 0) return policy;
  const effectful = fields.get('effectful');
  const against = effectful?.kind === 'scalar' && effectful.value === true ? 'effectful' : limits.length === 0 ? undefined : fields.get('mutex') === undefined ? 'limit' : 'mutex';
  if (against !== undefined) {
    const why = against === 'effectful' ? 'never executed by two nodes at once' : 'counted once each';
    problems.add(fields.keySpan('hedge'), `${fields.label('hedge')} and ${quote(against)} exclude each other`, { hint: `a hedge is a second copy, and modules with ${quote(against)} are ${why}; keep one of them` });
  }
  return policy;
}

/** Mutexes first, each a limit of 1, in the order written. */
function checkLimits(fields: Fields, where: string, problems: Problems): readonly Limit[] {
  const found = [...readMutexes(fields), ...readLimits(fields, where, problems)];
  if (found.length === 0) return ordinaryModule.limits;
  const keys = new Set<string>();
  for (const { key, span, word } of found) {
    if (keys.has(key)) problems.add(span, `${fields.label(word)} names ${quote(key)} a second time`, { hint: '`mutex: NAME` is `limit: { key: NAME, max: 1 }`; keep one of them' });
    keys.add(key);
  }
  if (found.length > LIMITS_PER_MODULE_MAX) {
    problems.add(found[LIMITS_PER_MODULE_MAX]?.span ?? fields.keySpan('limit'), `${where} has ${found.length} mutexes and limits`, { allowed: `at most ${LIMITS_PER_MODULE_MAX}` });
  }
  return found.map(({ key, max }) => ({ key, max }));
}

interface Found extends Limit {
  readonly span: Span;
  readonly word: 'mutex' | 'limit';
}

function readMutexes(fields: Fields): Found[] {
  const node = fields.get('mutex');
  if (node?.kind === 'map') {
    fields.wrong(node, 'mutex', 'must be a name or a list of names', { hint: 'so many at a time are allowed by `limit: { key: NAME, max: N }`' });
    return [];
  }
  const items = node === undefined ? [] : node.kind === 'list' ? node.items : [node];
  return items.flatMap((item): Found[] => {
    const key = keyOf(item, 'mutex', fields);
    return key === undefined ? [] : [{ key, max: 1, span: item.span, word: 'mutex' }];
  });
}

function readLimits(fields: Fields, where: string, problems: Problems): Found[] {
  const node = fields.get('limit');
  const items = node === undefined ? [] : node.kind === 'list' ? node.items : [node];
  return items.flatMap((item): Found[] => {
    if (item.kind === 'map') return readLimit(item, where, problems);
    const hint = item.kind === 'scalar' ? limitHint(item.value) : undefined;
    fields.wrong(item, 'limit', 'must be a map or a list of maps', { allowed: '{ key: NAME, max: NUMBER }', hint });
    return [];
  });
}

function limitHint(value: unknown): string | undefined {
  if (typeof value === 'string') return `one at a time is \`mutex: ${value.slice(0, 40)}\``;
  return typeof value === 'number' ? 'modules of one run at a time are limited by `max-parallel` of the pipeline' : undefined;
}

function readLimit(map: InputMap, where: string, problems: Problems): Found[] {
  const limit = new Fields(map, `${where}: \`limit\``, { known: limitKeys, foreign: foreignLimitKeys }, problems);
  for (const word of limitKeys) if (limit.get(word) === undefined) problems.add(map.span, `${where}: \`limit\` has no ${quote(word)}`, { allowed: '{ key: NAME, max: NUMBER }' });
  const node = limit.get('key');
  const key = node === undefined ? undefined : keyOf(node, 'key', limit);
  const max = limit.integer('max', parallel);
  return node === undefined || key === undefined || max === undefined ? [] : [{ key, max, span: node.span, word: 'limit' }];
}

const foreignLimitKeys = { name: 'use `key`', group: 'use `key`', count: 'use `max`', value: 'use `max`' };

/** Names that all runs of the cell share, so they hold no expressions: what is locked can be read in the file. */
function keyOf(node: InputNode, word: string, fields: Fields): string | undefined {
  const text = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
  const allowed = `a name of 1 to ${NAME_LENGTH_MAX} characters on one line`;
  if (text === undefined) return fields.wrong(node, word, 'must be a name', { allowed, hint: nameHint(node, word) });
  const sound = text.trim() !== '' && text.length <= NAME_LENGTH_MAX && text.isWellFormed() && !/\p{Cc}/u.test(text) && !hasExpression(text);
  return sound ? text : fields.wrong(node, word, 'is not usable', { allowed });
}

function nameHint(node: InputNode, word: string): string | undefined {
  if (node.kind !== 'scalar' || node.value === null) return undefined;
  return typeof node.value === 'boolean' ? `name what modules share, such as \`${word}: nas\`` : 'put it in quotes';
}

function checkHedge(fields: Fields, where: string, problems: Problems): number {
  const node = fields.get('hedge');
  if (node === undefined) return ordinaryModule.hedgeFactor;
  if (node.kind === 'scalar' && typeof node.value === 'boolean') return node.value ? HEDGE_FACTOR_DEFAULT : 0;
  if (node.kind !== 'map') {
    const hint = node.kind === 'scalar' && typeof node.value === 'number' ? `did you mean \`{ factor: ${node.source} }\`?` : undefined;
    problems.add(node.span, `${fields.label('hedge')} must be true, false or a map`, { found: describe(node), allowed: '{ factor: NUMBER }', hint });
    return 0;
  }
  const hedge = new Fields(node, `${where}: \`hedge\``, { known: hedgeKeys }, problems);
  return hedge.number('factor', { min: HEDGE_FACTOR_MIN, max: HEDGE_FACTOR_MAX }) ?? HEDGE_FACTOR_DEFAULT;
}
