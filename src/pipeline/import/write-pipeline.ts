/** Writes a recorded workflow as a pipeline file: each task takes as long, and asks for as much, as it was recorded to. */
import { formatDuration } from '../units.ts';
import { NAME_LENGTH_MAX, TIMEOUT_MS_MAX } from '../limits.ts';
import { DEFAULT_TIMEOUT_MS } from '../model.ts';
import { moduleNames } from './module-names.ts';
import type { RecordedTask, RecordedWorkflow } from './wf-format.ts';

export interface WriteOptions {
  /** Factor on recorded run times. */
  readonly scale: number;
  /** Keep the recorded cores busy, in place of sleeping. */
  readonly burn: boolean;
  /** What the workflow was read from, for the first line. */
  readonly file: string;
}

/** Below it a module is done before a process is started. */
const SLEEP_STEP_SECONDS = 1e-6;

export function writePipeline(workflow: RecordedWorkflow, options: WriteOptions): string {
  const { name, schemaVersion, engine, makespanSeconds, tasks } = workflow;
  const names = moduleNames(tasks.map(({ id }) => id));
  const origin = [`WfFormat ${schemaVersion === '' ? '(no version)' : schemaVersion}`, ...(engine === '' ? [] : [`recorded by ${engine}`]), ...(makespanSeconds > 0 ? [`makespan ${formatDuration(makespanSeconds * 1000)}`] : [])];
  const lines = [`# Imported from ${oneLine(options.file)}: ${origin.map(oneLine).join(', ')}${options.scale === 1 ? '' : `; run times × ${options.scale}`}`, `name: ${JSON.stringify(pipelineName(name))}`, 'modules:'];
  for (const [i, task] of tasks.entries()) lines.push(...moduleLines(task, names[i]!, task.parents.map((parent) => names[parent]!), options));
  return `${lines.join('\n')}\n`;
}

function moduleLines({ runtimeSeconds, cores, memoryBytes }: RecordedTask, name: string, needs: readonly string[], { scale, burn }: WriteOptions): string[] {
  const seconds = (runtimeSeconds ?? 0) * scale;
  const lines = [`  ${word(name)}:`, `    run: ${JSON.stringify(commandFor(seconds, burn ? Math.ceil(cores ?? 1) : 0))}`];
  // 0 would mean "unknown", and the planner would take the average of the others.
  if (runtimeSeconds !== undefined) lines.push(`    duration: ${Math.max(1, Math.round(seconds * 1000))}ms`);
  // Twice the time it takes: a node may be slow, and must not be waited for in vain.
  const timeoutMs = Math.ceil(Math.min(TIMEOUT_MS_MAX, seconds * 2000));
  if (timeoutMs > DEFAULT_TIMEOUT_MS) lines.push(`    timeout: ${timeoutMs}ms`);
  if (needs.length > 0) lines.push(`    needs: [${needs.map(word).join(', ')}]`);
  const requires = [...(cores === undefined || cores === 1 ? [] : [`cpu: ${cores}`]), ...(memoryBytes === undefined ? [] : [`memory: ${memoryBytes}B`])];
  if (requires.length > 0) lines.push(`    requires: { ${requires.join(', ')} }`);
  return lines;
}

/** @param busy loops that keep a core busy meanwhile. Plain POSIX shell: nodes need nothing else. */
function commandFor(seconds: number, busy: number): string {
  if (seconds < SLEEP_STEP_SECONDS) return 'true';
  const time = String(Number(seconds.toFixed(6)));
  if (busy === 0) return `sleep ${time}`;
  const loops = Array.from({ length: busy }, () => 'while :; do :; done & p="$p $!";').join(' ');
  return `p=; ${loops} sleep ${time}; kill $p`;
}

/** Words that YAML 1.1 readers take for something else than a string. */
const yamlWords = new Set(['true', 'false', 'null', 'yes', 'no', 'on', 'off', 'y', 'n']);

function word(text: string): string {
  return /^[A-Za-z_][A-Za-z0-9_./-]*$/.test(text) && !yamlWords.has(text.toLowerCase()) ? text : JSON.stringify(text);
}

function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ').slice(0, 200);
}

function pipelineName(name: string): string {
  const usable = oneLine(name.toWellFormed()).replaceAll('${{', '$ {{').trim().slice(0, NAME_LENGTH_MAX);
  return usable === '' ? 'workflow' : usable.toWellFormed();
}
