/** Which tools are here and in which version: asked of the tools themselves, in parallel, each once per process. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { baseEnvironment } from '../executor/environment.ts';

/** Probed on every node; `--tool NAME` adds more. */
export const standardTools = ['node', 'python3', 'git', 'docker', 'ffmpeg', 'gcc', 'make', 'go', 'java', 'dotnet', 'cargo'] as const;

/** Tools probed by one node. */
export const TOOLS_MAX = 256;
/** A tool that does not answer in this time is not offered. */
const PROBE_MS = 5_000;
const ANSWER_BYTES_MAX = 64 * 1024;
const VERSION_LENGTH_MAX = 64;

/** How to ask, where it is not `--version`. */
const questions: Readonly<Record<string, readonly (readonly string[])[]>> = {
  // Only an engine that answers can run a container.
  docker: [['version', '--format', '{{.Server.Version}}']],
  ffmpeg: [['-version']],
  ffprobe: [['-version']],
  // Its `--version` may name the version of the tool chain first.
  gcc: [['-dumpfullversion', '-dumpversion'], ['-dumpversion']],
  go: [['version']],
  java: [['-version']],
};

/** Tools that Apple ships as stubs: without the developer tools they open a window instead of answering. */
const appleStubs: ReadonlySet<string> = new Set(['git', 'gcc', 'make', 'python3', 'clang', 'cc']);

const probed = new Map<string, Promise<string | undefined>>();

/** @returns name → version, '' when it is here but tells no version; without those that are not here. */
export async function probeTools(names: Iterable<string>): Promise<Record<string, string>> {
  const asked = [...new Set(names)].slice(0, TOOLS_MAX).sort();
  const versions = await Promise.all(asked.map((name) => probeTool(name)));
  return Object.fromEntries(asked.flatMap((name, index) => (versions[index] === undefined ? [] : [[name, versions[index]]])));
}

function probeTool(name: string): Promise<string | undefined> {
  let answer = probed.get(name);
  if (answer === undefined) {
    answer = askTool(name, process.env['PATH'] ?? '');
    if (probed.size < TOOLS_MAX) probed.set(name, answer);
  }
  return answer;
}

/**
 * Asks a tool for its version.
 * @param path like the variable PATH.
 * @returns undefined when it is not on the path, fails, or does not answer in time.
 */
export async function askTool(name: string, path: string): Promise<string | undefined> {
  const file = findTool(name, path);
  if (file === undefined) return undefined;
  if (process.platform === 'darwin' && file.startsWith('/usr/bin/') && appleStubs.has(name) && (await ask('/usr/bin/xcode-select', ['-p'])) === undefined) return undefined;
  for (const question of questions[name] ?? [['--version'], ['-version'], ['version']]) {
    const answer = await ask(file, question);
    if (answer !== undefined) return parseVersion(answer);
  }
  // What was named by the user and is there counts, also when it knows no such option.
  return Object.hasOwn(questions, name) || (standardTools as readonly string[]).includes(name) ? undefined : '';
}

/** First thing in the text that looks like a version: `6.1.1`, `4.3`, `1.8.0_392` → `1.8.0`, `go1.22rc1` → `1.22`. @returns '' if there is none. */
export function parseVersion(text: string): string {
  const dotted = /(?<![\d.])\d{1,9}(?:\.\d{1,9}){1,3}/.exec(text);
  // A lone number only where it stands as a version: `17`, `v24`, `version 7`.
  const lone = dotted ?? /(?:^|version[ "]+|\bv)(\d{1,9})(?![\w.-])/im.exec(text);
  return (lone?.[1] ?? lone?.[0] ?? '').slice(0, VERSION_LENGTH_MAX);
}

function findTool(name: string, path: string): string | undefined {
  if (!/^[\w.+-]+$/.test(name)) return undefined;
  const suffixes = process.platform === 'win32' ? ['.exe', '.com'] : [''];
  for (const folder of path.split(delimiter)) {
    for (const suffix of folder === '' ? [] : suffixes) {
      const file = join(folder, name + suffix);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // Not in this folder.
      }
    }
  }
  return undefined;
}

/** @returns what it printed, undefined when it failed or was too slow. Quiet: nothing reaches the terminal. */
export function ask(file: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { cwd: tmpdir(), env: { ...baseEnvironment(process.env), LC_ALL: 'C' }, timeout: PROBE_MS, killSignal: 'SIGKILL', maxBuffer: ANSWER_BYTES_MAX, windowsHide: true } as const;
    try {
      const child = execFile(file, [...args], options, (error, stdout, stderr) => resolve(error === null ? `${stdout}\n${stderr}`.trim() : undefined));
      child.stdin?.end();
      // A child of a killed tool may hold the output open: it is not waited for.
      child.once('exit', (code) => {
        if (code !== 0) resolve(undefined);
      });
      child.stdin?.on('error', () => {});
    } catch {
      resolve(undefined);
    }
  });
}
