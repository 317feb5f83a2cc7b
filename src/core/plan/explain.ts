/** Why a module is not running, in words that name what would help. */
import { sessionFits } from '../cell/claims.ts';
import { lacking } from '../cell/matching.ts';
import { moduleAt, type CellState, type ModuleRecord, type SessionRecord } from '../cell/state.ts';
import { unreachable } from '../lib/assert.ts';
import type { RunNumber } from '../lib/ids.ts';
import { hasRoom, roomOf, type PlannableSession } from './placement.ts';

const NAMES_SHOWN_MAX = 4;

/**
 * @param sessions those that the leader would plan for; undefined when only the log is at hand: then all open sessions.
 * @returns one line without a full stop; '' for a module that does not exist.
 */
export function explain(state: CellState, run: RunNumber, module: number, sessions?: readonly PlannableSession[]): string {
  const record = moduleAt(state, run, module);
  return record === undefined ? '' : explainModule(state, record, sessions);
}

/** The same for a module at hand. */
export function explainModule(state: CellState, module: ModuleRecord, sessions?: readonly PlannableSession[]): string {
  switch (module.phase) {
    case 'waiting':
      return waitsFor(state, module);
    case 'ready':
      return module.notBefore > state.now ? retryText(state, module) : notPlaced(state, module, sessions);
    case 'claimed':
      return `claimed by ${nameOf(state, module)}${module.note === '' ? '' : `; ${module.note}`}`;
    case 'succeeded':
      return `succeeded on ${nameOf(state, module)}`;
    case 'failed':
    case 'skipped':
    case 'cancelled':
      return module.note === '' ? module.phase : module.note;
    default:
      return unreachable(module.phase);
  }
}

function nameOf(state: CellState, module: ModuleRecord): string {
  return module.nodeId === '' ? 'a node' : (state.nodeNames.get(module.nodeId) ?? module.nodeId.slice(-8));
}

/** `a`, `a and b`, `a, b, c, d and 12 more`. */
function listed(names: readonly string[]): string {
  if (names.length > NAMES_SHOWN_MAX) return `${names.slice(0, NAMES_SHOWN_MAX).join(', ')} and ${names.length - NAMES_SHOWN_MAX} more`;
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}`;
}

function waitsFor(state: CellState, module: ModuleRecord): string {
  const { spec, modules } = module.run;
  const open = spec.modules[module.index]!.needs.filter((need) => modules[need]!.phase !== 'succeeded');
  const names = open.map((need) => {
    const { name } = spec.modules[need]!;
    return modules[need]!.phase === 'claimed' ? `${name} (on ${nameOf(state, modules[need]!)})` : name;
  });
  return `waits for ${listed(names)}`;
}

function retryText(state: CellState, module: ModuleRecord): string {
  const seconds = Math.ceil((module.notBefore - state.now) / 1_000);
  const why = module.outcome?.error?.code;
  return `next attempt in ${seconds} s${why === undefined ? '' : ` after ${why}`}`;
}

function notPlaced(state: CellState, module: ModuleRecord, sessions: readonly PlannableSession[] | undefined): string {
  if (state.sessions.size === 0) return 'no node is connected';
  const all = [...state.sessions.values()];
  const fitting = all.filter((session) => sessionFits(session, module.requirement));
  if (fitting.length === 0) return noneFits(module, all);
  const active = fitting.filter((session) => !state.drained.has(session.nodeId));
  if (active.length === 0) return `${who(fitting, all)} ${fitting.length === 1 ? 'is' : 'are'} draining`;
  const offers = new Map(sessions?.map((offer) => [offer.session, offer]));
  const rooms = active.map((record) => roomOf(state, offers.get(record.id) ?? { session: record.id, slots: sessions === undefined ? Infinity : 0, load: 0 }));
  if (rooms.every((room) => room === undefined)) return `${who(active, all)} ${active.length === 1 ? 'does' : 'do'} not answer or ${active.length === 1 ? 'offers' : 'offer'} no slots now`;
  const free = rooms.some((room) => room !== undefined && hasRoom(room, module.requirement));
  if (!free) return `${who(active, all)} ${active.length === 1 ? 'is' : 'are'} full`;
  return 'about to be claimed';
}

function who(some: readonly SessionRecord[], all: readonly SessionRecord[]): string {
  if (some.length === all.length && all.length > 1) return `all ${all.length} nodes`;
  if (some.length === 1) return `${all.length === 1 ? 'the only node, ' : 'the only node that fits, '}${some[0]!.name},`;
  return `all ${some.length} nodes that fit (${listed(some.map((session) => session.name))})`;
}

/** The node that lacks least is the one that is easiest to help. */
function noneFits(module: ModuleRecord, all: readonly SessionRecord[]): string {
  const lacks = all.map((session) => ({ session, list: lacking(module.requirement, session.capabilities) }));
  lacks.sort((a, b) => a.list.length - b.list.length || a.session.id - b.session.id);
  const nearest = lacks[0]!;
  const everywhere = nearest.list.filter((lack) => lacks.every(({ list }) => list.includes(lack)));
  const start = everywhere.length > 0 ? `no node has ${listed(everywhere)}` : 'no node has all that it requires';
  return `${start}; nearest: ${nearest.session.name} lacks ${listed(nearest.list)}`;
}
