/**
 * `npm test`: types, lint, unused code, build, unit tests, end-to-end tests; then one line that says how it went. Every
 * step is run even if an earlier one failed, since one look should show everything; without a build there is nothing to
 * test end to end.
 *
 * Real processes wait half of the time. What they leave of the processors goes to the unit tests that see no clock: these
 * run beside all other steps, at the lowest priority (unit.ts), and what they say is shown at the end.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';

/** Code is compiled once, not in each of some hundred processes. */
const env = { NODE_COMPILE_CACHE: path.resolve('node_modules/.cache/compile'), ...process.env };

const steps = ['types', 'lint', 'knip', 'build', 'timed unit', 'e2e'] as const;
type Step = (typeof steps)[number] | 'unit';

/** Arguments of `npm run`, where they are not the name alone. */
const scripts: Partial<Readonly<Record<Step, readonly string[]>>> = { 'timed unit': ['unit', '--', '--part', 'timed'], unit: ['unit', '--', '--part', 'timeless'] };

interface Outcome {
  readonly step: Step;
  readonly failed: boolean;
  readonly seconds: number;
  /** Tests that passed, failed and were left out, by node:test's own count. */
  readonly counts: ReadonlyMap<string, number>;
}

/** @param print gets what it says, as it comes. */
function run(step: Step, print: (text: Buffer) => void): Promise<Outcome> {
  const began = performance.now();
  const child = spawn('npm', ['run', '--silent', '--if-present', ...(scripts[step] ?? [step])], { env, stdio: ['ignore', 'pipe', 'pipe'], shell: process.platform === 'win32' });
  let end = '';
  child.stdout.on('data', (chunk: Buffer) => {
    print(chunk);
    end = (end + chunk.toString()).slice(-1_000_000);
  });
  child.stderr.on('data', print);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ step, failed: code !== 0, seconds: (performance.now() - began) / 1000, counts: countsIn(end) }));
  });
}

function countsIn(output: string): Map<string, number> {
  return new Map(Array.from(output.matchAll(/^(?:ℹ|#) (pass|fail|skipped) (\d+)$/gm), ([, name = '', count]) => [name, Number(count)]));
}

function describe({ step, failed, seconds, counts }: Outcome): string {
  const passed = counts.get('pass');
  const skipped = counts.get('skipped') ?? 0;
  const tests = passed === undefined ? '' : ` ${passed} passed${failed ? `, ${counts.get('fail') ?? 0} failed` : ''}${skipped === 0 ? '' : `, ${skipped} skipped`}`;
  return `${step}${failed ? ' FAILED' : ''}${tests} (${seconds.toFixed(0)} s)`;
}

const show = (text: Buffer | string): void => void process.stdout.write(text);
/** What is said beside a step waits until its turn. */
const kept: Buffer[] = [];
let tell = (text: Buffer): void => void kept.push(text);
const beside = run('unit', (text) => tell(text));
const outcomes: Outcome[] = [];
for (const step of steps) {
  if (step === 'e2e' && outcomes.some((outcome) => outcome.step === 'build' && outcome.failed)) continue;
  show(`── ${step}\n`);
  outcomes.push(await run(step, show));
}
show('── unit\n');
show(Buffer.concat(kept));
tell = show;
outcomes.push(await beside);
const failed = outcomes.some((outcome) => outcome.failed);
process.stdout.write(`\n${failed ? 'FAILED' : 'All passed'}: ${outcomes.map(describe).join(' · ')}\n`);
const total = (name: string): number => outcomes.reduce((sum, outcome) => sum + (outcome.counts.get(name) ?? 0), 0);
process.stdout.write(`${total('pass')} passed, ${total('fail')} failed, ${total('skipped')} skipped\n`);
process.exitCode = failed ? 1 : 0;
