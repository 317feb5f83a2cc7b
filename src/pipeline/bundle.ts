/** Bundles the source file of TypeScript modules into one text that travels with the run. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { build, type BuildFailure, type Message, type Plugin } from 'esbuild';
import { sizeText } from '../core/lib/size-text.ts';
import { SkeinError } from '../errors.ts';
import { BUNDLE_BYTES_MAX } from './limits.ts';
import { quote } from './problems.ts';

export interface Bundle {
  /** sha256 of `source`, hex. */
  readonly hash: string;
  readonly source: string;
  readonly bytes: number;
  /** Names that the file exports, sorted. */
  readonly exports: readonly string[];
}

/** Errors of the bundler that one message shows. */
const SHOWN_MAX = 5;
/** Without whitespace code is no shorter than a part of what it was. */
const SHRINKS_AT_MOST = 4;

/**
 * The same files give the same text on every machine: paths in it are relative to the file. With a source map, so that
 * errors name lines of the file; when it would be over `wishedBytes` without one, and then without whitespace.
 *
 * @throws SkeinError BUNDLE_FAILED with the bundler's own messages and places.
 */
export async function bundleModuleFile(file: string, wishedBytes: number): Promise<Bundle> {
  const { code, map, exports } = await buildOnce(file, false);
  const mapped = bundleOf(`${code}//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString('base64')}\n`, exports);
  if (mapped.bytes <= wishedBytes) return mapped;
  const plain = bundleOf(code, exports);
  if (plain.bytes <= wishedBytes || plain.bytes > SHRINKS_AT_MOST * wishedBytes) return plain;
  return bundleOf((await buildOnce(file, true)).code, exports);
}

/**
 * @param module that uses it first. @param sourceName as it is written there.
 * @throws SkeinError BUNDLE_FAILED, REQUEST_TOO_LARGE
 */
export async function bundleWithin(file: string, module: string, sourceName: string, bytesMax = BUNDLE_BYTES_MAX): Promise<Bundle> {
  const bundle = await bundleModuleFile(file, bytesMax);
  if (bundle.bytes <= bytesMax) return bundle;
  const message = `module ${quote(module)}: the bundle of ${quote(sourceName)} is ${sizeText(bundle.bytes)}; at most ${sizeText(bytesMax)} travel with a run. Give data as a file (a parameter of type \`file\`) instead of importing it, or call a program with \`run\``;
  throw new SkeinError('REQUEST_TOO_LARGE', message, { module, file: sourceName, bytes: bundle.bytes, bytesMax });
}

function bundleOf(source: string, exports: readonly string[]): Bundle {
  const bytes = Buffer.from(source);
  return { hash: createHash('sha256').update(bytes).digest('hex'), source, bytes: bytes.length, exports };
}

interface Built {
  readonly code: string;
  readonly map: string;
  readonly exports: readonly string[];
}

async function buildOnce(file: string, minify: boolean, banner = ''): Promise<Built> {
  try {
    const result = await build({
      entryPoints: [file],
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'node',
      target: 'node22',
      minify,
      keepNames: minify,
      sourcemap: minify ? false : 'external',
      sourcesContent: false,
      legalComments: 'none',
      banner: { js: banner },
      logLevel: 'silent',
      absWorkingDir: path.dirname(file),
      // Nothing is written there: the map names its sources from here.
      outdir: path.dirname(file),
      plugins: [builderStubPlugin],
    });
    const textOf = (ending: string): string => result.outputFiles.find((output) => output.path.endsWith(ending))?.text ?? '';
    const code = textOf('.js');
    // Built once more, since the map has to know of it.
    if (banner === '' && code.includes('Dynamic require of')) return await buildOnce(file, minify, REQUIRE_BANNER);
    const exports = Object.values(result.metafile.outputs).flatMap((output) => output.exports);
    return { code, map: textOf('.map'), exports: exports.toSorted() };
  } catch (error) {
    throw bundleFailed(path.basename(file), error);
  }
}

/** CommonJS packages inside an ES module ask for Node's own modules through `require`. */
const REQUIRE_BANNER = "import { createRequire as skeinCreateRequire } from 'node:module'; const require = skeinCreateRequire(import.meta.url);";

/** A file may hold a pipeline and its functions; where the functions run, the builder's words do nothing. */
const builderStubPlugin: Plugin = {
  name: 'skein-builder-stub',
  setup(bundler) {
    bundler.onResolve({ filter: /^skein$/ }, () => ({ path: 'skein', namespace: 'skein-builder-stub' }));
    bundler.onLoad({ filter: /.*/, namespace: 'skein-builder-stub' }, () => ({
      contents: 'export const definePipeline = (definition) => definition;\nexport const defineModule = (definition) => definition;\n',
      loader: 'js',
    }));
  },
};

/** @param what `build.ts`, or `module x` */
export function bundleFailed(what: string, error: unknown): SkeinError {
  const errors = (error as Partial<BuildFailure>).errors ?? [];
  const lines = errors.slice(0, SHOWN_MAX).map(describeMessage);
  if (errors.length > SHOWN_MAX) lines.push(`… and ${errors.length - SHOWN_MAX} more`);
  const detail = lines.length > 0 ? lines.join('\n') : error instanceof Error ? error.message : String(error);
  return new SkeinError('BUNDLE_FAILED', `${what} could not be bundled\n${detail}`, { errors: lines }, { cause: error });
}

function describeMessage({ text, location }: Message): string {
  if (location === null) return text;
  const excerpt = `  ${location.lineText.trimEnd().slice(0, 120)}`;
  return `${location.file}:${location.line}:${location.column + 1} ${text}\n${excerpt}`;
}
