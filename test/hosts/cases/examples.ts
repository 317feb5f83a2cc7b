/** The examples on hosts that share no files, with a node killed in the middle: the right bytes come out. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { accuracyOf, averageOf, firstNetwork, train, type Network } from '../../../examples/train/network.ts';
import { normalise, spirals } from '../../../examples/train/rows.ts';
import type { BlobFilesJson, BlobListJson, RunJson } from '../../../src/io/http/views.ts';
import { runCli } from '../../e2e/support/cli.ts';
import type { TestNode } from '../../e2e/support/test-node.ts';
import { until } from '../../e2e/support/until.ts';
import type { HostCase, World } from '../support/world.ts';

const RUN_MS = 60_000;

const examples = fileURLToPath(new URL('../../../examples', import.meta.url));

/** Of all that was made a copy must be somewhere else before its maker dies: else it is made again, after a while, which is another test's business. */
async function copied({ cluster }: World, { moduleList }: RunJson): Promise<void> {
  const wanted: string[] = [];
  for (const { cid, kind } of moduleList.flatMap(({ files }) => Object.values(files))) {
    wanted.push(cid);
    if (kind === 'tree') wanted.push(...(await cluster.alive[0]!.get<BlobFilesJson>(`/api/v1/blobs/${cid}/files`)).files.map((file) => file.cid));
  }
  await until('two nodes have what was made', async () => {
    const lists = await Promise.all(cluster.alive.map(async (node) => new Set((await node.get<BlobListJson>('/api/v1/blobs')).blobs.map(({ cid }) => cid))));
    return wanted.every((cid) => lists.filter((list) => list.has(cid)).length >= 2);
  });
}

async function begin({ cluster }: World, contact: TestNode, name: string, params: readonly string[] = []): Promise<string> {
  const cli = await runCli(cluster, ['run', join(examples, name), '-d', '--data-dir', contact.dataDir, ...params.flatMap((param) => ['-p', param])]);
  assert.equal(cli.code, 0, cli.stderr);
  return cli.stdout.trim();
}

/** @returns the folder with what the run left. */
async function end({ cluster }: World, contact: TestNode, runId: string): Promise<{ readonly folder: string; readonly run: RunJson }> {
  let run = await contact.get<RunJson>(`/api/v1/runs/${runId}`);
  await until(`run ${runId} is final`, async () => {
    run = await contact.get<RunJson>(`/api/v1/runs/${runId}`);
    return run.finishedAt === null ? undefined : run;
  }, RUN_MS).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${JSON.stringify(run.moduleList.map(({ name, phase, node, startedAt, note }) => [name, phase, node, startedAt, note]))}`);
  });
  assert.equal(run.phase, 'succeeded', JSON.stringify(run.moduleList.map(({ name, phase, error }) => [name, phase, error])));
  const folder = join(cluster.root, 'downloaded');
  const cli = await runCli(cluster, ['runs', 'download', runId, '--data-dir', contact.dataDir, '--out', folder]);
  assert.equal(cli.code, 0, cli.stderr);
  return { folder, run };
}

/** Modules that somebody executes now. */
function busy({ moduleList }: RunJson, modules: RegExp): RunJson['moduleList'] {
  return moduleList.filter(({ name, phase }) => (phase === 'claimed' || phase === 'running') && modules.test(name));
}

/** Waits until somebody but the contact executes one of these, and kills that node. */
async function killWorker(world: World, contact: TestNode, runId: string, modules: RegExp): Promise<void> {
  const { cluster } = world;
  const others = (run: RunJson): RunJson['moduleList'] => busy(run, modules).filter(({ node }) => node !== contact.name);
  const run = await cluster.run(runId, `somebody else executes ${modules}`, (seen) => others(seen).length > 0, contact);
  await copied(world, run);
  await cluster.kill(cluster.alive.find(({ name }) => name === others(run)[0]!.node)!);
}

function json(folder: string, file: string): unknown {
  return JSON.parse(readFileSync(join(folder, file), 'utf8'));
}

function missing(...programs: readonly string[]): string | false {
  const found = (program: string): boolean => {
    try {
      execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  };
  const gone = programs.filter((program) => !found(program));
  return gone.length === 0 ? false : `needs ${gone.join(' and ')}`;
}

/** One compiler call after the other, on this machine. */
function builtHere(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'skein-build-'));
  const source = join(examples, 'build/src');
  try {
    execFileSync('sh', ['-c', `for c in "${source}"/*.c; do n=$(basename "$c" .c); gcc -std=c99 -Wall -O2 -ffile-prefix-map="${source}"=. -frandom-seed=$n -c "$c" -o $n.o || exit 1; done; LC_ALL=C; export LC_ALL; gcc -Wl,--build-id=none -o lisp *.o`], { cwd: folder });
    return readFileSync(join(folder, 'lisp'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const build: HostCase = {
  name: 'example-build',
  what: 'a C program built on three hosts, one of which dies with what it has compiled: the binary is that of a serial build, byte for byte',
  hosts: 3,
  slots: 1,
  profile: 'test',
  impossible: () => missing('gcc'),
  async body(world) {
    const { cluster } = world;
    const [contact] = cluster.alive as [TestNode];
    const runId = await begin(world, contact, 'build');
    await cluster.run(runId, 'has objects', ({ modules }) => modules.succeeded >= 4, contact);
    await contact.ask('POST', `/api/v1/runs/${runId}:pause`, {});
    const half = await cluster.run(runId, 'rests', ({ modules }) => modules.claimed === 0, contact);
    assert.ok(half.modules.succeeded < half.modules.total, 'it is not over');
    await copied(world, half);
    const made = (node: TestNode): number => half.moduleList.filter(({ node: maker, phase }) => phase === 'succeeded' && maker === node.name).length;
    const [victim] = cluster.others(contact).toSorted((a, b) => made(b) - made(a));
    assert.ok(made(victim!) > 0, 'it has compiled something');
    await cluster.kill(victim!);
    await contact.ask('POST', `/api/v1/runs/${runId}:resume`, {});
    const { folder, run } = await end(world, contact, runId);
    const binary = readFileSync(join(folder, 'test/program/lisp'));
    assert.deepEqual(binary, builtHere());
    assert.equal(run.moduleList.find(({ name }) => name === 'test')?.values['sha256'], createHash('sha256').update(binary).digest('hex'));
    assert.equal(readFileSync(join(folder, 'test/answer/answer'), 'utf8'), '(2 3 5 7 11 13 17 19 23 29 31 37 41 43 47 53 59)\n277050\n524\n');
  },
};

const four = /^(image|audio|translation|format)$/;

const story: HostCase = {
  name: 'example-story',
  long: true,
  what: 'generator, analyser, hub, four at the same time, aggregator; a node dies with one of the four: one document with all of it',
  hosts: 3,
  slots: 2,
  profile: 'test',
  async body(world) {
    const [contact] = world.cluster.alive as [TestNode];
    const runId = await begin(world, contact, 'story', ['pace=3000', 'prompt=A space adventure about robots']);
    await world.cluster.run(runId, 'all four at once', (run) => busy(run, four).length === 4, contact);
    await killWorker(world, contact, runId, four);
    const { folder } = await end(world, contact, runId);
    const document = json(folder, 'aggregate/document/story.json') as { prompt: string; story: string; analysis: { sentences: number }; results: Record<string, Record<string, unknown>>; timings: Record<string, { durationMs: number }> };
    assert.equal(document.prompt, 'A space adventure about robots');
    assert.equal(document.analysis.sentences, 12);
    assert.match(document.story, /^This is a space adventure about robots\. /);
    assert.deepEqual(Object.keys(document.results), ['image', 'audio', 'translation', 'format']);
    assert.deepEqual(Object.keys(document.timings).toSorted(), ['analyse', 'audio', 'format', 'generate', 'image', 'translation']);
    for (const name of ['image', 'audio', 'translation', 'format']) assert.ok(document.timings[name]!.durationMs >= 3000);
    assert.equal(readFileSync(join(folder, 'audio/sound/sound.wav')).length, 44 + 12 * 2000 * 2);
    assert.match(readFileSync(join(folder, 'image/picture/picture.svg'), 'utf8'), /^<svg [^]*<\/svg>\n$/);
  },
};

const training = { samples: 4000, shards: 4, rounds: 2, epochs: 80 };

/** The same arithmetic in this process. */
function trainedHere(): { readonly network: Network; readonly accuracy: number } {
  const { samples, shards, rounds, epochs } = training;
  const rows = normalise(spirals(samples, 1));
  const rest = rows.filter((_, at) => at % 5 !== 0);
  let network = firstNetwork(1);
  for (let round = 1; round <= rounds; round++) {
    const start = network;
    network = averageOf(Array.from({ length: shards }, (_, at) => train(start, rest.filter((__, row) => row % shards === at), { epochs, seed: 1009 + round * 101 + at + 1 }).network));
  }
  return { network, accuracy: accuracyOf(network, rows.filter((_, at) => at % 5 === 0)) };
}

const learning: HostCase = {
  name: 'example-train',
  long: true,
  what: 'a network is trained by shards on three hosts, one of which dies while it trains: every weight is that of one machine alone',
  hosts: 3,
  slots: 2,
  profile: 'test',
  async body(world) {
    const [contact] = world.cluster.alive as [TestNode];
    const runId = await begin(world, contact, 'train', Object.entries(training).map(([name, value]) => `${name}=${value}`));
    await killWorker(world, contact, runId, /^train-/);
    const { folder } = await end(world, contact, runId);
    const { network, accuracy } = trainedHere();
    assert.deepEqual(json(folder, 'evaluate/model/model.json'), network);
    assert.ok(accuracy > 0.98, `accuracy ${accuracy}`);
    assert.equal((json(folder, 'evaluate/report/report.json') as { accuracy: number }).accuracy, Number(accuracy.toFixed(4)));
  },
};

interface Probe {
  readonly streams: readonly { readonly codec_name: string; readonly width: number; readonly height: number; readonly nb_read_frames: string }[];
  readonly format: { readonly duration: string };
}

/** Every picture is decoded. */
function probe(film: string): Probe {
  const text = execFileSync('ffprobe', ['-v', 'error', '-select_streams', 'v:0', '-count_frames', '-show_entries', 'stream=codec_name,width,height,nb_read_frames:format=duration', '-of', 'json', film], { encoding: 'utf8' });
  return JSON.parse(text) as Probe;
}

const SECONDS = 5;

const transcode: HostCase = {
  name: 'example-transcode',
  long: true,
  what: 'a film of whoever submits, cut, encoded in parts on three hosts, joined; a node dies while it encodes, and one without ffmpeg is never asked',
  hosts: 4,
  size: 3,
  slots: 1,
  profile: 'test',
  impossible: () => missing('ffmpeg', 'ffprobe'),
  async body(world) {
    const { cluster } = world;
    const bare = join(cluster.root, 'bare');
    mkdirSync(bare);
    for (const program of ['sh', 'nsenter']) symlinkSync(execFileSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).trim(), join(bare, program));
    const without = await cluster.launch('n3', { env: { PATH: bare } });
    await until('it is there', async () => (await without.status()).nodes === 4);
    const [contact] = cluster.alive as [TestNode];
    const source = join(cluster.root, 'a film.mkv');
    execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25', '-f', 'lavfi', '-i', 'sine', '-t', String(SECONDS), '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '25', '-pix_fmt', 'yuv420p', '-c:a', 'aac', source]);
    const runId = await begin(world, contact, 'transcode', [`src=${source}`, 'scenario=720p-h264', 'part=1']);
    const explained = await contact.get<{ readonly nodes: readonly { readonly node: string; readonly verdict: string; readonly text: string }[] }>(`/api/v1/runs/${runId}/modules/join/explain`);
    assert.deepEqual(explained.nodes.filter(({ verdict }) => verdict === 'unfit').map(({ node, text }) => [node, text]), [['n3', 'lacks tool ffmpeg >=4']]);
    await killWorker(world, contact, runId, /^encode\[/);
    const { folder, run } = await end(world, contact, runId);
    assert.ok(run.moduleList.every(({ node }) => node !== 'n3'));
    const { streams, format } = probe(join(folder, 'join/film/film.mp4'));
    assert.deepEqual(streams, [{ codec_name: 'h264', width: 1280, height: 720, nb_read_frames: String(25 * SECONDS) }]);
    assert.ok(Math.abs(Number(format.duration) - SECONDS) < 0.1, format.duration);
  },
};

export const exampleCases: readonly HostCase[] = [build, story, learning, transcode];
