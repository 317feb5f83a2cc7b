/** `pipeline import`: what another engine recorded becomes a pipeline file. */
import { isSkeinError, SkeinError } from '../../errors.ts';
import { PIPELINE_FILE_BYTES_MAX, TIMEOUT_MS_MAX } from '../limits.ts';
import { quote } from '../problems.ts';
import { formatDuration } from '../units.ts';
import { JsonFields } from './json-fields.ts';
import { SCALE_MAX, SCALE_MIN, WORKFLOW_FILE_BYTES_MAX } from './limits.ts';
import { readWfFormat, type RecordedWorkflow } from './wf-format.ts';
import { writePipeline } from './write-pipeline.ts';

export interface ImportOptions {
  /** As messages name it. */
  readonly file: string;
  /** Factor on recorded run times. @default 1 */
  readonly scale?: number;
  /** Modules keep their cores busy in place of sleeping. @default false */
  readonly burn?: boolean;
}

export interface Imported {
  readonly workflow: RecordedWorkflow;
  /** A pipeline file. */
  readonly yaml: string;
  /** What somebody should know before believing the figures, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * @param text a workflow in WfFormat 1.0 to 1.6.
 * @throws SkeinError PIPELINE_INVALID with every problem, its place and what is allowed there; OPTION_INVALID for the scale.
 */
export function importWorkflow(text: string, { file, scale = 1, burn = false }: ImportOptions): Imported {
  if (!(scale >= SCALE_MIN && scale <= SCALE_MAX)) throw new SkeinError('OPTION_INVALID', `The scale must be a number from ${SCALE_MIN} to ${SCALE_MAX}, not ${scale}`);
  if (text.length > WORKFLOW_FILE_BYTES_MAX) throw new SkeinError('PIPELINE_INVALID', `${file} has ${text.length} characters; a workflow has at most ${WORKFLOW_FILE_BYTES_MAX}`);
  const workflow = read(file, text);
  for (const { id, runtimeSeconds = 0 } of workflow.tasks) {
    if (runtimeSeconds * scale * 1000 <= TIMEOUT_MS_MAX) continue;
    throw new SkeinError('PIPELINE_INVALID', `${file}: task ${quote(id)} takes ${formatDuration(runtimeSeconds * scale * 1000)}; a module takes at most ${formatDuration(TIMEOUT_MS_MAX)}`, { hint: 'Make all tasks shorter with --scale.' });
  }
  const yaml = writePipeline(workflow, { file, scale, burn });
  const bytes = Buffer.byteLength(yaml);
  if (bytes > PIPELINE_FILE_BYTES_MAX) throw new SkeinError('PIPELINE_INVALID', `${file} makes a pipeline of ${bytes} bytes; a pipeline file has at most ${PIPELINE_FILE_BYTES_MAX}`);
  return { workflow, yaml, notes: notesOn(workflow, scale) };
}

function read(file: string, text: string): RecordedWorkflow {
  try {
    return readWfFormat(new JsonFields(file, text));
  } catch (error) {
    if (!isSkeinError(error)) throw error;
    throw new SkeinError(error.code, error.message, { ...error.data, hint: 'What is read of a recorded workflow is listed in docs/pipelines.md.' });
  }
}

function notesOn({ tasks }: RecordedWorkflow, scale: number): string[] {
  const unknown = tasks.filter(({ runtimeSeconds }) => runtimeSeconds === undefined).length;
  const short = tasks.filter(({ runtimeSeconds }) => runtimeSeconds !== undefined && runtimeSeconds * scale < 0.0005).length;
  const notes: string[] = [];
  if (unknown > 0) notes.push(`${count(unknown)} without a recorded run time: the modules end at once, and plans take the average of the others for them`);
  if (short > 0) notes.push(`${count(short)} below half a millisecond: planned as 1 ms`);
  return notes;
}

function count(tasks: number): string {
  return tasks === 1 ? '1 task' : `${tasks} tasks`;
}
