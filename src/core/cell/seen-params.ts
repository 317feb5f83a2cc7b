/**
 * What a module is shown of the parameters of its run. All of them; only a cached command is not shown files that came with
 * the run and that it neither takes nor names, so that its result does not depend on them: another sample to try a program
 * on shall not have the program compiled again. Both the key of the result and the execution go by this.
 */
import { filesOf, submittedFiles } from './files.ts';
import type { ModuleSpec, RunSpec } from './types.ts';

type Params = RunSpec['params'];

interface Seen {
  readonly byModule: Map<number, Params>;
  /** By the names that are left out: modules that are shown the same have the same object. */
  readonly byHidden: Map<string, Params>;
}

const seenBySpec = new WeakMap<RunSpec, Seen>();

export function seenParams(spec: RunSpec, template: number): Params {
  const module = spec.modules[template]!;
  if (module.cache !== true || module.action.type !== 'run') return spec.params;
  let seen = seenBySpec.get(spec);
  if (seen === undefined) seenBySpec.set(spec, (seen = { byModule: new Map(), byHidden: new Map([['[]', spec.params]]) }));
  const known = seen.byModule.get(template);
  if (known !== undefined) return known;
  const hidden = hiddenNames(spec, module, module.action.command);
  const key = JSON.stringify(hidden);
  const params = seen.byHidden.get(key) ?? Object.fromEntries(Object.entries(spec.params).filter(([name]) => !hidden.includes(name)));
  seen.byHidden.set(key, params);
  seen.byModule.set(template, params);
  return params;
}

function hiddenNames({ params, env: common }: RunSpec, module: ModuleSpec, command: string): string[] {
  const files = [...submittedFiles(params).keys()];
  if (files.length === 0) return [];
  const taken = new Set(filesOf(module).inputs.flatMap((input) => ('param' in input ? [input.param] : [])));
  if (module.foreach?.source.type === 'param') taken.add(module.foreach.source.param);
  const text = [command, ...Object.values(module.env), ...Object.values(common)].join('\n');
  // All of them at once, or by a name that is computed: `toJSON(params)`, `params['a']`.
  if (/\bparams\b(?!\s*\.\s*[A-Za-z_])|SKEIN_PARAMS_FILE/.test(text)) return [];
  return files.filter((name) => !taken.has(name) && !text.includes(name)).sort();
}
