/** Loads a pipeline written in TypeScript or JavaScript: bundled with all that it imports, then imported once. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { isDefinedPipeline, type DefinedPipeline } from './builder.ts';
import { bundleFailed } from './bundle.ts';
import { NOWHERE, Problems } from './problems.ts';

/** This file's neighbour, .ts in the repository and .js in the package. */
const builderUrl = new URL(`./builder${path.extname(fileURLToPath(import.meta.url))}`, import.meta.url).href;

/** @throws SkeinError PIPELINE_INVALID, BUNDLE_FAILED */
export async function importPipelineScript(file: string): Promise<DefinedPipeline> {
  const absolute = path.resolve(file);
  if (!(await exists(absolute))) refuse(file, 'no such file');
  const code = await bundleScript(absolute);
  const folder = await mkdtemp(path.join(tmpdir(), 'skein-pipeline-'));
  try {
    const target = path.join(folder, 'pipeline.mjs');
    await writeFile(target, code);
    return await findDefinition((await importMapped(target, file)) as Record<string, unknown>, file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function bundleScript(file: string): Promise<string> {
  const url = JSON.stringify(pathToFileURL(file).href);
  try {
    const result = await build({
      entryPoints: [file],
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'node',
      target: 'node22',
      sourcemap: 'inline',
      logLevel: 'silent',
      absWorkingDir: path.dirname(file),
      banner: { js: `import { createRequire as skeinCreateRequire } from 'node:module'; const require = skeinCreateRequire(${url});` },
      plugins: [builderPlugin, ownPlacesPlugin],
    });
    return result.outputFiles[0]?.text ?? '';
  } catch (error) {
    throw bundleFailed(`the pipeline file ${path.basename(file)}`, error);
  }
}

/** `skein` is this very library, so that its marks are the same; a pipeline file needs the builder only. */
const builderPlugin: Plugin = {
  name: 'skein-builder',
  setup(bundler) {
    bundler.onResolve({ filter: /^skein$/ }, () => ({ path: builderUrl, external: true }));
  },
};

/** `import.meta.dirname` and its kin mean the file they are written in, not the bundle. */
const ownPlacesPlugin: Plugin = {
  name: 'skein-own-places',
  setup(bundler) {
    bundler.onLoad({ filter: /\.[cm]?[jt]s$/ }, async ({ path: file }) => {
      if (file.includes(`${path.sep}node_modules${path.sep}`)) return undefined;
      const text = await readFile(file, 'utf8');
      const places: Record<string, string> = { url: pathToFileURL(file).href, dirname: path.dirname(file), filename: file };
      const contents = text.replaceAll(/\bimport\.meta\.(url|dirname|filename)\b/g, (_, key: string) => JSON.stringify(places[key]));
      return { contents, loader: /\.[cm]?ts$/.test(file) ? 'ts' : 'js' };
    });
  },
};

async function importMapped(target: string, file: string): Promise<unknown> {
  const before = process.sourceMapsEnabled;
  process.setSourceMapsEnabled(true);
  try {
    return await import(pathToFileURL(target).href);
  } catch (error) {
    return refuse(file, `the file threw when it was loaded: ${errorText(error)}${frameOf(error, file)}`);
  } finally {
    process.setSourceMapsEnabled(before);
  }
}

function errorText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const missing = /does not provide an export named '(\w+)'/.exec(text)?.[1];
  return missing === undefined ? text : `a pipeline file can import definePipeline, defineModule and types from skein, not ${missing}`;
}

/** Where in the author's file it was thrown, from the mapped stack. */
function frameOf(error: unknown, file: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const name = path.basename(file).replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  const found = new RegExp(String.raw`${name}:(\d+):(\d+)`).exec(stack);
  return found === null ? '' : ` (${path.basename(file)}:${found[1]}:${found[2]})`;
}

async function findDefinition(exports: Record<string, unknown>, file: string): Promise<DefinedPipeline> {
  const found: unknown = await exports['default'];
  if (isDefinedPipeline(found)) return found;
  const names = Object.keys(exports);
  const hint = names.length === 0 ? 'the file exports nothing' : `it exports ${names.join(', ')}`;
  return refuse(file, `the file has no pipeline as its default export (${hint}): write export default definePipeline({ … })`);
}

function refuse(file: string, message: string): never {
  const problems = new Problems(file, '');
  problems.add(NOWHERE, message);
  problems.throwIfAny();
  throw new Error(message);
}

function exists(file: string): Promise<boolean> {
  return stat(file).then(
    (found) => found.isFile(),
    () => false,
  );
}
