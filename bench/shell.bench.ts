/**
 * Commands a second on one node, `run: "true"` in a shell of its own each, beside what people use on one machine: GNU
 * make and GNU parallel with the same shell and as many at once, in turn. Ours are recorded in a synced log, each has a
 * work folder and a process group, and may be cancelled; theirs are not and may not.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { BenchCluster } from './cluster.ts';
import { spread, spreadText, type Spread } from './figures.ts';
import { spec } from './specs.ts';

const AT_ONCE_PER_CORE = 2;
const SHELL = '/bin/bash';
const FLAGS = '--noprofile --norc -eo pipefail';

export interface ShellFigures {
  readonly commands: number;
  readonly atOnce: number;
  /** Commands a second. Peers that are not installed are left out. */
  readonly rates: Readonly<Record<string, Spread>>;
  readonly missing: readonly string[];
}

interface Peer {
  readonly name: string;
  readonly command: string;
  arguments(commands: number, atOnce: number, folder: string): readonly string[];
}

const peers: readonly Peer[] = [
  {
    name: 'make',
    command: 'make',
    arguments(commands, atOnce, folder) {
      const targets = Array.from({ length: commands }, (_, i) => `t${i}`);
      const file = join(folder, 'Makefile');
      writeFileSync(file, `SHELL := ${SHELL}\n.SHELLFLAGS := ${FLAGS} -c\n.PHONY: all ${targets.join(' ')}\nall: ${targets.join(' ')}\n${targets.join(' ')}:\n\t@true\n`);
      return ['-s', `-j${atOnce}`, '-f', file];
    },
  },
  {
    name: 'parallel',
    command: 'parallel',
    arguments(commands, atOnce, folder) {
      const file = join(folder, 'numbers');
      writeFileSync(file, Array.from({ length: commands }, (_, i) => `${i}\n`).join(''));
      return ['--will-cite', `-j${atOnce}`, '-a', file, `${SHELL} ${FLAGS} -c true #`];
    },
  },
];

function installed({ command }: Peer): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** @returns ms. */
function timed(peer: Peer, commands: number, atOnce: number, folder: string): number {
  const given = peer.arguments(commands, atOnce, folder);
  const began = performance.now();
  const { status, stderr } = spawnSync(peer.command, given, { stdio: ['ignore', 'ignore', 'pipe'], encoding: 'utf8', env: { ...process.env, SHELL } });
  if (status !== 0) throw new Error(`${peer.command} ended with ${status}: ${stderr}`);
  return performance.now() - began;
}

export async function measureShell(commands: number, rounds: number): Promise<ShellFigures> {
  const atOnce = AT_ONCE_PER_CORE * availableParallelism();
  const present = peers.filter(installed);
  const folder = mkdtempSync(join(tmpdir(), 'skein-shell-'));
  const cluster = new BenchCluster();
  const rates: Record<string, number[]> = {};
  const note = (name: string, ms: number): void => void (rates[name] ??= []).push((commands * 1000) / ms);
  try {
    await cluster.start([atOnce]);
    const node = await cluster.leader();
    const run = spec(commands, { type: 'run', command: 'true' });
    await node.ask({ op: 'run', spec: spec(atOnce, { type: 'run', command: 'true' }), rounds: 1 });
    for (let round = 0; round < rounds; round += 1) {
      const [ms] = await node.ask<number[]>({ op: 'run', spec: run, rounds: 1 });
      note('skein', ms!);
      for (const peer of present) note(peer.name, timed(peer, commands, atOnce, folder));
    }
  } finally {
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    commands,
    atOnce,
    rates: Object.fromEntries(Object.entries(rates).map(([name, values]) => [name, spread(values)])),
    missing: peers.filter((peer) => !present.includes(peer)).map(({ name }) => name),
  };
}

export function describeShell({ commands, atOnce, rates, missing }: ShellFigures): string {
  return [
    `shell: ${commands} times run: "true" (${SHELL} ${FLAGS}), one node, ${atOnce} at once`,
    ...Object.entries(rates).map(([name, rate]) => `  ${name.padEnd(9)} ${spreadText(rate, 'commands/s')}`),
    ...(missing.length === 0 ? [] : [`  not installed, so not beside it: ${missing.join(', ')} (apt-get install ${missing.join(' ')})`]),
  ].join('\n');
}
