/** The parts in words: table of nodes, runs with their modules, events. */
import { EVENT_KINDS, EXECUTION_ENDS, MODULE_PHASES, RUN_PHASES, type EventRow } from '../data.ts';
import { byId, element, pill, seconds } from './dom.ts';
import { lastBefore, type Model, type NodeNow } from './model.ts';
import { lookOf } from './stage.ts';

const RUNS_SHOWN_MAX = 14;
const CHIPS_MAX = 60;
/** An ended run stays for this long. */
const ENDED_SHOWN_MS = 8000;
const EVENTS_BEFORE = 60;
const EVENTS_AFTER = 120;

export function showNodes(model: Model, nodes: readonly NodeNow[], time: number): void {
  const several = new Set(nodes.map(({ cell }) => cell).filter((cell) => cell !== '')).size > 1;
  const rows = nodes.map((node, index) => {
    const look = lookOf(node);
    const work = model.executing(index, time).map(([, , , run, module]) => `${model.data.runs[run]?.name ?? ''} ${model.data.runs[run]?.modules[module]?.name ?? ''}`);
    const cell = several && node.cell !== '' ? ` ${node.cell}` : '';
    const number = (value: number): HTMLElement => element('td', { class: 'num' }, value === 0 ? '–' : String(value));
    return element('tr', {}, element('th', { scope: 'row' }, node.name + cell), element('td', {}, pill(look.pill, look.icon, look.word)), number(node.term), number(node.commitIndex), element('td', {}, work.slice(0, 4).join(', ') + (work.length > 4 ? ` and ${work.length - 4} more` : '')));
  });
  byId('node-rows').replaceChildren(...rows);
}

const runLooks: Readonly<Record<(typeof RUN_PHASES)[number], readonly [kind: string, icon: string]>> = {
  queued: ['', '◌'],
  running: ['run', '▶'],
  paused: ['held', '‖'],
  succeeded: ['ok', '✓'],
  failed: ['bad', '✗'],
  cancelled: ['warn', '⊘'],
};

export function showRuns(model: Model, time: number): void {
  const shown: { readonly run: number; readonly live: boolean }[] = [];
  for (let run = model.data.runs.length - 1; run >= 0; run -= 1) {
    const now = model.runPhase(run, time);
    if (now === undefined) continue;
    const live = (RUN_PHASES[now.phase] ?? 'queued') === 'queued' || RUN_PHASES[now.phase] === 'running';
    if (live || time - now.since < ENDED_SHOWN_MS || model.data.runs.length <= 3) shown.push({ run, live });
  }
  shown.sort((a, b) => Number(b.live) - Number(a.live) || b.run - a.run);
  const list = shown.slice(0, RUNS_SHOWN_MAX).map(({ run, live }) => runElement(model, run, live, time));
  if (shown.length > RUNS_SHOWN_MAX) list.push(element('p', { class: 'more' }, `and ${shown.length - RUNS_SHOWN_MAX} more`));
  if (list.length === 0) list.push(element('p', { class: 'empty' }, 'No run at this moment.'));
  byId('run-list').replaceChildren(...list);
}

function runElement(model: Model, run: number, live: boolean, time: number): HTMLElement {
  const { name, at, modules } = model.data.runs[run] ?? { name: '', at: 0, modules: [] };
  const now = model.runPhase(run, time);
  const phase = RUN_PHASES[now?.phase ?? 0] ?? 'queued';
  const [kind, icon] = runLooks[phase];
  const done = modules.filter((_, module) => isFinal(model.module(run, module, time)?.[3])).length;
  const took = seconds((live ? time : (now?.since ?? time)) - at, 1);
  const header = element('header', {}, name, pill(kind, icon, phase), element('small', {}, `${done}/${modules.length} modules, ${live ? 'for' : 'took'} ${took}`));
  const chips = modules.slice(0, CHIPS_MAX).map((module, index) => element('li', {}, chip(model, run, index, module.name + (module.effectful ? '!' : ''), time)));
  const more = modules.length > CHIPS_MAX ? [element('li', { class: 'more' }, `and ${modules.length - CHIPS_MAX} more`)] : [];
  return element('article', { class: live ? 'runbox live' : 'runbox' }, header, element('ul', { class: 'chips' }, ...chips, ...more));
}

function isFinal(phase: number | undefined): boolean {
  return phase !== undefined && phase >= MODULE_PHASES.indexOf('succeeded');
}

function chip(model: Model, run: number, module: number, name: string, time: number): HTMLElement {
  const [, , , phase = 0, node = -1, fence = ''] = model.module(run, module, time) ?? [];
  const word = MODULE_PHASES[phase] ?? 'waiting';
  const where = model.data.nodes[node] ?? '';
  const running = word === 'claimed' && model.executing(node, time).some(([, , , r, m]) => r === run && m === module);
  const title = `${name}: ${running ? 'running' : word}${where === '' ? '' : ` on ${where}`}${fence === '' ? '' : `, fence ${fence}`}`;
  if (running) return pill('run', '▶', `${name} running ${where}`, title);
  switch (word) {
    case 'claimed':
      return pill('run', '◔', `${name} claimed ${where}`, title);
    case 'succeeded':
      return pill('ok', '✓', `${name} done ${where}`, title);
    case 'failed':
      return pill('bad', '✗', `${name} failed ${where}`, title);
    case 'cancelled':
    case 'skipped':
      return pill('off', '⊘', `${name} ${word}`, title);
    default:
      return pill('', word === 'ready' ? '◌' : '·', `${name} ${word}`, title);
  }
}

/** For the canvas: which colour an execution has. */
export function endColour(ended: number): string {
  const word = EXECUTION_ENDS[ended] ?? 'running';
  return word === 'succeeded' ? 'ok' : word === 'failed' ? 'bad' : word === 'running' ? 'run' : 'warn';
}

const kindWords: Readonly<Record<(typeof EVENT_KINDS)[number], string>> = { fault: '⚡ fault', heal: '✚ mended', leader: '★ leader', members: '● members', plan: '→ plan', result: '✓ result', run: '▶ run', client: '◇ client', read: '◇ read', note: '· says', violation: '✗ violation' };

export class EventList {
  readonly #model: Model;
  readonly #list = byId('event-list');
  readonly #hidden = new Set<number>();
  #events: readonly EventRow[] = [];
  #drawn = '';

  constructor(model: Model, goTo: (time: number) => void) {
    this.#model = model;
    this.#list.addEventListener('click', (click) => {
      const row = (click.target as Element).closest('li[data-time]');
      if (row !== null) goTo(Number(row.getAttribute('data-time')));
    });
    this.#filters(goTo);
    this.#events = this.#shown();
  }

  #shown(): readonly EventRow[] {
    return this.#model.data.events.filter(([, kind]) => !this.#hidden.has(kind));
  }

  /** Of the kinds that are shown. */
  get times(): number[] {
    return this.#events.map(([time]) => time);
  }

  show(time: number): void {
    const here = lastBefore(this.#events, time);
    const key = `${here}/${this.#hidden.size}/${this.#events.length}`;
    if (key === this.#drawn) return;
    this.#drawn = key;
    const first = Math.max(0, here - EVENTS_BEFORE);
    const last = Math.min(this.#events.length, here + EVENTS_AFTER);
    const rows = this.#events.slice(first, last).map((event, i) => eventRow(event, first + i === here, first + i > here));
    if (first > 0) rows.unshift(element('li', { class: 'plainrow' }, `… ${first} earlier`));
    if (last < this.#events.length) rows.push(element('li', { class: 'plainrow' }, `… ${this.#events.length - last} later`));
    this.#list.replaceChildren(...rows);
    const current = this.#list.querySelector<HTMLElement>('.here');
    if (current !== null) this.#list.scrollTop = current.offsetTop - this.#list.clientHeight * 0.6;
  }

  #filters(goTo: (time: number) => void): void {
    const present = EVENT_KINDS.map((_, kind) => this.#model.data.events.filter((event) => event[1] === kind).length);
    for (const [kind, name] of EVENT_KINDS.entries()) {
      if ((present[kind] ?? 0) === 0 || name === 'violation') continue;
      const box = element('input', { type: 'checkbox' }) as HTMLInputElement;
      box.checked = name !== 'read';
      if (!box.checked) this.#hidden.add(kind);
      box.addEventListener('change', () => {
        if (box.checked) this.#hidden.delete(kind);
        else this.#hidden.add(kind);
        this.#events = this.#shown();
        goTo(Number.NaN);
      });
      byId('filters').append(element('label', {}, box, `${name} (${present[kind]})`));
    }
  }
}

function eventRow([time, kind, who, text]: EventRow, here: boolean, later: boolean): HTMLElement {
  const name = EVENT_KINDS[kind] ?? 'note';
  const classes = [name === 'violation' ? 'violation' : '', here ? 'here' : '', later ? 'later' : ''].filter((word) => word !== '').join(' ');
  return element('li', { 'data-time': String(time), class: classes, ...(here ? { 'aria-current': 'true' } : {}) }, element('span', {}, seconds(time)), element('span', { class: `kind ${name}` }, kindWords[name]), element('span', {}, who), element('span', {}, text));
}
