/**
 * `npm run demo`: three nodes, a real job, the leader killed in the middle, and a count from outside that nothing was
 * lost or recorded twice. Everything happens in a temporary folder and on loopback; about half a minute.
 */
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { styleText } from 'node:util';
import { compileRun, loadPipeline, type RunSpec } from '../../src/index.ts';
import type { RunJson, StatusJson } from '../../src/io/http/views.ts';
import { gatherEvidence, type Evidence } from './count.ts';
import { NodeProcess, type LogLine } from './node-process.ts';

const NAMES = ['anser', 'branta', 'chen'];
const DEADLINE_MS = 55_000;

const began = performance.now();
const paint = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;
const colour = (style: Parameters<typeof styleText>[0], text: string): string => (paint ? styleText(style, text) : text);

function say(text: string): void {
  const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(5);
  process.stdout.write(`${colour('gray', `${seconds} s`)}  ${text}\n`);
}

async function until<T>(what: string, check: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (;;) {
    const found = await Promise.resolve(check()).catch(() => undefined);
    if (found !== undefined) return found;
    if (performance.now() - began > DEADLINE_MS) throw new Error(`${what}: not within ${DEADLINE_MS / 1000} s`);
    await sleep(25);
  }
}

/** Tells the parts of a node's log that a watcher of the demo wants to see. */
function narrate(node: NodeProcess, line: LogLine): void {
  const name = colour('cyan', node.name);
  if (line.event === 'cell-founded') say(`${name} found nobody and founded a cell`);
  if (line.event === 'cell-joining') say(`${name} found the cell and joins`);
  if (line.event === 'leader-elected') say(`${name} ${colour('bold', 'leads')} (term ${String(line['term'])})`);
}

async function startNodes(root: string): Promise<NodeProcess[]> {
  const env = { XDG_CONFIG_HOME: path.join(root, 'config') };
  const common = ['--no-mdns', '--cluster-name', 'demo', '--slots', '4'];
  const start = (name: string, args: string[]): NodeProcess => new NodeProcess({ name, dataDir: path.join(root, name), args: [...common, ...args], env, line: narrate });
  const first = start(NAMES[0]!, []);
  const address = await first.address();
  const others = NAMES.slice(1).map((name) => start(name, ['--bootstrap', address]));
  await Promise.all(others.map((node) => node.started));
  return [first, ...others];
}

async function threeVoters(nodes: readonly NodeProcess[]): Promise<StatusJson> {
  return until('three voters', async () => {
    const statuses = await Promise.all(nodes.map((node) => node.get<StatusJson>('/api/v1/status')));
    return statuses.every((status) => status.voters.length === NAMES.length && status.quorum) ? statuses[0] : undefined;
  });
}

async function submit(node: NodeProcess, spec: RunSpec): Promise<string> {
  const response = await fetch(`${await node.url()}/api/v1/runs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ spec }) });
  if (!response.ok) throw new Error(`submit: ${response.status} ${await response.text()}`);
  return ((await response.json()) as { runId: string }).runId;
}

const done = (run: RunJson): number => run.modules.succeeded + run.modules.failed + run.modules.skipped + run.modules.cancelled;

function bar(run: RunJson): string {
  const width = 24;
  const filled = Math.round((width * done(run)) / run.modules.total);
  return `${'▓'.repeat(filled)}${'░'.repeat(width - filled)} ${done(run)}/${run.modules.total}`;
}

interface Takeover {
  readonly leader: string;
  readonly electedMs: number;
  readonly claimedMs: number;
}

/** Times are wall-clock stamps of one machine: the kill here, the election in the new leader's log, the next claim in the run. */
async function takeover(nodes: readonly NodeProcess[], killedAt: number, contact: NodeProcess, runId: string): Promise<Takeover> {
  const elected = await until('a new leader', () => {
    for (const node of nodes) {
      const line = node.lines.find(({ event, time }) => event === 'leader-elected' && Date.parse(time) >= killedAt);
      if (line !== undefined) return { node, at: Date.parse(line.time) };
    }
    return undefined;
  });
  const claimedAt = await until('the next claim', async () => {
    const run = await contact.get<RunJson>(`/api/v1/runs/${runId}`);
    const starts = run.moduleList.map((module) => Date.parse(module.startedAt ?? '')).filter((at) => at >= elected.at);
    return starts.length === 0 ? undefined : Math.min(...starts);
  });
  return { leader: elected.node.name, electedMs: elected.at - killedAt, claimedMs: claimedAt - killedAt };
}

async function follow(contact: NodeProcess, runId: string, enough: (run: RunJson) => boolean): Promise<RunJson> {
  let shown = 0;
  return until('the run', async () => {
    const run = await contact.get<RunJson>(`/api/v1/runs/${runId}`);
    const share = Math.floor((6 * done(run)) / run.modules.total);
    if (share > shown) say(bar(run));
    shown = Math.max(shown, share);
    return enough(run) ? run : undefined;
  });
}

async function run(root: string, nodes: NodeProcess[]): Promise<boolean> {
  const ledger = path.join(root, 'ledger.txt');
  const report = path.join(root, 'audit-report.md');
  const status = await threeVoters(nodes);
  say(`three equal nodes, three voters: any one may be lost`);
  const spec = await compileRun(await loadPipeline(path.join(import.meta.dirname, '../audit/pipeline.ts')), { ledger, report });
  const leader = nodes.find((node) => node.name === status.leader)!;
  const others = nodes.filter((node) => node !== leader);
  const contact = others[0]!;
  const runId = await submit(contact, spec);
  say(`submitted the audit through ${colour('cyan', contact.name)}: ${spec.modules.length} modules, one for each installed package, then the report`);
  await follow(contact, runId, (view) => done(view) * 3 >= view.modules.total);
  const killedAt = Date.now();
  leader.kill('SIGKILL');
  say(`${colour('red', `kill -9 ${leader.pid}`)}: the leader ${colour('cyan', leader.name)} is dead, a third of the modules is done`);
  const took = await takeover(others, killedAt, contact, runId);
  const final = await follow(contact, runId, (view) => view.finishedAt !== null);
  await settle(others);
  for (const node of others) node.kill('SIGTERM');
  await Promise.all(others.map((node) => node.exited));
  const evidence = gatherEvidence(runId, spec.modules.map((module) => module.name), ledger, others.map((node) => node.dataDir), leader.dataDir);
  return summarise(final, took, evidence, leader, report);
}

/** Both survivors have applied the same log, so that it can be compared. */
async function settle(nodes: readonly NodeProcess[]): Promise<void> {
  await until('the logs to be equal', async () => {
    const statuses = await Promise.all(nodes.map((node) => node.get<StatusJson>('/api/v1/status')));
    const first = statuses[0]!;
    return statuses.every((status) => status.appliedIndex === first.commitIndex && status.commitIndex === first.commitIndex) ? true : undefined;
  });
}

function summarise(final: RunJson, took: Takeover, evidence: Evidence, killed: NodeProcess, report: string): boolean {
  const again = final.moduleList.filter((module) => module.losses > 0).length;
  const clean = evidence.recordedTwice.length === 0 && evidence.missing.length === 0 && evidence.unexplained.length === 0 && !evidence.logsDiffer && final.phase === 'succeeded';
  const row = (name: string, text: string): void => void process.stdout.write(`   ${name.padEnd(22)}${text}\n`);
  process.stdout.write(`\n${colour('bold', 'Pipeline Summary')}\n`);
  row('Status', final.phase === 'succeeded' ? 'Success' : final.phase);
  row('Modules', `${final.modules.succeeded} of ${final.modules.total} succeeded`);
  row('Leader killed', `${killed.name} (SIGKILL)`);
  row('Taken over by', `${took.leader}: elected after ${took.electedMs} ms, next claim after ${took.claimedMs} ms`);
  row('Claimed again', `${again} that the dead node held`);
  row('Executions', `${evidence.executions} in the ledger (${evidence.executedAgain} modules began twice)`);
  row('Recorded results', `${evidence.recorded} in the logs on disk`);
  row('Recorded twice', String(evidence.recordedTwice.length));
  row('Missing', String(evidence.missing.length));
  row('Logs compared', `${evidence.agreedUpTo} entries equal on both survivors; ${evidence.killedAgrees} of them on the killed node`);
  row('Report', report);
  process.stdout.write(`\n${clean ? colour('green', 'Nothing lost, nothing twice.') : colour('red', 'NOT as it should be.')}\n`);
  return clean;
}

const root = mkdtempSync(path.join(tmpdir(), 'skein-demo-'));
mkdirSync(path.join(root, 'config'));
let nodes: NodeProcess[] = [];
try {
  nodes = await startNodes(root);
  process.exitCode = (await run(root, nodes)) ? 0 : 1;
} catch (error) {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\nThe nodes' data is in ${root}\n`);
  process.exitCode = 1;
} finally {
  for (const node of nodes) node.kill('SIGKILL');
}
