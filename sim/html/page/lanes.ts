/** Time as a picture: a row for each node with its states and executions, and the thin band above the scrubber. */
import { byKind, colour, seconds, sized } from './dom.ts';
import { endColour } from './lists.ts';
import type { Model } from './model.ts';

const LABEL_WIDTH = 34;
const AXIS_HEIGHT = 20;
const ROWS_HEIGHT_MAX = 320;
const LEADER = 5;

interface Window {
  readonly from: number;
  readonly to: number;
}

export class Lanes {
  readonly #model: Model;
  readonly #canvas = byKind('lanes', HTMLCanvasElement);
  readonly #marks = byKind('marks', HTMLCanvasElement);
  readonly #zoom = byKind('zoom', HTMLSelectElement);
  #window: Window;

  constructor(model: Model, goTo: (time: number) => void) {
    this.#model = model;
    this.#window = { from: model.data.fromMs, to: model.data.toMs };
    let seeking = false;
    const seek = (event: PointerEvent): void => {
      const share = (event.offsetX - LABEL_WIDTH) / (this.#canvas.clientWidth - LABEL_WIDTH);
      goTo(this.#window.from + Math.min(1, Math.max(0, share)) * (this.#window.to - this.#window.from));
    };
    this.#canvas.addEventListener('pointerdown', (event) => {
      seeking = true;
      this.#canvas.setPointerCapture(event.pointerId);
      seek(event);
    });
    this.#canvas.addEventListener('pointermove', (event) => {
      if (seeking) seek(event);
    });
    for (const end of ['pointerup', 'pointercancel']) this.#canvas.addEventListener(end, () => (seeking = false));
    this.#zoom.addEventListener('change', () => goTo(Number.NaN));
  }

  show(time: number): void {
    const { fromMs, toMs, nodes } = this.#model.data;
    const span = Number(this.#zoom.value);
    const from = span === 0 || span >= toMs - fromMs ? fromMs : Math.min(Math.max(fromMs, time - span / 2), toMs - span);
    this.#window = { from, to: span === 0 || span >= toMs - fromMs ? toMs : from + span };
    const rowHeight = Math.max(3, Math.min(26, ROWS_HEIGHT_MAX / nodes.length));
    const network = 14;
    const { draw, width } = sized(this.#canvas, nodes.length * rowHeight + network + AXIS_HEIGHT + 2);
    const x = (at: number): number => LABEL_WIDTH + ((at - this.#window.from) / Math.max(1, this.#window.to - this.#window.from)) * (width - LABEL_WIDTH);
    draw.font = '12px system-ui, sans-serif';
    this.#axis(draw, x, nodes.length * rowHeight + network, width);
    for (const [index, name] of nodes.entries()) this.#row(draw, x, index, name, index * rowHeight, rowHeight);
    this.#cuts(draw, x, nodes.length * rowHeight, network, width);
    this.#violation(draw, x, nodes.length * rowHeight + network);
    draw.fillStyle = colour('ink');
    draw.fillRect(x(time) - 0.75, 0, 1.5, nodes.length * rowHeight + network + 4);
    this.#band(time);
  }

  #visible(start: number, end: number): boolean {
    return end >= this.#window.from && start <= this.#window.to;
  }

  #row(draw: CanvasRenderingContext2D, x: (at: number) => number, index: number, name: string, top: number, height: number): void {
    const left = (at: number): number => Math.max(LABEL_WIDTH, x(at));
    const gap = height < 8 ? 0.25 : 1;
    draw.fillStyle = colour('soft');
    if (index % Math.ceil(12 / height) === 0) draw.fillText(name, 2, top + height / 2 + 4);
    draw.fillStyle = colour('faint');
    draw.fillRect(LABEL_WIDTH, top + gap, x(this.#window.to) - LABEL_WIDTH, height - 2 * gap);
    for (const { start, end, state, role } of this.#model.spans[index] ?? []) {
      if (!this.#visible(start, end)) continue;
      const width = Math.max(0.5, x(end) - left(start));
      if (state !== 1) {
        draw.fillStyle = colour(state === 0 ? 'off' : 'held');
        draw.globalAlpha = state === 0 ? 0.55 : 0.7;
        draw.fillRect(left(start), top + gap, width, height - 2 * gap);
        draw.globalAlpha = 1;
      }
      if (role === LEADER && state !== 0) {
        draw.fillStyle = colour('accent');
        draw.fillRect(left(start), top + 1, width, Math.max(2, height * 0.2));
      }
    }
    for (const [start, end, , , , ended, effectful] of this.#model.executions[index] ?? []) {
      if (!this.#visible(start, end)) continue;
      draw.fillStyle = colour(endColour(ended));
      draw.globalAlpha = 0.75;
      draw.fillRect(left(start), top + height * 0.36, Math.max(1, x(end) - left(start)), height * (effectful === 1 ? 0.5 : 0.34));
      draw.globalAlpha = 1;
    }
  }

  /** When any path was cut. */
  #cuts(draw: CanvasRenderingContext2D, x: (at: number) => number, top: number, height: number, width: number): void {
    draw.fillStyle = colour('soft');
    draw.fillText('cuts', 2, top + height - 3);
    draw.strokeStyle = colour('bad');
    draw.lineWidth = 1.2;
    for (const { start, end } of cutSpans(this.#model)) {
      if (!this.#visible(start, end)) continue;
      const [a, b] = [Math.max(LABEL_WIDTH, x(start)), Math.min(width, Math.max(x(end), x(start) + 2))];
      draw.save();
      draw.beginPath();
      draw.rect(a, top + 2, b - a, height - 3);
      draw.stroke();
      draw.clip();
      draw.beginPath();
      for (let at = a - height; at < b; at += 5) {
        draw.moveTo(at, top + height);
        draw.lineTo(at + height, top);
      }
      draw.stroke();
      draw.restore();
    }
  }

  #violation(draw: CanvasRenderingContext2D, x: (at: number) => number, height: number): void {
    const { violation } = this.#model.data;
    if (violation === null || !this.#visible(violation.time, violation.time)) return;
    draw.fillStyle = colour('bad');
    draw.fillRect(x(violation.time) - 1.5, 0, 3, height);
    draw.textAlign = 'right';
    draw.font = 'bold 13px system-ui, sans-serif';
    draw.fillText(`✗ ${violation.invariant}`, x(violation.time) - 5, 13);
    draw.textAlign = 'left';
    draw.font = '12px system-ui, sans-serif';
  }

  #axis(draw: CanvasRenderingContext2D, x: (at: number) => number, top: number, width: number): void {
    const { from, to } = this.#window;
    const wanted = (to - from) / Math.max(2, (width - LABEL_WIDTH) / 90);
    const unit = 10 ** Math.floor(Math.log10(wanted));
    const step = [1, 2, 5, 10].map((factor) => factor * unit).find((candidate) => candidate >= wanted) ?? wanted;
    draw.textAlign = 'center';
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
      draw.fillStyle = colour('line');
      draw.fillRect(x(at), 0, 1, top + 4);
      draw.fillStyle = colour('soft');
      if (x(at) > LABEL_WIDTH + 12 && x(at) < width - 18) draw.fillText(seconds(at, step < 1000 ? 1 : 0), x(at), top + 16);
    }
    draw.textAlign = 'left';
  }

  /** Above the scrubber: who led, when nobody did, faults, the violation. Its ends stand above those of the thumb. */
  #band(time: number): void {
    const { fromMs, toMs, violation, nodes } = this.#model.data;
    const inset = 8;
    const { draw, width } = sized(this.#marks, 18);
    const x = (at: number): number => inset + ((at - fromMs) / Math.max(1, toMs - fromMs)) * (width - 2 * inset);
    draw.fillStyle = colour('faint');
    draw.fillRect(inset, 6, width - 2 * inset, 7);
    for (const [index] of nodes.entries()) {
      for (const { start, end, state, role } of this.#model.spans[index] ?? []) {
        if (role !== LEADER || state === 0) continue;
        draw.fillStyle = colour(state === 1 ? 'accent' : 'held');
        draw.globalAlpha = index % 2 === 0 ? 0.95 : 0.6;
        draw.fillRect(x(start), 6, Math.max(1, x(end) - x(start)), 7);
      }
    }
    draw.globalAlpha = 1;
    draw.fillStyle = colour('warn');
    for (const at of this.#model.faultTimes) draw.fillRect(x(at) - 0.5, 0, 1.5, 5);
    if (violation !== null) {
      draw.fillStyle = colour('bad');
      draw.beginPath();
      draw.moveTo(x(violation.time) - 7, 0);
      draw.lineTo(x(violation.time) + 7, 0);
      draw.lineTo(x(violation.time), 17);
      draw.fill();
    }
    draw.fillStyle = colour('ink');
    draw.fillRect(x(time) - 1, 4, 2, 14);
  }
}

interface Span {
  readonly start: number;
  readonly end: number;
}

const spansOf = new WeakMap<Model, Span[]>();

/** From the first path cut to the last one healed. */
function cutSpans(model: Model): Span[] {
  const known = spansOf.get(model);
  if (known !== undefined) return known;
  const spans: Span[] = [];
  const cut = new Set<string>();
  let since = 0;
  for (const [time, from, to, state] of model.data.linkChanges) {
    const before = cut.size;
    if (state === 1) cut.add(`${from}/${to}`);
    else cut.delete(`${from}/${to}`);
    if (before === 0 && cut.size > 0) since = time;
    if (before > 0 && cut.size === 0) spans.push({ start: since, end: time });
  }
  if (cut.size > 0) spans.push({ start: since, end: model.data.toMs });
  spansOf.set(model, spans);
  return spans;
}
