/**
 * What a module's execution depends on: the outputs of its needs, and files that came with the run. Two executions with the same inputs hash may
 * stand for each other, which is why a late result under an older fence can be accepted (PROTOCOL §6).
 */
import { filesOf, filesOfParam } from './files.ts';
import { Hasher } from '../lib/hash.ts';
import { jsonText } from '../lib/json-text.ts';
import type { RunNumber } from '../lib/ids.ts';
import { moduleAt, type CellState, type ModuleRecord } from './state.ts';
import type { Outcome } from './types.ts';

const emptyDigest = new Hasher().text('').digest();
const noInputs = new Hasher().word(0).hex();

function valuesDigestOf(state: CellState, module: ModuleRecord): readonly number[] {
  if (module.valuesDigest !== null) return module.valuesDigest;
  const { values = {}, files } = module.outcome ?? {};
  let digest: readonly number[] = emptyDigest;
  const hasValues = Object.keys(values).length > 0;
  if (files !== undefined) digest = new Hasher().text(jsonText(values)).text(digestsText(files)).digest();
  else if (hasValues) digest = new Hasher().text(jsonText(values)).digest();
  remember(state, module, digest);
  return digest;
}

/** Of files what they hold counts, and the name under which a single one is found. */
function digestsText(files: NonNullable<Outcome['files']>): string {
  return Object.keys(files).sort().map((output) => `${output} ${files[output]!.kind} ${files[output]!.cid} ${files[output]!.name}`).join('\n');
}

/** Derived fields change neither the plain form nor the revision. */
function remember(_state: CellState, module: ModuleRecord, digest: readonly number[]): void {
  (module as { valuesDigest: readonly number[] | null }).valuesDigest = digest;
}

/** Hash of the results of a module's needs and of its submitted files, 32 hex digits; '' while a need has not succeeded. */
export function inputsHashOfModule(state: CellState, module: ModuleRecord): string {
  if (module.inputsHash !== '') return module.inputsHash;
  if (module.waitingOn !== 0) return '';
  const { params, modules } = module.run.spec;
  const spec = modules[module.index]!;
  const submitted = filesOf(spec).inputs.flatMap((input) => ('param' in input ? [filesOfParam(params, input.param)?.cid ?? ''] : []));
  let hash = noInputs;
  if (spec.needs.length > 0 || submitted.length > 0) {
    const hasher = new Hasher().word(spec.needs.length);
    for (const need of spec.needs) for (const word of valuesDigestOf(state, module.run.modules[need]!)) hasher.word(word);
    for (const cid of submitted) hasher.text(cid);
    hash = hasher.hex();
  }
  (module as { inputsHash: string }).inputsHash = hash;
  return hash;
}

/** @returns '' for an unknown module, or one whose needs have not all succeeded. */
export function inputsHashOf(state: CellState, run: RunNumber, module: number): string {
  const record = moduleAt(state, run, module);
  return record === undefined ? '' : inputsHashOfModule(state, record);
}
