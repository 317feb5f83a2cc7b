/** The rules of copies, slow and obvious: every question is answered from the specifications of all modules of the run. */
import type { ResultItem } from '../../../src/core/cell/types.ts';
import type { OracleModule } from './oracle-module.ts';

/** Outputs of `from` that this module takes. */
function takes(modules: readonly OracleModule[], module: OracleModule, from: OracleModule): string[] {
  return (module.spec.files?.inputs ?? []).flatMap((input) => ('module' in input && modules[input.module] === from ? [input.output] : []));
}

/** Some output of it is taken by nobody: the run gives it to whoever submitted it. */
function isGiven(modules: readonly OracleModule[], module: OracleModule): boolean {
  const taken = modules.flatMap((other) => takes(modules, other, module));
  return (module.spec.files?.outputs ?? []).some(({ name }) => !taken.includes(name));
}

/** Two of what is given or touches the world, one of all else; fewer where fewer nodes could have one. */
export function needsCopies(modules: readonly OracleModule[], module: OracleModule, { holders = [], unable = [] }: ResultItem, open: readonly string[]): boolean {
  const outputs = module.spec.files?.outputs ?? [];
  const wanted = outputs.length === 0 ? 0 : module.spec.effectful || isGiven(modules, module) ? 2 : 1;
  const there: readonly string[] = [...new Set(holders)].filter((node) => open.includes(node));
  const cannot: readonly string[] = unable;
  const could = open.filter((node) => there.includes(node) || !cannot.includes(node)).length;
  return there.length < Math.min(wanted, could);
}

/** Somebody who has not begun takes its files, or the run gives them. */
export function isMissed(modules: readonly OracleModule[], module: OracleModule, isLive: (other: OracleModule) => boolean): boolean {
  return isGiven(modules, module) || modules.some((other) => takes(modules, other, module).length > 0 && other.final === '' && !isLive(other));
}
