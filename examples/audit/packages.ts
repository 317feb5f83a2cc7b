/** Finds the packages under a `node_modules`. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** Folders with a package.json: direct, scoped, and nested in other packages; relative to `folder`, sorted. */
export async function listPackages(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await subfolders(folder)) {
    const names = name.startsWith('@') ? (await subfolders(path.join(folder, name))).map((inner) => `${name}/${inner}`) : [name];
    for (const candidate of names) {
      if (!(await exists(path.join(folder, candidate, 'package.json')))) continue;
      found.push(candidate);
      const nested = await listPackages(path.join(folder, candidate, 'node_modules'));
      found.push(...nested.map((inner) => `${candidate}/node_modules/${inner}`));
    }
  }
  return found.toSorted();
}

async function subfolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map((entry) => entry.name);
}

function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
