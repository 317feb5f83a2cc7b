/** Rebuilds a cell from its sections. Trusts nothing: a snapshot that contradicts itself is LOG_DAMAGED. */
import { readCheckpointPlain } from './checkpoints.ts';
import { readLogRef, readOutcomeFiles, readDigests } from './files.ts';
import { appendItems, expansionOf } from './foreach.ts';
import { SkeinError } from '../../errors.ts';
import { CLAIMS_PER_BATCH_MAX, fenceOf, type CellId, type Fence, type MemberId, type NodeId, type SessionId } from '../lib/ids.ts';
import { PlainReader, damaged, type Plain } from '../lib/plain.ts';
import { valuesBytes } from './finish.ts';
import { isHedgeable } from './hedges.ts';
import { FOREACH_ITEMS_MAX, SNAPSHOT_FORMAT } from './limits.ts';
import { cellMutant } from './mutants.ts';
import { tailsOf } from './mutate.ts';
import { timeOfKey } from './requests.ts';
import { runIdOf } from './run-id.ts';
import { newRun } from './run-record.ts';
import { specProblem } from './run-spec.ts';
import { capabilitiesFit } from './sessions.ts';
import { addSeat, takeSeats } from './seats.ts';
import { addSource } from './sources.ts';
import { readSpec, texts } from './spec-plain.ts';
import { createCell, isFinal, isRunFinal, modulePhases, openModules, phaseOrdinal, runPhases, type CellHooks, type CellState, type HedgeClaim, type ModuleRecord, type Pause, type RunRecord } from './state.ts';
import type { Capabilities, EarlierExecution, ModulePhase, Outcome } from './types.ts';
import { nextWave, restPhase, type Waves } from './waves.ts';

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * @param header as made by `toSections`.
 * @param runs the plain form of each of its run sections, in any order.
 * @throws SkeinError LOG_DAMAGED when they do not make a state that the reducer could have reached.
 */
export function fromSections(header: Plain, runs: readonly Plain[], hooks: CellHooks): CellState {
  const state = createCell(hooks);
  try {
    const expected = readHeader(state, new PlainReader(header, 'header'));
    const records = runs.map((plain) => readRun(state, new PlainReader(plain, 'run')));
    for (const run of records.sort((a, b) => a.number - b.number)) {
      if (state.runs.has(run.number)) throw damaged(`run ${run.number} is there twice`);
      state.runs.set(run.number, run);
    }
    if (state.runs.size !== expected) throw damaged(`${state.runs.size} runs of ${expected}`);
    derive(state);
  } catch (error) {
    if (error instanceof SkeinError) throw error;
    // A shape that no check above names: still damage, not a bug of the reader.
    throw new SkeinError('LOG_DAMAGED', 'snapshot: it does not have the form of a cell', {}, { cause: error as Error });
  }
  return state;
}

function* each(list: readonly Plain[], what: string): Generator<PlainReader> {
  for (const item of list) yield new PlainReader(item, what);
}

/** @returns the number of runs that the snapshot has. */
function readHeader(state: CellState, reader: PlainReader): number {
  const format = reader.count();
  if (format !== SNAPSHOT_FORMAT) throw damaged(`format ${format}, expected ${SNAPSHOT_FORMAT}`);
  state.cellId = reader.text() as CellId;
  state.clusterName = reader.text();
  state.createdAt = reader.count();
  state.founder = reader.text() as NodeId;
  state.appliedIndex = reader.count();
  state.now = reader.count();
  state.established = reader.flag();
  state.closedFor = reader.text() as CellId;
  readSessions(state, reader.list());
  for (const node of reader.list()) state.drained.add(node as NodeId);
  state.queuePaused = readPause(reader.listOrNull());
  for (const item of each(reader.list(), 'ending claim')) readEnding(state, item);
  for (const item of each(reader.list(), 'node name')) state.nodeNames.set(item.text() as NodeId, item.text());
  for (const item of each(reader.list(), 'request')) {
    const key = item.text();
    const run = item.count();
    const at = item.count();
    if (!cellMutant(state, 'dedupe-not-restored')) state.requests.set(key, { run, runId: runIdOf(state.cellId, run), at, time: timeOfKey(key, at) });
  }
  state.requestHorizon = reader.count();
  readUnfinished(state, reader.list());
  for (const item of each(reader.list(), 'learned pipeline')) {
    const averages = new Map<string, number>();
    state.learned.set(item.text(), averages);
    for (const pair of each(item.list(), 'learned module')) averages.set(pair.text(), pair.number());
  }
  const runs = reader.count();
  reader.end();
  return runs;
}

function readPause(plain: readonly Plain[] | null): Pause | null {
  if (plain === null) return null;
  const reader = new PlainReader(plain, 'pause');
  const pause = { reason: reader.text(), at: reader.count() };
  reader.end();
  return pause;
}

function readEnding(state: CellState, reader: PlainReader): void {
  const claim = { run: reader.count(), module: reader.count(), fence: reader.count(), session: reader.count() };
  const keys = texts(reader.list());
  reader.end();
  if (!state.sessions.has(claim.session) || state.ending.has(claim.fence) || keys.length === 0 || new Set(keys).size !== keys.length) throw damaged(`the ending claim ${claim.fence}`);
  state.ending.set(claim.fence, { ...claim, keys });
  for (const key of keys) addSeat(state, key, claim);
}

function readSessions(state: CellState, list: readonly Plain[]): void {
  for (const item of each(list, 'session')) {
    const id = item.count();
    const nodeId = item.text() as NodeId;
    const member = item.text() as MemberId | '';
    const bootId = item.text();
    const name = item.text();
    const capabilities = item.json() as Capabilities;
    const openedAt = item.count();
    item.end();
    if (!capabilitiesFit(capabilities)) throw damaged(`capabilities of session ${id}`);
    if (state.sessions.has(id) || state.sessionOfNode.has(nodeId)) throw damaged(`node ${nodeId} has two sessions`);
    state.sessions.set(id, { id, nodeId, member, bootId, name, capabilities, openedAt, milliCpuUsed: 0, memoryUsed: 0, claims: new Map(), fitsMemo: new Map() });
    state.sessionOfNode.set(nodeId, id);
  }
}

function readUnfinished(state: CellState, list: readonly Plain[]): void {
  for (const item of each(list, 'unfinished submit')) {
    const key = item.text();
    const parts = item.count();
    const at = item.count();
    const received = item.list().map((part) => (part instanceof Uint8Array ? part : undefined));
    if (received.length !== parts) throw damaged(`unfinished submit ${key}`);
    const bytes = received.reduce((sum, part) => sum + (part?.length ?? 0), 0);
    state.unfinished.set(key, { parts, received, bytes, at });
    state.unfinishedBytes += bytes;
  }
}

function pick<T>(values: readonly T[], ordinal: number, what: string): T {
  const value = values[ordinal];
  if (value === undefined) throw damaged(`${what} ${ordinal}`);
  return value;
}

function readRun(state: CellState, reader: PlainReader): RunRecord {
  const number = reader.count();
  const revision = reader.count();
  if (number < 1 || number > state.appliedIndex || revision > state.appliedIndex) throw damaged(`run ${number} at revision ${revision} is newer than the snapshot`);
  const requestKey = reader.text();
  const phase = pick(runPhases, reader.count(), 'run phase');
  const submittedAt = reader.count();
  const startedAt = reader.count();
  const finishedAt = reader.count();
  const reason = reader.text();
  const paused = readPause(reader.listOrNull());
  const summary = reader.flag();
  const spec = readSpec(reader.list(), summary);
  const problem = specProblem(spec);
  if (problem !== undefined) throw damaged(`the spec of run ${number}: ${problem.message}`);
  if (state.cellId === '') throw damaged('runs without a cell');
  const run: Writable<RunRecord> = newRun(state.cellId, number, spec, requestKey, submittedAt, revision);
  if ((phase === 'paused') !== (paused !== null)) throw damaged(`run ${number} is ${phase}, and ${paused === null ? 'not ' : ''}paused`);
  Object.assign(run, { phase, startedAt, finishedAt, reason, paused, summary, ...(summary ? { waves: null } : {}) });
  const expansions = reader.list();
  const modules = reader.list();
  readExpansions(run, expansions, modules.length);
  if (modules.length !== run.modules.length) throw damaged(`run ${number} has ${modules.length} modules, its spec ${run.modules.length}`);
  const nodes = texts(reader.list()) as NodeId[];
  modules.forEach((plain, i) => readModule(state, run.modules[i]!, plain, nodes));
  run.source = reader.bytesOrNull();
  run.rerunOf = reader.count();
  reader.end();
  return run;
}

/** @param modulesMax what the run has of them: no records are made beyond that. */
function readExpansions(run: RunRecord, list: readonly Plain[], modulesMax: number): void {
  for (const item of each(list, 'expansion')) {
    const template = run.modules[item.count()];
    const count = item.count();
    item.end();
    const foreach = template === undefined ? undefined : run.spec.modules[template.index]?.foreach;
    if (template === undefined || template.item !== -1 || (!run.summary && foreach === undefined) || count > FOREACH_ITEMS_MAX || run.modules.length + count > modulesMax || run.expansions.has(template.index)) throw damaged(`the items of a module of run ${run.number}`);
    appendItems(run, template, count);
    run.counts[phaseOrdinal.ready]! += count;
  }
}

function readModule(state: CellState, module: ModuleRecord, plain: Plain, nodes: readonly NodeId[]): void {
  if (typeof plain === 'number') return setPhase(module, pick(modulePhases, plain, 'module phase'));
  const reader = new PlainReader(plain, 'module');
  setPhase(module, pick(modulePhases, reader.count(), 'module phase'));
  const writable = module as Writable<ModuleRecord>;
  writable.generation = reader.count();
  writable.attempt = reader.count();
  writable.failures = reader.count();
  writable.losses = reader.count();
  writable.fence = reader.count();
  if (module.fence > fenceOf(state.appliedIndex, CLAIMS_PER_BATCH_MAX - 1)) throw damaged(`fence ${module.fence} is newer than the snapshot`);
  writable.countedFence = reader.count();
  writable.lostFence = reader.count();
  writable.acceptedFence = reader.count();
  writable.session = reader.count();
  writable.nodeId = reader.text() as NodeId;
  const earlier: { fence: number; nodeId: NodeId }[] = [];
  for (const item of each(reader.list(), 'earlier claim')) earlier.push({ fence: item.count(), nodeId: item.text() as NodeId });
  writable.earlier = earlier;
  const hedge = reader.listOrNull();
  writable.hedge = hedge === null ? null : readHedge(new PlainReader(hedge, 'second copy'));
  writable.hedged = reader.flag();
  writable.notBefore = reader.count();
  writable.startedAt = reader.count();
  writable.finishedAt = reader.count();
  const outcome = reader.listOrNull();
  writable.outcome = outcome === null ? null : readOutcome(new PlainReader(outcome, 'outcome'));
  writable.note = reader.text();
  writable.checkpoint = readCheckpointPlain(reader.listOrNull());
  writable.cacheKey = reader.text();
  writable.reusedFrom = reader.count();
  writable.executions = Array.from(each(reader.list(), 'execution'), readExecution);
  writable.holders = reader.list().map((number) => pick(nodes, number as number, 'holder'));
  writable.staleFence = reader.count();
  writable.inputsMissed = reader.count();
  reader.end();
}

function readExecution(reader: PlainReader): EarlierExecution {
  const execution = { fence: reader.count(), attempt: reader.count(), nodeId: reader.text() as NodeId, code: reader.text(), tail: reader.text(), log: readLogRef(reader.listOrNull()) };
  reader.end();
  return execution;
}

function readHedge(reader: PlainReader): HedgeClaim {
  const hedge = { fence: reader.count(), session: reader.count(), nodeId: reader.text() as NodeId, startedAt: reader.count() };
  reader.end();
  return hedge;
}

function setPhase(module: ModuleRecord, phase: ModulePhase): void {
  const { counts } = module.run;
  counts[phaseOrdinal[module.phase]]!--;
  counts[phaseOrdinal[phase]]!++;
  (module as Writable<ModuleRecord>).phase = phase;
}

function readOutcome(reader: PlainReader): Outcome {
  const ok = reader.flag();
  const values = readValues(reader.text());
  const error = reader.listOrNull();
  const exitCode = reader.numberOrNull();
  const tail = reader.text();
  const startedAt = reader.number();
  const durationMs = reader.number();
  const files = readOutcomeFiles(reader.listOrNull());
  const valuesCut = reader.flag();
  const log = readLogRef(reader.listOrNull());
  const digests = readDigests(reader.listOrNull());
  reader.end();
  return {
    ok,
    values,
    error: error === null ? null : readError(new PlainReader(error, 'error')),
    exitCode,
    tail,
    startedAt,
    durationMs,
    ...(files === undefined ? {} : { files }),
    ...(valuesCut ? { valuesCut } : {}),
    ...(log === null ? {} : { log }),
    ...(digests === undefined ? {} : { digests }),
  };
}

function readValues(text: string): Outcome['values'] {
  if (text === '') return {};
  const values = new PlainReader([text], 'values').json();
  if (typeof values !== 'object' || values === null || Array.isArray(values)) throw damaged('values are no record');
  return values as Outcome['values'];
}

function readError(reader: PlainReader): { code: string; message: string } {
  const error = { code: reader.text(), message: reader.text() };
  reader.end();
  return error;
}

/** Everything that follows from the rest, checked against it where the two could disagree. */
function derive(state: CellState): void {
  for (const run of state.runs.values()) {
    if (run.waves !== null) deriveWaves(run, run.waves);
    for (const module of run.modules) deriveModule(state, run, module);
    const final = isRunFinal(run.phase);
    if (run.source !== null && !final) throw damaged(`run ${run.number} is ${run.phase} and keeps its specification to be run again`);
    if (final !== (openModules(run) === 0) || final !== run.summary) throw damaged(`run ${run.number} is ${run.phase} with ${openModules(run)} open modules`);
    if (!final) state.liveModules += run.modules.length;
  }
  const finished = [...state.runs.values()].filter((run) => isRunFinal(run.phase));
  for (const run of finished.sort((a, b) => a.finishedAt - b.finishedAt || a.number - b.number)) {
    state.finished.set(run.number, run);
    if (run.source !== null) addSource(state, run);
    state.finishedModules += run.modules.length;
    state.finishedBytes += run.valuesBytes + run.tailsLength;
  }
}

function deriveWaves({ modules }: RunRecord, waves: Waves): void {
  for (const { phase, index, item } of modules) if (isFinal(phase) && item === -1) waves.open[waves.of[index]!]!--;
  nextWave(waves);
}

function deriveModule(state: CellState, run: RunRecord, module: ModuleRecord): void {
  const writable = module as Writable<ModuleRecord>;
  const isItem = module.item !== -1;
  const needs = isItem ? [] : run.spec.modules[module.index]!.needs;
  writable.waitingOn = needs.reduce((open, need) => open - (run.modules[need]!.phase === 'succeeded' ? 1 : 0), needs.length);
  const where = `module ${module.index} of run ${run.number}`;
  if (module.cacheKey !== '') {
    if (module.phase !== 'succeeded' || state.cache.has(module.cacheKey)) throw damaged(`${where} has the key of a result that it does not have, or that another one has`);
    state.cache.set(module.cacheKey, module);
  }
  // What is claimed goes on when something that it needs, or an earlier wave, is open again.
  if ((module.phase === 'waiting' || module.phase === 'ready') && module.phase !== restPhase(module)) throw damaged(`${where} is ${module.phase} with ${module.waitingOn} needs open`);
  if (isItem) deriveItem(module, where);
  // Of a finished run it is not known any more who had items.
  else if (module.phase === 'expanded' && !run.expansions.has(module.index)) throw damaged(`${where} has no items`);
  if ((module.phase === 'claimed') !== (module.session !== 0)) throw damaged(`${where} is ${module.phase} in session ${module.session}`);
  const totals = run as Writable<RunRecord>;
  totals.remade += module.generation - 1;
  totals.valuesBytes += valuesBytes(module.outcome);
  totals.tailsLength += (module.outcome?.tail.length ?? 0) + tailsOf(module.executions);
  if (module.session === 0) {
    if (module.hedge !== null) throw damaged(`${where} has a second copy of nothing`);
    return;
  }
  deriveClaim(state, module, module.fence, module.session, module.nodeId, where);
  const { hedge } = module;
  if (hedge === null) return;
  if (!isHedgeable(module) || !module.hedged || hedge.nodeId === module.nodeId || hedge.fence <= module.fence) throw damaged(`the second copy of ${where}`);
  totals.hedges++;
  deriveClaim(state, module, hedge.fence, hedge.session, hedge.nodeId, where);
}

function deriveItem(item: ModuleRecord, where: string): void {
  const expansion = expansionOf(item);
  const { phase } = item.run.modules[item.template]!;
  if (isFinal(item.phase)) expansion.open--;
  else if (phase !== 'expanded') throw damaged(`${where} is ${item.phase}, and its module ${phase}`);
  if (item.phase === 'failed') expansion.failed++;
  if (item.phase === 'claimed') expansion.claimed++;
}

function deriveClaim(state: CellState, module: ModuleRecord, fence: Fence, id: SessionId, node: NodeId | '', where: string): void {
  const session = state.sessions.get(id);
  if (session === undefined || session.nodeId !== node || session.claims.has(fence)) throw damaged(`${where} is claimed by nobody`);
  if (state.ending.has(fence)) throw damaged(`${where} is claimed and told to stop`);
  const holder = session as Writable<typeof session>;
  session.claims.set(fence, module);
  holder.milliCpuUsed += module.requirement.milliCpu;
  holder.memoryUsed += module.requirement.memory;
  (module.run as Writable<RunRecord>).milliCpuUsed += module.requirement.milliCpu;
  takeSeats(state, module, id, fence);
}
