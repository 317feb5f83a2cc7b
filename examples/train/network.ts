/** A network with one hidden layer, trained by steps down the gradient. Only + − × ÷ and roots: the same bits on every machine. */
import { numbersFrom, type Row } from './rows.ts';

const HIDDEN = 24;
const RATE = 0.15;

export interface Network {
  /** Per hidden unit: for x, for y, and what is added. */
  readonly hidden: readonly (readonly [number, number, number])[];
  readonly output: readonly number[];
  readonly bias: number;
}

export function firstNetwork(seed: number): Network {
  const random = numbersFrom(seed + 7);
  const around = (): number => (random() - 0.5) * 3;
  return { hidden: Array.from({ length: HIDDEN }, () => [around(), around(), around()] as const), output: Array.from({ length: HIDDEN }, () => around() / 3), bias: 0 };
}

/** Like tanh, without it: engines may differ in its last bit. */
function squash(value: number): number {
  return value / Math.sqrt(1 + value * value);
}

/** 0 to 1. */
function sigmoid(value: number): number {
  return (1 + squash(value)) / 2;
}

function answer({ hidden, output, bias }: Network, { x, y }: Row): { readonly units: readonly number[]; readonly value: number } {
  const units = hidden.map(([a, b, c]) => squash(a * x + b * y + c));
  return { units, value: units.reduce((sum, unit, at) => sum + unit * (output[at] ?? 0), bias) };
}

/** @returns the network after `epochs` passes, and the mean square error of the last one. */
export function train(start: Network, rows: readonly Row[], { epochs, seed, from = 0 }: { readonly epochs: number; readonly seed: number; readonly from?: number }): { readonly network: Network; readonly loss: number } {
  const hidden = start.hidden.map((weights) => [...weights] as [number, number, number]);
  const output = [...start.output];
  const network = { hidden, output, bias: start.bias };
  let loss = 0;
  for (let epoch = from; epoch < epochs; epoch++) {
    // Of each epoch its own: whoever begins in the middle draws what it would have drawn.
    const random = numbersFrom(seed + 7919 * epoch);
    loss = 0;
    for (let step = 0; step < rows.length; step++) {
      const row = rows[Math.floor(random() * rows.length)];
      if (row === undefined) continue;
      const { units, value } = answer(network, row);
      const error = sigmoid(value) - row.label;
      loss += error * error;
      const slope = RATE * error;
      for (const [at, unit] of units.entries()) {
        const weights = hidden[at];
        if (weights === undefined) continue;
        const own = 1 - unit * unit;
        const back = slope * (output[at] ?? 0) * own * Math.sqrt(own);
        output[at] = (output[at] ?? 0) - slope * unit;
        weights[0] -= back * row.x;
        weights[1] -= back * row.y;
        weights[2] -= back;
      }
      network.bias -= slope;
    }
  }
  return { network, loss: rows.length === 0 ? 0 : loss / rows.length };
}

export function averageOf(networks: readonly Network[]): Network {
  const mean = (pick: (network: Network) => number): number => networks.reduce((sum, network) => sum + pick(network), 0) / networks.length;
  const [first] = networks;
  if (first === undefined) throw new Error('there is nothing to average');
  return {
    hidden: first.hidden.map((_, at) => [mean(({ hidden }) => hidden[at]?.[0] ?? 0), mean(({ hidden }) => hidden[at]?.[1] ?? 0), mean(({ hidden }) => hidden[at]?.[2] ?? 0)] as const),
    output: first.output.map((_, at) => mean(({ output }) => output[at] ?? 0)),
    bias: mean(({ bias }) => bias),
  };
}

/** Share of the rows that are told right. */
export function accuracyOf(network: Network, rows: readonly Row[]): number {
  return rows.filter((row) => (answer(network, row).value > 0 ? 1 : 0) === row.label).length / rows.length;
}
