/** Reads one module: its action, needs, requirements and limits. */
import type { Requires, RetrySpec } from '../core/cell/types.ts';
import { isVersionRange } from '../core/lib/version-range.ts';
import { checkEnv, type EnvDraft } from './check-env.ts';
import { checkCheckpoint } from './check-checkpoint.ts';
import { checkFiles, type FilesDraft } from './check-files.ts';
import { checkForeach, type ForeachDraft } from './check-foreach.ts';
import { checkModulePolicy } from './check-policy.ts';
import { bytesOf, describe, Fields, isReserved } from './fields.ts';
import type { InputEntry } from './input.ts';
import { archNames, foreignModuleKeys, laterModuleKeys, laterRequiresKeys, laterRetryKeys, moduleKeys, osNames, requiresKeys, retryKeys } from './keys.ts';
import { ATTEMPTS_MAX, BACKOFF_MS_MAX, COMMAND_BYTES_MAX, CPU_MAX, CPU_MIN, NAME_LENGTH_MAX, PIPELINE_MODULES_MAX, REQUIRES_MAX, TIMEOUT_MS_MAX } from './limits.ts';
import { DEFAULT_REQUIRES, DEFAULT_RETRY, DEFAULT_TIMEOUT_MS, type PipelineAction, type PipelineModule } from './model.ts';
import { didYouMean, quote, type Problems, type Span } from './problems.ts';
import { suggest } from './suggest.ts';

export interface ModuleDraft {
  readonly module: PipelineModule;
  readonly files: FilesDraft;
  readonly foreach: ForeachDraft | undefined;
  readonly env: EnvDraft;
  readonly keySpan: Span;
  readonly actionSpan: Span;
  /** Place of each need, by name. */
  readonly needSpans: ReadonlyMap<string, Span>;
}

/** Letters of names are also used in folder names, URLs and Prometheus labels. */
const namePattern = /^[A-Za-z0-9_@][A-Za-z0-9_@.:+/-]*$/;
const functionPattern = /^[A-Za-z_$][A-Za-z0-9_$.:/-]*$/;
const exportPattern = /^[A-Za-z_$][A-Za-z0-9_$]*$/;
const osAliases: Readonly<Record<string, string>> = { macos: 'darwin', osx: 'darwin', mac: 'darwin', windows: 'win32', win: 'win32', 'ubuntu-latest': 'linux', ubuntu: 'linux' };
const archAliases: Readonly<Record<string, string>> = { amd64: 'x64', x86_64: 'x64', 'x86-64': 'x64', aarch64: 'arm64', armv7: 'arm', i386: 'ia32', x86: 'ia32' };

export function isModuleName(name: string): boolean {
  return name.length <= NAME_LENGTH_MAX && namePattern.test(name) && !name.includes('..') && !isReserved(name);
}

/** @returns undefined when nothing of the entry could be read. */
export function checkModule({ key: name, keySpan, value }: InputEntry, problems: Problems): ModuleDraft | undefined {
  const where = `module ${quote(name)}`;
  if (!isModuleName(name)) {
    problems.add(keySpan, `${quote(name)} cannot name a module`, { allowed: `1 to ${NAME_LENGTH_MAX} letters, digits and _ @ . : + / -, without ..` });
  }
  if (value.kind !== 'map') {
    const hint = value.kind === 'scalar' && typeof value.value === 'string' ? `a command is written as {run: ${value.value.slice(0, 40)}}` : undefined;
    problems.add(value.span, `${where} must be a map`, { found: describe(value), allowed: moduleKeys.join(', '), hint });
    return undefined;
  }
  const fields = new Fields(value, where, { known: moduleKeys, later: laterModuleKeys, foreign: foreignModuleKeys }, problems);
  const given = fields.text('name');
  if (given !== undefined && given !== name) {
    problems.add(fields.get('name')?.span ?? keySpan, `${where}: \`name\` differs from the key`, { found: quote(given), hint: `rename the key, or leave \`name\` out` });
  }
  const action = checkAction(fields, keySpan, where, problems);
  const needSpans = checkNeeds(fields, problems);
  const files = checkFiles(fields, problems);
  const foreach = checkForeach(fields, problems);
  const module: PipelineModule = {
    name,
    needs: [...needSpans.keys()],
    action: action.action,
    env: {},
    requires: checkRequires(fields, where, problems),
    timeoutMs: checkTimeout(fields, problems),
    retry: checkRetry(fields, where, problems),
    effectful: fields.flag('effectful') ?? false,
    cache: checkCache(fields, action.action, problems),
    checkpoint: checkCheckpoint(fields, action.action, problems),
    durationMs: fields.duration('duration', { min: 0, max: TIMEOUT_MS_MAX }) ?? 0,
    policy: checkModulePolicy(fields, where, problems),
    files: { inputs: files.inputs.map(({ span: _span, ...input }) => input), outputs: files.outputs },
    foreach: foreach?.foreach ?? null,
  };
  return { module, files, foreach, env: checkEnv(fields, problems), keySpan, actionSpan: action.span, needSpans };
}

const NO_ACTION: PipelineAction = { type: 'run', command: 'true' };

function checkAction(fields: Fields, keySpan: Span, where: string, problems: Problems): { action: PipelineAction; span: Span } {
  const given = ['run', 'uses', 'call'].filter((key) => fields.get(key) !== undefined);
  const [key, second] = given;
  if (key === undefined) {
    problems.add(keySpan, `${where} does nothing`, { allowed: '`run`, `uses` or `call`' });
    return { action: NO_ACTION, span: keySpan };
  }
  if (second !== undefined) problems.add(fields.keySpan(second), `${where} has both ${quote(key)} and ${quote(second)}`, { allowed: 'one of `run`, `uses` and `call`' });
  const span = fields.get(key)?.span ?? keySpan;
  const text = fields.text(key);
  if (text === undefined) return { action: NO_ACTION, span };
  const action = key === 'run' ? runAction(text, fields) : key === 'uses' ? usesAction(text, fields) : callAction(text, key, fields);
  return { action: action ?? NO_ACTION, span };
}

function runAction(command: string, fields: Fields): PipelineAction | undefined {
  const node = fields.get('run');
  if (node === undefined) return undefined;
  if (command.trim() === '') return fields.wrong(node, 'run', 'is empty', { allowed: 'a shell command' });
  if (command.includes('\0') || !command.isWellFormed()) return fields.wrong(node, 'run', 'holds a NUL character or half of a surrogate pair');
  const bytes = bytesOf(command);
  if (bytes > COMMAND_BYTES_MAX) return fields.wrong(node, 'run', `is ${bytes} bytes`, { allowed: `at most ${COMMAND_BYTES_MAX} bytes`, hint: 'put it into a script file' });
  return { type: 'run', command };
}

function usesAction(text: string, fields: Fields): PipelineAction | undefined {
  const node = fields.get('uses');
  if (node === undefined) return undefined;
  if (text.startsWith('fn:')) return callAction(text.slice(3), 'uses', fields);
  const allowed = './file.ts#function, or fn:NAME for a registered function';
  if (/^\.\.?\/.*\.(ya?ml|json)$/.test(text)) return fields.wrong(node, 'uses', 'names a file that is no code', { allowed });
  if (/^\.\.?\//.test(text)) {
    const [file = '', exported = 'default', ...rest] = text.split('#');
    const ok = rest.length === 0 && exportPattern.test(exported) && !file.includes('\0');
    return ok ? { type: 'uses', file, export: exported } : fields.wrong(node, 'uses', 'does not name a function', { allowed });
  }
  if (text.startsWith('std/')) return fields.wrong(node, 'uses', 'names a library module; these are not available in this version', { allowed });
  const hint = /\.[cm]?[jt]s(#|$)/.test(text) ? `did you mean ${quote(`./${text.replace(/^\/+/, '')}`)}?` : undefined;
  return fields.wrong(node, 'uses', 'is no relative path', { allowed, hint });
}

function callAction(name: string, key: string, fields: Fields): PipelineAction | undefined {
  const node = fields.get(key);
  if (functionPattern.test(name) && name.length <= NAME_LENGTH_MAX) return { type: 'call', function: name };
  return node && fields.wrong(node, key, 'does not name a registered function', { allowed: 'letters, digits and _ $ . : / -' });
}

function checkCache(fields: Fields, action: PipelineAction, problems: Problems): boolean {
  const cache = fields.flag('cache') ?? false;
  if (!cache) return false;
  const effectful = fields.get('effectful');
  const span = fields.keySpan('cache');
  if (effectful?.kind === 'scalar' && effectful.value === true) {
    problems.add(span, `${fields.label('cache')} and \`effectful\` exclude each other`, { hint: 'what is done outside would not be done; keep one of them' });
  }
  if (action.type === 'call') problems.add(span, `${fields.label('cache')} is not for registered functions`, { hint: 'a result stands for the same code only, and the code of a function that a program registered is not known; use `uses: ./file.ts#function`' });
  return cache;
}

function checkNeeds(fields: Fields, problems: Problems): Map<string, Span> {
  const both = fields.get('needs') !== undefined && fields.get('dependsOn') !== undefined;
  if (both) problems.add(fields.keySpan('dependsOn'), `${fields.label('dependsOn')} and \`needs\` are two names of one key`, { hint: 'keep one of them' });
  const key = fields.get('needs') === undefined ? 'dependsOn' : 'needs';
  const spans = new Map<string, Span>();
  for (const { text, span } of fields.texts(key, PIPELINE_MODULES_MAX) ?? []) {
    if (spans.has(text)) problems.add(span, `${fields.label(key)} lists ${quote(text)} twice`);
    else spans.set(text, span);
  }
  return spans;
}

function checkTimeout(fields: Fields, problems: Problems): number {
  const minutes = fields.number('timeout-minutes', { min: 0, max: TIMEOUT_MS_MAX / 60_000 });
  const node = fields.get('timeout');
  if (node !== undefined && fields.get('timeout-minutes') !== undefined) {
    problems.add(fields.keySpan('timeout-minutes'), `${fields.label('timeout-minutes')} and \`timeout\` exclude each other`, { hint: 'keep `timeout`' });
  }
  if (node?.kind === 'scalar' && node.value === 0) return 0;
  return fields.duration('timeout', { min: 0, max: TIMEOUT_MS_MAX }) ?? (minutes === undefined ? DEFAULT_TIMEOUT_MS : Math.round(minutes * 60_000));
}

function checkRetry(fields: Fields, where: string, problems: Problems): RetrySpec {
  const node = fields.get('retry');
  if (node === undefined) return DEFAULT_RETRY;
  const bounds = { min: 1, max: ATTEMPTS_MAX };
  if (node.kind === 'scalar' && typeof node.value === 'number') return { ...DEFAULT_RETRY, attempts: fields.integer('retry', bounds) ?? 1 };
  if (node.kind !== 'map') {
    fields.wrong(node, 'retry', 'must be a number or a map', { allowed: `a number of attempts, or a map with ${retryKeys.join(', ')}` });
    return DEFAULT_RETRY;
  }
  const retry = new Fields(node, `${where}: \`retry\``, { known: retryKeys, later: laterRetryKeys }, problems);
  return {
    attempts: retry.integer('attempts', bounds) ?? DEFAULT_RETRY.attempts,
    backoffMs: retry.duration('backoff', { min: 0, max: BACKOFF_MS_MAX }) ?? DEFAULT_RETRY.backoffMs,
    factor: retry.number('factor', { min: 1, max: 100 }) ?? DEFAULT_RETRY.factor,
    jitter: retry.flag('jitter') ?? DEFAULT_RETRY.jitter,
    capMs: retry.duration('cap', { min: 0, max: BACKOFF_MS_MAX }) ?? DEFAULT_RETRY.capMs,
  };
}

function checkRequires(fields: Fields, where: string, problems: Problems): Requires {
  const node = fields.get('requires');
  if (node === undefined) return DEFAULT_REQUIRES;
  if (node.kind === 'list') {
    fields.wrong(node, 'requires', 'must be a map; several variants are not available in this version', { allowed: requiresKeys.join(', ') });
    return DEFAULT_REQUIRES;
  }
  if (node.kind !== 'map') {
    fields.wrong(node, 'requires', 'must be a map', { allowed: requiresKeys.join(', ') });
    return DEFAULT_REQUIRES;
  }
  const requires = new Fields(node, `${where}: \`requires\``, { known: requiresKeys, later: laterRequiresKeys }, problems);
  return {
    cpu: requires.number('cpu', { min: CPU_MIN, max: CPU_MAX }) ?? DEFAULT_REQUIRES.cpu,
    memory: requires.size('memory') ?? DEFAULT_REQUIRES.memory,
    labels: checkLabels(requires, problems),
    tools: checkTools(requires, problems),
    os: checkOneOf(requires, 'os', osNames, osAliases, problems),
    arch: checkOneOf(requires, 'arch', archNames, archAliases, problems),
  };
}

function checkLabels(fields: Fields, problems: Problems): string[] {
  const labels = fields.texts('labels', REQUIRES_MAX) ?? [];
  return labels.flatMap(({ text, span }) => {
    if (/^[A-Za-z0-9_][A-Za-z0-9_./-]{0,62}(=\P{Cc}{0,63})?$/u.test(text) && !text.includes('${{')) return [text];
    problems.add(span, `${fields.label('labels')}: ${quote(text)} is no label`, { allowed: 'key, or key=value' });
    return [];
  });
}

const RANGE_LENGTH_MAX = 128;
const toolPattern = /^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,62}$/;
/** A map of tool → version range; a list of names, or one name, asks for any version. */
function checkTools(fields: Fields, problems: Problems): Record<string, string> {
  const node = fields.get('tools');
  const tools: Record<string, string> = {};
  if (node === undefined) return tools;
  const wanted =
    node.kind === 'map'
      ? node.entries.map(({ key, keySpan, value }) => ({ tool: key, span: keySpan, value }))
      : (fields.texts('tools', REQUIRES_MAX) ?? []).map(({ text, span }) => ({ tool: text, span, value: undefined }));
  if (wanted.length > REQUIRES_MAX) fields.wrong(node, 'tools', `has ${wanted.length} items`, { allowed: `at most ${REQUIRES_MAX}` });
  for (const { tool, span, value } of wanted.slice(0, REQUIRES_MAX)) {
    const range = value === undefined || (value.kind === 'scalar' && value.value === null) ? '*' : value.kind === 'scalar' ? value.source : '';
    if (!toolPattern.test(tool) || isReserved(tool)) problems.add(span, `${fields.label('tools')}: ${quote(tool)} is no tool name`);
    else if (isVersionRange(range) && range.length <= RANGE_LENGTH_MAX) tools[tool] = range;
    else if (value !== undefined) problems.add(value.span, `${fields.label('tools')}: no version range for ${quote(tool)}`, { found: describe(value), allowed: 'such as >=6, 3.12, >=18 <23, or *' });
  }
  return tools;
}

function checkOneOf(fields: Fields, key: string, names: readonly string[], aliases: Readonly<Record<string, string>>, problems: Problems): string[] {
  const found = fields.texts(key, REQUIRES_MAX) ?? [];
  return found.flatMap(({ text, span }) => {
    if (names.includes(text)) return [text];
    problems.add(span, `${fields.label(key)}: unknown ${key} ${quote(text)}`, { allowed: names.join(', '), hint: didYouMean(suggest(text, names, aliases)) });
    return [];
  });
}
