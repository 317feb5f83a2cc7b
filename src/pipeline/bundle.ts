/** Bundles the source file of TypeScript modules into one text that travels with the run. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { build, type BuildFailure, type Message, type Plugin } from 'esbuild';
import { SkeinError } from '../errors.ts';

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

/**
 * The same files give the same text on every machine: paths in it are relative to the file. With a source map, so that
 * errors name lines of the file; when it would be over `wishedBytes` without one, and then without whitespace.
 *
 * @throws SkeinError BUNDLE_FAILED with the bundler's own messages and places.
 */
export async function bundleModuleFile(file: string, wishedBytes: number): Promise<Bundle> {
  for (const form of ['mapped', 'plain'] as const) {
    const bundle = await bundleOnce(file, form);
    if (bundle.bytes <= wishedBytes) return bundle;
  }
  return bundleOnce(file, 'minified');
}

async function bundleOnce(file: string, form: 'mapped' | 'plain' | 'minified'): Promise<Bundle> {
  const minify = form === 'minified';
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
      sourcemap: form === 'mapped' ? 'inline' : false,
      sourcesContent: false,
      legalComments: 'none',
      logLevel: 'silent',
      absWorkingDir: path.dirname(file),
      // Nothing is written there: the map names its sources from here.
      outdir: path.dirname(file),
      plugins: [builderStubPlugin],
    });
    const text = result.outputFiles[0]?.text ?? '';
    const source = text.includes('Dynamic require of') ? `${REQUIRE_BANNER}${text}` : text;
    const bytes = Buffer.from(source);
    const exports = Object.values(result.metafile.outputs).flatMap((output) => output.exports);
    return { hash: createHash('sha256').update(bytes).digest('hex'), source, bytes: bytes.length, exports: exports.toSorted() };
  } catch (error) {
    throw bundleFailed(path.basename(file), error);
  }
}

/** CommonJS packages inside an ES module ask for Node's own modules through `require`. */
const REQUIRE_BANNER = "import { createRequire as skeinCreateRequire } from 'node:module'; const require = skeinCreateRequire(import.meta.url);\n";

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
