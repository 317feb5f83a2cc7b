/**
 * Recorded workflows with the files that they moved, planned for three nodes on a network of 1 Gbit/s, on which each node
 * receives one file after the other: with a planner that takes no heed of files, and with the one of a leader, which knows
 * what the network gives. Made cases beside them: where files are large and work is short, and where all want one node.
 */
import { readFileSync } from 'node:fs';
import type { Carried } from '../src/core/plan/carried-files.ts';
import { planSchedule, type Scheduled } from '../src/core/plan/schedule.ts';
import { spreadSlots, type Workload } from './makespan.bench.ts';

/** 1 Gbit/s without what the protocols take. */
export const NETWORK_BYTES_PER_SECOND = 117_000_000;
/** Graphs that move less tell nothing. */
const BYTES_MIN = 100_000_000;

export interface FilesRow {
  readonly graph: string;
  readonly slots: number;
  readonly mib: number;
  /** Seconds from the start to the end, and MiB that went over the network. */
  readonly blindSeconds: number;
  readonly plannedSeconds: number;
  readonly blindMovedMib: number;
  readonly plannedMovedMib: number;
  readonly plannedOverBlind: number;
}

export interface FilesWorkload {
  readonly graph: string;
  readonly modules: readonly Scheduled[];
  readonly durationsMs: Float64Array;
  readonly files: readonly Carried[];
}

interface Recorded {
  readonly workflow?: {
    readonly specification?: {
      readonly tasks?: readonly { readonly id: string; readonly inputFiles?: readonly string[]; readonly outputFiles?: readonly string[] }[];
      readonly files?: readonly { readonly id: string; readonly sizeInBytes?: number }[];
    };
  };
}

/** Files with the same maker and the same takers are one. */
function filesOf(text: string): Carried[] {
  const { tasks = [], files = [] } = (JSON.parse(text) as Recorded).workflow?.specification ?? {};
  const makers = new Map(tasks.flatMap(({ outputFiles = [] }, at) => outputFiles.map((id): [string, number] => [id, at])));
  const takers = new Map<string, number[]>();
  for (const [at, { inputFiles = [] }] of tasks.entries()) for (const id of new Set(inputFiles)) takers.set(id, [...(takers.get(id) ?? []), at]);
  const groups = new Map<string, Carried>();
  for (const { id, sizeInBytes = 0 } of files) {
    const from = makers.get(id) ?? -1;
    const list = takers.get(id) ?? [];
    if (list.length === 0 || sizeInBytes <= 0) continue;
    const key = `${from} ${list.join(' ')}`;
    groups.set(key, { from, takers: list, bytes: (groups.get(key)?.bytes ?? 0) + sizeInBytes });
  }
  return [...groups.values()];
}

export function withFiles(graphs: readonly (Workload & { readonly file: URL })[]): FilesWorkload[] {
  return graphs
    .map(({ graph, modules, durationsMs, file }): FilesWorkload => ({ graph, modules, durationsMs, files: filesOf(readFileSync(file, 'utf8')) }))
    .filter(({ files }) => files.reduce((sum, { bytes }) => sum + bytes, 0) >= BYTES_MIN);
}

/** Not recorded anywhere: what large files do to short work. */
export function madeCases(): FilesWorkload[] {
  const gib = 1024 ** 3;
  const module = (needs: readonly number[]): Scheduled => ({ needs, durationMs: 0, requires: { cpu: 1, memory: 0 } });
  const chains = { graph: 'made: 12 chains of 6, 1 GiB a step', modules: [] as Scheduled[], durations: [] as number[], files: [] as Carried[] };
  for (let chain = 0; chain < 12; chain++) {
    for (let step = 0; step < 6; step++) {
      const at = chains.modules.length;
      chains.modules.push(module(step === 0 ? [] : [at - 1]));
      chains.durations.push(2_000 + ((at * 7919) % 3_000));
      if (step > 0) chains.files.push({ from: at - 1, bytes: gib, takers: [at] });
    }
  }
  const fan = { graph: 'made: 2 GiB taken by 60 of 1 s', modules: [module([])], durations: [5_000], files: [{ from: 0, bytes: 2 * gib, takers: Array.from({ length: 60 }, (_, n) => n + 1) }] as Carried[] };
  for (let n = 0; n < 60; n++) {
    fan.modules.push(module([0]));
    fan.durations.push(900 + ((n * 7919) % 200));
  }
  const shards = { graph: 'made: 24 shards of 4 GiB, 4 rounds of 3 s', modules: [] as Scheduled[], durations: [] as number[], files: [] as Carried[] };
  for (let shard = 0; shard < 24; shard++) {
    const first = shards.modules.length;
    shards.modules.push(module([]));
    shards.durations.push(4_000);
    for (let round = 0; round < 4; round++) {
      const at = shards.modules.length;
      shards.modules.push(module(round === 0 ? [first] : [first, at - 1]));
      shards.durations.push(2_500 + ((at * 104_729) % 1_000));
    }
    shards.files.push({ from: first, bytes: 4 * gib, takers: [1, 2, 3, 4].map((round) => first + round) });
  }
  return [chains, fan, shards].map(({ graph, modules, durations, files }) => ({ graph, modules, durationsMs: Float64Array.from(durations), files }));
}

export function planFiles(workloads: readonly FilesWorkload[], slotsOf: readonly number[]): FilesRow[] {
  return workloads.flatMap(({ graph, modules, durationsMs, files }) =>
    slotsOf.map((slots): FilesRow => {
      const played = (measuredBytesPerSecond: number): { seconds: number; mib: number } => {
        const workers = spreadSlots(slots).map((each) => ({ slots: each, bytesPerSecond: NETWORK_BYTES_PER_SECOND, measuredBytesPerSecond }));
        const { makespanMs, movedBytes } = planSchedule(modules, workers, durationsMs, { files });
        return { seconds: makespanMs / 1000, mib: mibOf(movedBytes.reduce((sum, bytes) => sum + bytes, 0)) };
      };
      const blind = played(Infinity);
      const planned = played(NETWORK_BYTES_PER_SECOND);
      return {
        graph,
        slots,
        mib: mibOf(files.reduce((sum, { bytes }) => sum + bytes, 0)),
        blindSeconds: Number(blind.seconds.toFixed(1)),
        plannedSeconds: Number(planned.seconds.toFixed(1)),
        blindMovedMib: blind.mib,
        plannedMovedMib: planned.mib,
        plannedOverBlind: Number((planned.seconds / blind.seconds).toFixed(3)),
      };
    }),
  );
}

function mibOf(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}

export function describeFiles(rows: readonly FilesRow[]): string[] {
  const width = Math.max(...rows.map(({ graph }) => graph.length));
  const line = ({ graph, slots, mib, blindSeconds, plannedSeconds, blindMovedMib, plannedMovedMib, plannedOverBlind }: FilesRow): string =>
    `  ${graph.padEnd(width)} ${String(slots).padStart(5)} ${String(mib).padStart(7)} ${blindSeconds.toFixed(1).padStart(10)} ${plannedSeconds.toFixed(1).padStart(10)} ${String(blindMovedMib).padStart(9)} ${String(plannedMovedMib).padStart(9)}   ${plannedOverBlind.toFixed(3)}`;
  const mean = rows.reduce((sum, { plannedOverBlind }) => sum + plannedOverBlind, 0) / rows.length;
  return [
    `the same with their files, on a network of 1 Gbit/s: planned without heed of files (blind) and with it`,
    `  ${'graph'.padEnd(width)} slots     MiB    blind, s planned, s moved MiB     MiB   /blind`,
    ...rows.map(line),
    `  planned over blind: mean ${mean.toFixed(3)}, worst ${Math.max(...rows.map(({ plannedOverBlind }) => plannedOverBlind)).toFixed(3)}`,
  ];
}
