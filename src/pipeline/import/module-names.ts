/** Names of modules for names that somebody else chose. */
import { NAME_LENGTH_MAX } from '../limits.ts';
import { isModuleName } from '../check-module.ts';

/** A name that fits stays as it is; others lose what does not fit, and are numbered where they would meet another. */
export function moduleNames(ids: readonly string[]): string[] {
  const taken = new Set(ids.filter(isModuleName));
  return ids.map((id) => {
    if (isModuleName(id)) return id;
    const base = usable(id);
    let name = base;
    for (let number = 2; taken.has(name); number++) name = `${base.slice(0, NAME_LENGTH_MAX - `-${number}`.length)}-${number}`;
    taken.add(name);
    return name;
  });
}

function usable(id: string): string {
  const cleaned = id.replaceAll(/[^A-Za-z0-9_@.:+/-]/g, '_').replaceAll(/\.{2,}/g, '_').slice(0, NAME_LENGTH_MAX - 1);
  return isModuleName(cleaned) ? cleaned : `_${cleaned}`;
}
