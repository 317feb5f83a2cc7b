/** Two spirals in a plane, told apart by a network with one hidden layer: made, trained by shards, averaged, tried. */
import { copyFile, readFile, rename, writeFile } from 'node:fs/promises';
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

interface Progress {
  readonly epoch: number;
  readonly network: Network;
}

/** Some passes over one shard, from the weights that all shards agreed on, or from where an execution stopped that was lost. */
export async function trainShard({ inputs, env, params, checkpointDir, log }: ModuleContext): Promise<{ loss: number }> {
  const rows = decodeRows(await readFile(path.join(inputs['SHARDS'] ?? '', `shard-${env['SHARD']}.bin`)));
  const start = inputs['WEIGHTS'] === undefined ? firstNetwork(Number(params['seed'])) : await readNetwork(inputs['WEIGHTS']);
  const file = path.join(checkpointDir, 'progress.json');
  const epochs = Number(params['epochs']);
  const seed = Number(params['seed']) * 1009 + Number(env['ROUND']) * 101 + Number(env['SHARD']);
  let { epoch, network }: Progress = await readFile(file, 'utf8').then((text) => JSON.parse(text) as Progress, () => ({ epoch: 0, network: start }));
  if (epoch > 0) log(`goes on after epoch ${epoch}`);
  let loss = 0;
  for (; epoch < epochs; ) {
    ({ network, loss } = train(network, rows, { epochs: epoch + 1, from: epoch, seed }));
    epoch += 1;
    // Under its name only when it is whole.
    await writeFile(`${file}.new`, JSON.stringify({ epoch, network } satisfies Progress));
    await rename(`${file}.new`, file);
  }
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
