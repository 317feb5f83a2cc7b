/**
 * Recorded workflows in WfFormat, the JSON of the WfCommons archive. Up to 1.4 a task carries all of itself and is
 * referred to by name; from 1.5 on its place in the graph stands under `specification`, what was measured of it under
 * `execution`, joined by id. Recordings are untidy, so only what the import needs is looked at, and only what would make
 * the graph or a duration wrong is refused.
 */
import { DURATION_MS_MAX } from '../../core/cell/limits.ts';
import { didYouMean, quote } from '../problems.ts';
import { suggest } from '../suggest.ts';
import type { JsonFields, JsonMap } from './json-fields.ts';
import { pathText, type JsonPath } from './json-place.ts';
import { TASK_CORES_MAX, TASK_MEMORY_BYTES_MAX, WORKFLOW_TASKS_MAX } from './limits.ts';

export interface RecordedTask {
  /** Unique; what others refer to. */
  readonly id: string;
  /** Positions, rising, each once. */
  readonly parents: readonly number[];
  /** Undefined when nothing was recorded. */
  readonly runtimeSeconds: number | undefined;
  /** Undefined when nothing, or 0, was recorded. */
  readonly cores: number | undefined;
  readonly memoryBytes: number | undefined;
}

export interface RecordedWorkflow {
  readonly name: string;
  readonly schemaVersion: string;
  /** The engine that ran it, '' when not told. */
  readonly engine: string;
  /** 0 when not told, as in generated workflows. */
  readonly makespanSeconds: number;
  readonly tasks: readonly RecordedTask[];
}

const VERSIONS = '1.0 to 1.6';
const seconds = { max: DURATION_MS_MAX, unit: 'a number of seconds' };
const CYCLE_SHOWN_MAX = 12;

/** Numbers of one task, wherever they stand. */
type Measured = Pick<RecordedTask, 'runtimeSeconds' | 'cores' | 'memoryBytes'>;

interface Draft extends Measured {
  readonly id: string;
  /** A second name that parents may be given by, where only one task has it. */
  readonly alias: string | undefined;
  readonly parents: readonly string[];
  readonly children: readonly string[];
  readonly path: JsonPath;
}

/** @throws SkeinError PIPELINE_INVALID with every problem and its place. */
export function readWfFormat(fields: JsonFields): RecordedWorkflow {
  const root = fields.map(fields.parse(), []);
  const workflow = root === undefined ? undefined : fields.map(root['workflow'], ['workflow']);
  if (root === undefined || workflow === undefined) {
    fields.throwIfAny();
    throw new Error('a problem was added above');
  }
  const schemaVersion = readVersion(root, fields);
  const isSplit = workflow['specification'] !== undefined || workflow['execution'] !== undefined;
  const execution = isSplit ? (workflow['execution'] ?? {}) : workflow;
  const recorded = fields.map(execution, ['workflow', 'execution']) ?? {};
  const drafts = isSplit ? splitTasks(workflow, recorded, fields) : wholeTasks(workflow, fields);
  const tasks = joinTasks(drafts, fields);
  if (fields.count === 0) refuseCycle(tasks, drafts, fields);
  fields.throwIfAny();
  return {
    name: fields.text(root, 'name', []) ?? '',
    schemaVersion,
    engine: engineOf(root),
    makespanSeconds: [recorded['makespanInSeconds'], recorded['makespan']].find((value) => typeof value === 'number') ?? 0,
    tasks,
  };
}

/** Absent in some files: then the form of the document decides, as it does for the versions between. */
function readVersion(root: JsonMap, fields: JsonFields): string {
  const value = root['schemaVersion'];
  const version = typeof value === 'string' ? value : JSON.stringify(value ?? '').replaceAll('"', '');
  if (version !== '' && !/^1\.[0-6](?:$|[.-])/.test(version)) fields.add(['schemaVersion'], `WfFormat ${quote(version)} cannot be read`, { allowed: VERSIONS });
  return version;
}

function engineOf(root: JsonMap): string {
  const engine = root['runtimeSystem'] ?? root['wms'];
  const name = typeof engine === 'object' && engine !== null ? (engine as JsonMap)['name'] : undefined;
  return typeof name === 'string' ? name : '';
}

function listOfTasks(value: unknown, path: JsonPath, fields: JsonFields): readonly unknown[] {
  const list = fields.list(value, path) ?? [];
  if (list.length <= WORKFLOW_TASKS_MAX) return list;
  fields.add(path, `${list.length} tasks are too many`, { allowed: `at most ${WORKFLOW_TASKS_MAX}` });
  return [];
}

/** From 1.5 on. */
function splitTasks(workflow: JsonMap, execution: JsonMap, fields: JsonFields): Draft[] {
  const measured = new Map<string, Measured>();
  const executionPath: JsonPath = ['workflow', 'execution', 'tasks'];
  const measuredList = execution['tasks'] === undefined ? [] : listOfTasks(execution['tasks'], executionPath, fields);
  for (const [i, value] of measuredList.entries()) {
    const path = [...executionPath, i];
    const task = fields.map(value, path);
    const id = task === undefined ? undefined : fields.text(task, 'id', path);
    if (task === undefined || id === undefined) continue;
    if (measured.has(id)) fields.add(path, `${quote(pathText(path))}: task ${quote(id)} is measured twice`, { allowed: 'one entry a task' });
    measured.set(id, measuredOf(task, path, fields));
  }
  const specificationPath: JsonPath = ['workflow', 'specification'];
  const specification = fields.map(workflow['specification'], specificationPath);
  if (specification === undefined) return [];
  const unknown: Measured = { runtimeSeconds: undefined, cores: undefined, memoryBytes: undefined };
  const drafts = listOfTasks(specification['tasks'], [...specificationPath, 'tasks'], fields).flatMap((value, i) => {
    const path = [...specificationPath, 'tasks', i];
    const task = fields.map(value, path);
    if (task === undefined) return [];
    const id = fields.text(task, 'id', path) ?? fields.text(task, 'name', path);
    return draftOf(id, fields.text(task, 'name', path), task, path, measured.get(id ?? '') ?? unknown, fields);
  });
  const ids = new Set(drafts.map(({ id }) => id));
  for (const [i, value] of measuredList.entries()) {
    const id = (value as JsonMap | null)?.['id'];
    if (typeof id !== 'string' || ids.has(id)) continue;
    fields.add([...executionPath, i, 'id'], `the measured task ${quote(id)} is not among \`workflow.specification.tasks\``, { hint: didYouMean(suggest(id, ids)) });
  }
  return drafts;
}

/** Up to 1.4 (`jobs` up to 1.2). Some recordings name tasks by what they do, many alike: then the ids tell them apart. */
function wholeTasks(workflow: JsonMap, fields: JsonFields): Draft[] {
  const drafts = namedTasks(workflow, fields);
  const differ = (names: readonly (string | undefined)[]): boolean => !names.includes(undefined) && new Set(names).size === names.length;
  if (differ(drafts.map(({ id }) => id)) || !differ(drafts.map(({ alias }) => alias))) return drafts;
  return drafts.map((draft) => ({ ...draft, id: draft.alias!, alias: draft.id }));
}

function namedTasks(workflow: JsonMap, fields: JsonFields): Draft[] {
  const key = workflow['tasks'] === undefined && workflow['jobs'] !== undefined ? 'jobs' : 'tasks';
  return listOfTasks(workflow[key], ['workflow', key], fields).flatMap((value, i) => {
    const path = ['workflow', key, i];
    const task = fields.map(value, path);
    if (task === undefined) return [];
    const id = fields.text(task, 'id', path);
    const name = fields.text(task, 'name', path);
    return draftOf(name ?? id, name === undefined ? undefined : id, task, path, measuredOf(task, path, fields), fields);
  });
}

function draftOf(id: string | undefined, alias: string | undefined, task: JsonMap, path: JsonPath, measured: Measured, fields: JsonFields): Draft[] {
  if (id === undefined || id === '') {
    fields.add(path, `${quote(pathText(path))} has no name`, { allowed: '`id`, or `name`, with a string' });
    return [];
  }
  return [{ id, alias, path, parents: fields.texts(task, 'parents', path), children: fields.texts(task, 'children', path), ...measured }];
}

function measuredOf(task: JsonMap, path: JsonPath, fields: JsonFields): Measured {
  const cores = { max: TASK_CORES_MAX, unit: 'a number of cores' };
  const bytes = { max: TASK_MEMORY_BYTES_MAX, unit: 'a number of bytes' };
  const kilobytes = fields.amount(task, 'memory', path, { max: TASK_MEMORY_BYTES_MAX / 1000, unit: 'a number of kilobytes' });
  const memoryBytes = fields.amount(task, 'memoryInBytes', path, bytes) ?? (kilobytes === undefined ? undefined : kilobytes * 1000);
  return {
    runtimeSeconds: fields.amount(task, 'runtimeInSeconds', path, seconds) ?? fields.amount(task, 'runtime', path, seconds),
    cores: (fields.amount(task, 'coreCount', path, cores) ?? fields.amount(task, 'cores', path, cores)) || undefined,
    memoryBytes: Math.ceil(memoryBytes ?? 0) || undefined,
  };
}

function uniqueAliases(drafts: readonly Draft[]): Map<string, number> {
  const found = new Map<string, number>();
  const twice = new Set<string>();
  for (const [i, { alias }] of drafts.entries()) {
    if (alias === undefined) continue;
    if (found.has(alias)) twice.add(alias);
    found.set(alias, i);
  }
  for (const alias of twice) found.delete(alias);
  return found;
}

/** Names become positions. An edge counts when either end tells of it. */
function joinTasks(drafts: readonly Draft[], fields: JsonFields): RecordedTask[] {
  const positions = new Map<string, number>();
  for (const [i, { id, path }] of drafts.entries()) {
    const first = positions.get(id);
    if (first !== undefined) fields.add(path, `two tasks are named ${quote(id)}: ${quote(pathText(drafts[first]!.path))} and ${quote(pathText(path))}`, { allowed: 'a name of its own for each task' });
    else positions.set(id, i);
  }
  for (const [alias, i] of uniqueAliases(drafts)) if (!positions.has(alias)) positions.set(alias, i);
  const parents = drafts.map(() => new Set<number>());
  const resolve = (name: string, path: JsonPath, what: string, draft: Draft): number | undefined => {
    const found = positions.get(name);
    if (found === undefined) fields.add(path, `task ${quote(draft.id)}: the ${what} ${quote(name)} does not exist`, { allowed: 'the id of a task', hint: didYouMean(suggest(name, positions.keys())) });
    return found;
  };
  for (const [i, draft] of drafts.entries()) {
    for (const [p, name] of draft.parents.entries()) {
      const parent = resolve(name, [...draft.path, 'parents', p], 'parent', draft);
      if (parent !== undefined) parents[i]!.add(parent);
    }
    for (const [c, name] of draft.children.entries()) {
      const child = resolve(name, [...draft.path, 'children', c], 'child', draft);
      if (child !== undefined) parents[child]!.add(i);
    }
  }
  if (drafts.length === 0 && fields.count === 0) fields.add(['workflow'], 'the workflow has no tasks', { allowed: 'at least one task' });
  return drafts.map(({ id, runtimeSeconds, cores, memoryBytes }, i) => ({ id, runtimeSeconds, cores, memoryBytes, parents: [...parents[i]!].toSorted((a, b) => a - b) }));
}

/** Takes away what has no parents left, again and again; what stays is on a cycle or behind one. */
function refuseCycle(tasks: readonly RecordedTask[], drafts: readonly Draft[], fields: JsonFields): void {
  const missing = tasks.map(({ parents }) => parents.length);
  const children = tasks.map((): number[] => []);
  for (const [i, { parents }] of tasks.entries()) for (const parent of parents) children[parent]!.push(i);
  const free = tasks.flatMap((_, i) => (missing[i] === 0 ? [i] : []));
  for (let task = free.pop(); task !== undefined; task = free.pop()) {
    for (const child of children[task]!) if (--missing[child]! === 0) free.push(child);
  }
  const start = missing.findIndex((count) => count > 0);
  if (start === -1) return;
  const path: number[] = [];
  const seen = new Map<number, number>();
  let at = start;
  for (; !seen.has(at); at = tasks[at]!.parents.find((parent) => missing[parent]! > 0)!) {
    seen.set(at, path.length);
    path.push(at);
  }
  const cycle = path.slice(seen.get(at)).map((task) => tasks[task]!.id);
  const shown = cycle.length <= CYCLE_SHOWN_MAX ? cycle : [...cycle.slice(0, CYCLE_SHOWN_MAX - 1), `… (${cycle.length - CYCLE_SHOWN_MAX + 1} more)`];
  fields.add([...drafts[at]!.path, 'parents'], `tasks wait for each other in a circle: ${[...shown, cycle[0]!].join(' → ')}`, { allowed: 'a graph without cycles' });
}
