/** The data: points of two spirals, and their form in files. */

export interface Row {
  readonly x: number;
  readonly y: number;
  /** Which of the two, 0 or 1. */
  readonly label: number;
}

/** Numbers from 0 to 1, the same everywhere for the same seed. */
export function numbersFrom(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Sine and cosine by steps of plain arithmetic: those of the engine may differ in the last bit from version to version. */
function onCircle(turns: number): { readonly sin: number; readonly cos: number } {
  let [sin, cos] = [0, 1];
  const steps = 64;
  const angle = (turns - Math.floor(turns)) * 2 * 3.141592653589793;
  const part = angle / steps;
  const [s, c] = [part - (part * part * part) / 6, 1 - (part * part) / 2 + (part * part * part * part) / 24];
  for (let step = 0; step < steps; step++) [sin, cos] = [sin * c + cos * s, cos * c - sin * s];
  return { sin, cos };
}

export function spirals(count: number, seed: number): Row[] {
  const random = numbersFrom(seed);
  return Array.from({ length: count }, () => {
    const label = random() < 0.5 ? 0 : 1;
    const along = random();
    const { sin, cos } = onCircle(along + label / 2);
    const radius = 0.2 + along * 3;
    return { x: radius * cos + (random() - 0.5) * 0.4, y: radius * sin + (random() - 0.5) * 0.4, label };
  });
}

/** Mean 0 and spread 1, so that no coordinate outweighs the other. */
export function normalise(rows: readonly Row[]): Row[] {
  const scaled = (values: readonly number[]): number[] => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) * (value - mean), 0) / values.length);
    return values.map((value) => (value - mean) / spread);
  };
  const [xs, ys] = [scaled(rows.map(({ x }) => x)), scaled(rows.map(({ y }) => y))];
  return rows.map(({ label }, at) => ({ x: xs[at] ?? 0, y: ys[at] ?? 0, label }));
}

const ROW_NUMBERS = 3;

/** Float64, little-endian, three to a row. */
export function encodeRows(rows: readonly Row[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(rows.length * ROW_NUMBERS * 8));
  for (const [at, { x, y, label }] of rows.entries()) [x, y, label].forEach((value, i) => view.setFloat64((at * ROW_NUMBERS + i) * 8, value, true));
  return new Uint8Array(view.buffer);
}

export function decodeRows(bytes: Uint8Array): Row[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const value = (at: number): number => view.getFloat64(at * 8, true);
  return Array.from({ length: bytes.byteLength / (ROW_NUMBERS * 8) }, (_, row) => ({ x: value(row * ROW_NUMBERS), y: value(row * ROW_NUMBERS + 1), label: value(row * ROW_NUMBERS + 2) }));
}
