/** The player: one moment in time, and everything on the page shows how it stood then. */
import type { ReplayData } from '../data.ts';
import { byId, byKind, element, seconds } from './dom.ts';
import { Lanes } from './lanes.ts';
import { EventList, showNodes, showRuns } from './lists.ts';
import { Model } from './model.ts';
import { Stage } from './stage.ts';

const model = new Model(JSON.parse(byId('data').textContent ?? '') as ReplayData);
const { data } = model;

class Player {
  readonly #stage = new Stage(model);
  readonly #events = new EventList(model, (time) => this.goTo(time));
  readonly #lanes = new Lanes(model, (time) => this.goTo(time));
  readonly #scrubber = byKind('scrubber', HTMLInputElement);
  #time = data.fromMs;
  #playing = false;
  #lastFrame = 0;
  #frame = 0;

  start(): void {
    this.#scrubber.min = String(Math.floor(data.fromMs));
    this.#scrubber.max = String(Math.ceil(data.toMs));
    this.#scrubber.addEventListener('input', () => this.goTo(Number(this.#scrubber.value)));
    this.#buttons();
    document.addEventListener('keydown', (event) => this.#key(event));
    globalThis.addEventListener('resize', () => this.#draw());
    globalThis.addEventListener('hashchange', () => this.#fromHash());
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
    this.#setPlaying(false);
    this.goTo(data.fromMs);
    this.#fromHash();
  }

  /** NaN: the same moment, drawn anew. */
  goTo(time: number): void {
    if (!Number.isNaN(time)) this.#time = Math.min(data.toMs, Math.max(data.fromMs, time));
    this.#draw();
    if (!this.#playing) byId('spoken').textContent = `${seconds(this.#time)}: ${byId('leader').textContent} ${byId('broken').textContent}`;
  }

  /** `#t=12.5` opens the page at that second. */
  #fromHash(): void {
    const found = /t=([\d.]+)/.exec(location.hash);
    if (found !== null) this.goTo(Number(found[1]) * 1000);
  }

  #draw(): void {
    const time = this.#time;
    const nodes = model.nodes(time);
    this.#stage.show(time, nodes);
    showNodes(model, nodes, time);
    showRuns(model, time);
    this.#events.show(time);
    this.#lanes.show(time);
    this.#scrubber.value = String(Math.round(time));
    this.#scrubber.setAttribute('aria-valuetext', seconds(time));
    byId('clock').textContent = `${seconds(time)} of ${seconds(data.toMs, 1)}`;
    document.querySelector('.player')?.classList.toggle('failed', data.violation !== null && time >= data.violation.time - 0.1);
  }

  #setPlaying(playing: boolean): void {
    if (playing && this.#time >= data.toMs) this.#time = data.fromMs;
    this.#playing = playing;
    const button = byId('play');
    button.textContent = playing ? '‖ Pause' : '▶ Play';
    button.setAttribute('aria-pressed', String(playing));
    cancelAnimationFrame(this.#frame);
    this.#lastFrame = performance.now();
    if (playing) this.#frame = requestAnimationFrame((now) => this.#tick(now));
  }

  #tick(now: number): void {
    const speed = Number(byKind('speed', HTMLSelectElement).value);
    this.goTo(this.#time + (now - this.#lastFrame) * speed);
    this.#lastFrame = now;
    if (this.#time >= data.toMs) this.#setPlaying(false);
    else if (this.#playing) this.#frame = requestAnimationFrame((next) => this.#tick(next));
  }

  /** To the next of `times` in this direction. */
  #jump(times: readonly number[], direction: 1 | -1): void {
    this.#setPlaying(false);
    const target = direction === 1 ? times.find((time) => time > this.#time + 0.05) : times.findLast((time) => time < this.#time - 0.05);
    this.goTo(target ?? (direction === 1 ? data.toMs : data.fromMs));
  }

  #toViolation(): void {
    this.#setPlaying(false);
    if (data.violation !== null) this.goTo(data.violation.time);
  }

  #buttons(): void {
    const on = (id: string, action: () => void): void => byId(id).addEventListener('click', action);
    on('play', () => this.#setPlaying(!this.#playing));
    for (const [id, times] of [['event', (): number[] => this.#events.times], ['leader', (): number[] => model.leaderTimes], ['fault', (): number[] => model.faultTimes]] as const) {
      on(`${id}-back`, () => this.#jump(times(), -1));
      on(`${id}-next`, () => this.#jump(times(), 1));
    }
    on('violation-jump', () => this.#toViolation());
    byKind('violation-jump', HTMLButtonElement).hidden = data.violation === null;
  }

  #key(event: KeyboardEvent): void {
    const target = event.target as Element;
    if (event.ctrlKey || event.metaKey || event.altKey || target.matches('select, textarea, input:not([type=range])')) return;
    if (event.key === ' ' && target.matches('button, summary')) return;
    const action = this.#actionOf(event);
    if (action === undefined) return;
    event.preventDefault();
    action();
  }

  #actionOf({ key, shiftKey }: KeyboardEvent): (() => void) | undefined {
    const direction = shiftKey ? -1 : 1;
    switch (key.toLowerCase()) {
      case ' ':
        return () => this.#setPlaying(!this.#playing);
      case 'arrowright':
        return () => (shiftKey ? this.goTo(this.#time + 1000) : this.#jump(this.#events.times, 1));
      case 'arrowleft':
        return () => (shiftKey ? this.goTo(this.#time - 1000) : this.#jump(this.#events.times, -1));
      case 'l':
        return () => this.#jump(model.leaderTimes, direction);
      case 'f':
        return () => this.#jump(model.faultTimes, direction);
      case 'v':
        return () => this.#toViolation();
      case 'home':
        return () => this.goTo(data.fromMs);
      case 'end':
        return () => this.goTo(data.toMs);
      default:
        return undefined;
    }
  }
}

function describePage(): void {
  const { violation, outcome, summary, options, replay, nodes, toMs, fromMs, seed, cuts } = data;
  byId('subtitle').textContent = `seed ${seed}, ${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}, ${seconds(toMs - fromMs, 1)} of virtual time`;
  const verdict = byId('verdict');
  verdict.className = `verdict ${violation === null ? outcome.kind : 'bad'}`;
  if (violation === null) verdict.append(outcome.text);
  else verdict.append(element('b', {}, `✗ ${violation.invariant} violated at ${seconds(violation.time)}: `), violation.message);
  const rows: [string, string][] = [['replay', replay], ['options', options], ...summary.map((line): [string, string] => ['result', line])];
  for (const [term, text] of rows) byId('about').append(element('dt', {}, term), element('dd', {}, text));
  for (const text of cuts) byId('cuts').append(element('p', { class: 'verdict wait' }, `✂ ${text}`));
}

describePage();
new Player().start();
