/** Two spirals in a plane, told apart by a network with one hidden layer: made, trained by shards, averaged, tried. */
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ModuleContext } from 'skein';
import { accuracyOf, averageOf, firstNetwork, train, type Network } from './network.ts';
import { decodeRows, encodeRows, normalise, spirals } from './rows.ts';

/** Of the data, for the evaluation. */
const TEST_SHARE = 5;

/** Makes the data, brings it to one scale, and cuts it into shards. */
export async function preprocess({ params }: ModuleContext): Promise<{ rows: number; test: number }> {
  const shards = Number(params['shards']);
  const rows = normalise(spirals(Number(params['samples']), Number(params['seed'])));
  const test = rows.filter((_, at) => at % TEST_SHARE === 0);
  const rest = rows.filter((_, at) => at % TEST_SHARE !== 0);
  for (let shard = 1; shard <= shards; shard++) await writeFile(`shard-${shard}.bin`, encodeRows(rest.filter((_, at) => at % shards === shard - 1)));
  await writeFile('test.bin', encodeRows(test));
  return { rows: rest.length, test: test.length };
}

/** Some passes over one shard, from the weights that all shards agreed on. */
export async function trainShard({ inputs, env, params, log }: ModuleContext): Promise<{ loss: number }> {
  const rows = decodeRows(await readFile(path.join(inputs['SHARDS'] ?? '', `shard-${env['SHARD']}.bin`)));
  const start = inputs['WEIGHTS'] === undefined ? firstNetwork(Number(params['seed'])) : await readNetwork(inputs['WEIGHTS']);
  const { network, loss } = train(start, rows, { epochs: Number(params['epochs']), seed: Number(params['seed']) * 1009 + Number(env['ROUND']) * 101 + Number(env['SHARD']) });
  log(`round ${env['ROUND']}, shard ${env['SHARD']}: ${rows.length} rows, loss ${loss.toFixed(4)}`);
  await writeFile('weights.json', JSON.stringify(network));
  return { loss };
}

export async function average({ inputs }: ModuleContext): Promise<void> {
  const names = Object.keys(inputs).toSorted((a, b) => Number(a.split('_')[1]) - Number(b.split('_')[1]));
  const networks: Network[] = [];
  for (const name of names) networks.push(await readNetwork(inputs[name] ?? ''));
  await writeFile('weights.json', JSON.stringify(averageOf(networks)));
}

export async function evaluate({ inputs }: ModuleContext): Promise<{ accuracy: number }> {
  const rows = decodeRows(await readFile(inputs['TEST'] ?? ''));
  const accuracy = accuracyOf(await readNetwork(inputs['WEIGHTS'] ?? ''), rows);
  await copyFile(inputs['WEIGHTS'] ?? '', 'model.json');
  await writeFile('report.json', `${JSON.stringify({ rows: rows.length, right: Math.round(accuracy * rows.length), accuracy: Number(accuracy.toFixed(4)) }, null, 2)}\n`);
  return { accuracy: Number(accuracy.toFixed(4)) };
}

async function readNetwork(file: string): Promise<Network> {
  return JSON.parse(await readFile(file, 'utf8')) as Network;
}
