/** The picture of the network: nodes in a ring, the links between them, what is broken. */
import { compareNames, describePaths, type NamedPath } from '../../timeline/names.ts';
import { byId, byKind, seconds, svg } from './dom.ts';
import type { Model, NodeNow } from './model.ts';

/** Beyond this only broken links are drawn. */
const ALL_LINKS_NODES_MAX = 24;
/** Up to this many broken links carry a mark each; more of them would be a thicket. */
const MARKED_MAX = 8;

interface Place {
  readonly x: number;
  readonly y: number;
}

export class Stage {
  readonly #model: Model;
  readonly #svg = byKind('stage', SVGElement);
  readonly #places: Place[];
  readonly #radius: number;

  constructor(model: Model) {
    this.#model = model;
    const count = model.data.nodes.length;
    const ring = count <= 9 ? 130 : Math.min(420, 130 + (count - 9) * 9);
    this.#radius = count <= 12 ? 23 : count <= 30 ? 17 : 9;
    const angles = model.data.nodes.map((_, i) => (2 * Math.PI * i) / count - Math.PI / 2);
    const around = angles.map((angle): Place => (count === 1 ? { x: 0, y: 0 } : { x: ring * Math.cos(angle), y: ring * Math.sin(angle) }));
    // Room for the words below and beside a node.
    const [left, top] = [Math.min(...around.map(({ x }) => x)) - 58, Math.min(...around.map(({ y }) => y)) - this.#radius - 6];
    const [right, bottom] = [Math.max(...around.map(({ x }) => x)) + 58, Math.max(...around.map(({ y }) => y)) + this.#radius + 24];
    this.#svg.setAttribute('viewBox', `0 0 ${right - left} ${bottom - top}`);
    this.#places = around.map(({ x, y }) => ({ x: x - left, y: y - top }));
  }

  show(time: number, nodes: readonly NodeNow[]): void {
    this.#svg.replaceChildren(...this.#links(time, nodes), ...nodes.flatMap((node, i) => this.#node(node, i)));
    const [leader, ...others] = this.#model.leaders(nodes);
    const line = byId('leader');
    line.className = leader === undefined ? 'leader none' : 'leader';
    if (leader === undefined) line.textContent = '○ nobody leads';
    else {
      const paused = leader.state === 'paused' ? ', but is paused' : '';
      const also = others.map(({ name, term, cell }) => (cell === leader.cell ? `; ${name} still believes to lead term ${term}` : `; ${name} leads cell ${cell}`)).join('');
      line.textContent = `★ ${leader.name} leads${others.some(({ cell }) => cell !== leader.cell) ? ` cell ${leader.cell}` : ''} in term ${leader.term}, since ${seconds(leader.since, 2)}${paused}${also}`;
    }
  }

  #links(time: number, nodes: readonly NodeNow[]): SVGElement[] {
    const drawn: SVGElement[] = [];
    const cut: NamedPath[] = [];
    const clogged: NamedPath[] = [];
    const broken: (() => SVGElement[])[] = [];
    for (let a = 0; a < nodes.length; a += 1) {
      for (let b = a + 1; b < nodes.length; b += 1) {
        const [there, back] = [this.#model.link(a, b, time), this.#model.link(b, a, time)];
        for (const [state, from, to] of [[there, a, b], [back, b, a]] as const) if (state !== 0) (state === 1 ? cut : clogged).push([nodes[from]?.name ?? '', nodes[to]?.name ?? '']);
        if (there !== 0 || back !== 0) broken.push(() => this.#broken(a, b, there, back, broken.length <= MARKED_MAX));
        else if (nodes.length <= ALL_LINKS_NODES_MAX && nodes[a]?.state !== 'down' && nodes[b]?.state !== 'down') drawn.push(this.#open(a, b, time));
      }
    }
    for (const draw of broken) drawn.push(...draw());
    const words = [cut.length === 0 ? '' : `✕ cut: ${describePaths(cut.sort(byFirst))}`, clogged.length === 0 ? '' : `clogged: ${describePaths(clogged.sort(byFirst))}`];
    byId('broken').textContent = words.filter((text) => text !== '').join(' · ');
    return drawn;
  }

  #open(a: number, b: number, time: number): SVGElement {
    const level = this.#model.traffic(a, b, time);
    return this.#line(a, b, { class: 'link', 'stroke-width': 0.7 + level * 0.55, opacity: level === 0 ? 0.25 : 0.35 + level * 0.06 });
  }

  #broken(a: number, b: number, there: number, back: number, marked: boolean): SVGElement[] {
    const both = there === back;
    const kind = there === 1 || back === 1 ? 'cut' : 'clogged';
    const lines = [this.#line(a, b, { class: `link ${kind}${marked ? '' : ' faded'}` })];
    if (kind === 'clogged' || !marked) return lines;
    if (both) return [...lines, ...this.#cross(a, b)];
    // One way: a bar where nothing arrives.
    return [...lines, ...(there === 1 ? this.#stop(a, b) : this.#stop(b, a))];
  }

  #cross(a: number, b: number): SVGElement[] {
    const [p, q] = [this.#place(a), this.#place(b)];
    const [x, y] = [(p.x + q.x) / 2, (p.y + q.y) / 2];
    return [svg('path', { class: 'bar', d: `M${x - 5} ${y - 5}l10 10M${x - 5} ${y + 5}l10 -10` })];
  }

  /** An arrow that ends at a bar: what `from` sends does not reach `to`. */
  #stop(from: number, to: number): SVGElement[] {
    const [p, q] = [this.#place(from), this.#place(to)];
    const length = Math.hypot(q.x - p.x, q.y - p.y);
    const [ux, uy] = [(q.x - p.x) / length, (q.y - p.y) / length];
    const [x, y] = [q.x - ux * (this.#radius + 13), q.y - uy * (this.#radius + 13)];
    const head = `M${x - ux * 10 - uy * 6} ${y - uy * 10 + ux * 6}L${x} ${y}L${x - ux * 10 + uy * 6} ${y - uy * 10 - ux * 6}`;
    return [svg('path', { class: 'bar', d: head, fill: 'none' }), svg('path', { class: 'bar', d: `M${x + ux * 4 - uy * 9} ${y + uy * 4 + ux * 9}L${x + ux * 4 + uy * 9} ${y + uy * 4 - ux * 9}` })];
  }

  #line(a: number, b: number, attributes: Readonly<Record<string, string | number>>): SVGElement {
    const [p, q] = [this.#place(a), this.#place(b)];
    return svg('line', { x1: p.x, y1: p.y, x2: q.x, y2: q.y, ...attributes });
  }

  #node(node: NodeNow, index: number): SVGElement[] {
    const { x, y } = this.#place(index);
    const look = lookOf(node);
    const parts = [svg('circle', { class: `node ${look.shape}`, cx: x, cy: y, r: this.#radius })];
    if (this.#radius < 15) return [...parts, svg('title', {}, `${node.name}: ${look.word}`)];
    parts.push(svg('text', { x, y: y + 4.5, class: look.shape === 'leads' ? 'on' : '' }, node.name));
    if (this.#radius >= 20) parts.push(svg('text', { x, y: y + this.#radius + 14, class: 'sub' }, `${look.icon} ${look.word}`));
    return parts;
  }

  #place(index: number): Place {
    return this.#places[index] ?? { x: 0, y: 0 };
  }
}

function byFirst([a]: NamedPath, [b]: NamedPath): number {
  return compareNames(a, b);
}

export interface Look {
  readonly shape: string;
  readonly pill: string;
  readonly icon: string;
  readonly word: string;
}

/** How a node is shown, everywhere. */
export function lookOf({ state, role }: NodeNow): Look {
  if (state === 'down') return { shape: 'down', pill: 'off', icon: '✕', word: 'down' };
  if (state === 'paused') return { shape: 'held', pill: 'held', icon: '‖', word: role === 'leader' ? 'leader, paused' : 'paused' };
  switch (role) {
    case 'leader':
      return { shape: 'leads', pill: 'lead', icon: '★', word: 'leads' };
    case 'candidate':
      return { shape: 'asks', pill: 'warn', icon: '?', word: 'asks for votes' };
    case 'voter':
      return { shape: 'votes', pill: 'ok', icon: '●', word: 'votes' };
    case 'standby':
      return { shape: 'plain', pill: '', icon: '◐', word: 'standby' };
    case 'worker':
      return { shape: 'plain', pill: '', icon: '○', word: 'worker' };
    case 'seeking':
      return { shape: 'plain', pill: 'warn', icon: '…', word: 'looks for a cell' };
  }
}
