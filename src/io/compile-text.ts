/** A pipeline that came as text over HTTP. It has no folder: files next to it are on the sender's machine, not here. */
import type { BlobPlace } from '../pipeline/param-files.ts';
import type { CompileText } from './http/routes-runs.ts';
import { compileRun } from '../pipeline/compile.ts';
import { loadPipeline } from '../pipeline/load.ts';

export function compileTextWith(place: BlobPlace): CompileText {
  return async (text, file, params) => compileRun(await loadPipeline({ text, file, directory: null }), params, { place, directory: null });
}
