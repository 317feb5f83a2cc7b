/** Reads `params`: the typed inputs of a pipeline, checked before any value is given. */
import { Fields, isReserved, valueFault } from './fields.ts';
import type { InputMap, InputNode, Scalar } from './input.ts';
import { laterParamTypes, paramKeys, paramTypes } from './keys.ts';
import { KEY_LENGTH_MAX, PARAMS_MAX } from './limits.ts';
import type { ParamSpec, ParamType, ParamValue } from './model.ts';
import { isFileType, readGivenFiles } from './param-files.ts';
import { didYouMean, quote, type Problems } from './problems.ts';
import { suggest } from './suggest.ts';

const namePattern = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const typeAliases: Readonly<Record<string, string>> = { int: 'integer', float: 'number', double: 'number', bool: 'boolean', text: 'string', str: 'string', choice: 'string', folder: 'files', folders: 'files', directory: 'files', dir: 'files', path: 'file', blob: 'file' };

export function checkParams(map: InputMap | undefined, problems: Problems): Record<string, ParamSpec> {
  const params: Record<string, ParamSpec> = {};
  if (map === undefined) return params;
  if (map.entries.length > PARAMS_MAX) problems.add(map.span, `\`params\` has ${map.entries.length} parameters`, { allowed: `at most ${PARAMS_MAX}` });
  for (const { key, keySpan, value } of map.entries.slice(0, PARAMS_MAX)) {
    const where = `parameter ${quote(key)}`;
    if (!namePattern.test(key) || key.length > KEY_LENGTH_MAX || isReserved(key)) {
      problems.add(keySpan, `${quote(key)} cannot name a parameter`, { allowed: `letters, digits, _ and -, a letter or _ first, at most ${KEY_LENGTH_MAX}` });
      continue;
    }
    if (value.kind !== 'map') {
      const isDefault = value.kind === 'scalar' && value.value !== null;
      const hint = isDefault ? `a default is written as {type: ${typeOf(value.value)}, default: ${value.source.slice(0, 40)}}` : undefined;
      problems.add(value.span, `${where} must be a map`, { allowed: paramKeys.join(', '), hint });
      continue;
    }
    params[key] = checkParam(value, where, problems);
  }
  return params;
}

function checkParam(map: InputMap, where: string, problems: Problems): ParamSpec {
  const fields = new Fields(map, where, { known: paramKeys }, problems);
  const type = checkType(fields, problems);
  const numeric = type === 'integer' || type === 'number';
  for (const key of ['min', 'max']) {
    if (!numeric && isFileType(type) && fields.get(key) !== undefined) problems.add(fields.keySpan(key), `${where}: ${quote(key)} is for numbers, this is ${type === 'file' ? 'a file' : 'files'}`);
    else if (!numeric && fields.get(key) !== undefined) problems.add(fields.keySpan(key), `${where}: ${quote(key)} is for numbers, this is a ${type}`, { hint: 'add `type: integer` or `type: number`' });
  }
  const bounds = { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER };
  const min = (numeric ? fields.number('min', bounds) : undefined) ?? null;
  const max = (numeric ? fields.number('max', bounds) : undefined) ?? null;
  if (min !== null && max !== null && min > max) problems.add(fields.keySpan('min'), `${where}: \`min\` ${min} is above \`max\` ${max}`);
  if (isFileType(type) && fields.get('enum') !== undefined) problems.add(fields.keySpan('enum'), `${where}: \`enum\` is for values, this is ${type === 'file' ? 'a file' : 'files'}`);
  const values = isFileType(type) ? [] : checkEnum(fields, type);
  const spec: ParamSpec = { type, description: fields.text('description') ?? '', required: false, default: null, min, max, enum: values };
  const fallback = checkDefault(fields, spec);
  const required = fields.flag('required') ?? fields.get('default') === undefined;
  if (required && fallback !== null) problems.add(fields.keySpan('required'), `${where}: \`required\` and \`default\` exclude each other`, { hint: 'remove one of them' });
  return { ...spec, default: fallback, required };
}

function checkType(fields: Fields, problems: Problems): ParamType {
  const type = fields.text('type');
  if (type === undefined) return 'string';
  if ((paramTypes as readonly string[]).includes(type)) return type as ParamType;
  const span = fields.get('type')?.span ?? fields.keySpan('type');
  if (laterParamTypes.includes(type)) problems.add(span, `${fields.label('type')}: ${quote(type)} is not available in this version`, { allowed: paramTypes.join(', ') });
  else problems.add(span, `${fields.label('type')}: unknown type ${quote(type)}`, { allowed: paramTypes.join(', '), hint: didYouMean(suggest(type, paramTypes, typeAliases)) });
  return 'string';
}

function checkEnum(fields: Fields, type: ParamType): ParamValue[] {
  const list = fields.list('enum', 'values');
  if (list === undefined) return [];
  if (list.items.length === 0) fields.wrong(list, 'enum', 'is empty', { allowed: 'at least one value' });
  const values: ParamValue[] = [];
  for (const item of list.items) {
    const value = item.kind === 'scalar' ? item.value : null;
    if (value !== null && fits(value, type)) values.push(value);
    else fields.wrong(item, 'enum', `holds a value that is no ${type}`, { allowed: `values of type ${type}` });
  }
  return values;
}

function checkDefault(fields: Fields, spec: ParamSpec): ParamValue | null {
  const node = fields.get('default');
  if (node === undefined) return null;
  const value = node.kind === 'scalar' ? node.value : null;
  if (isFileType(spec.type)) {
    if (typeof value === 'string' && readGivenFiles(value, spec.type)?.from === 'paths') return value;
    return fields.wrong(node, 'default', `must be ${spec.type === 'file' ? 'the path of a file' : 'a folder or a pattern'}, relative to the pipeline file`) ?? null;
  }
  if (value === null || !fits(value, spec.type)) {
    const hint = isTyped(node) && !fields.keys.includes('type') ? `add \`type: ${typeOf(value)}\`` : undefined;
    return fields.wrong(node, 'default', `must be of type ${spec.type}`, { hint }) ?? null;
  }
  const fault = paramFault(value, spec);
  if (fault !== undefined) fields.wrong(node, 'default', fault);
  return value;
}

function isTyped(node: InputNode): boolean {
  return node.kind === 'scalar' && node.value !== null;
}

function typeOf(value: Scalar): ParamType {
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return 'string';
}

function fits(value: ParamValue, type: ParamType): boolean {
  if (type === 'integer') return Number.isSafeInteger(value);
  if (type === 'number') return Number.isFinite(value);
  if (isFileType(type)) return false;
  return typeof value === type;
}

/** @returns why `value`, already of the right type, is not allowed: the rest of a sentence about it. */
export function paramFault(value: ParamValue, { min, max, enum: values }: ParamSpec): string | undefined {
  if (typeof value === 'number') {
    if (min !== null && value < min) return `must be at least ${min}`;
    if (max !== null && value > max) return `must be at most ${max}`;
  }
  if (values.length > 0 && !values.includes(value)) return `must be one of ${values.map(String).join(', ')}`;
  return typeof value === 'string' ? valueFault(value) : undefined;
}
