/** `npm run sim:hosts`: nodes as built, on hosts made of network namespaces, and what happens to such hosts. */
import { parseArgs } from 'node:util';
import { lanProblem } from '../../sim/hosts/lan.ts';
import { cases } from './cases/index.ts';
import { play, type World } from './support/world.ts';

const HELP = `npm run sim:hosts -- [options]
  --list          names of the cases and what they are about
  --only NAMES    only these (a,b)
  --times N       each of them so often
  --keep          after each case leave everything as it is, until Ctrl-C
Needs Linux, root (or CAP_NET_ADMIN and CAP_SYS_ADMIN), the programs ip, nft and nsenter, and dist/ (npm run build).
Exit codes: 0 all passed, 1 one failed, 2 wrong arguments, 77 not possible here.`;
const NOT_POSSIBLE = 77;

interface HostArguments {
  readonly list: boolean;
  /** Undefined: all of them. */
  readonly names: readonly string[] | undefined;
  readonly times: number;
  readonly keep: boolean;
  readonly help: boolean;
}

/** @throws Error in words for people. */
function readArguments(args: readonly string[]): HostArguments {
  const yes = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({ args: [...args], options: { list: yes, only: { type: 'string' }, times: { type: 'string', default: '1' }, keep: yes, help: yes } });
  const names = values.only?.split(',');
  const unknown = names?.find((name) => cases.every((one) => one.name !== name));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: there is no case of this name. Known: ${cases.map(({ name }) => name).join(', ')}`);
  const times = Number(values.times);
  if (!Number.isInteger(times) || times < 1) throw new Error(`--times ${values.times}: expected a whole number from 1`);
  return { list: values.list, names, times, keep: values.keep, help: values.help };
}

/** Until Ctrl-C, which ends the process. */
async function stay({ lan, cluster }: World): Promise<void> {
  process.stdout.write(`Left as it is until Ctrl-C. Data and ledger in ${cluster.root}\n`);
  for (const host of lan.hosts) process.stdout.write(`  ${host.name} ${host.address}: ${host.prefix.join(' ')} sh\n`);
  for (const node of cluster.alive) process.stdout.write(`  ${node.name}: node dist/node.js status --data-dir ${node.dataDir}\n`);
  const nothing = setInterval(() => undefined, 60_000);
  await new Promise(() => nothing);
}

async function main(): Promise<number> {
  let values: HostArguments;
  try {
    values = readArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${HELP}\n`);
    return 2;
  }
  if (values.help) return tell(HELP, 0);
  if (values.list) return tell(cases.map(({ name, what, long }) => `${name.padEnd(18)}${what}${long === true ? ' (long)' : ''}`).join('\n'), 0);
  const problem = lanProblem();
  if (problem !== false) return tell(`not possible here: ${problem}`, NOT_POSSIBLE);
  let failed = 0;
  for (const one of cases.filter(({ name }) => values.names?.includes(name) ?? true)) {
    const lacking = one.impossible?.() ?? false;
    if (lacking !== false) tell(`- ${one.name}: ${lacking}`, 0);
    for (let time = 0; time < (lacking === false ? values.times : 0); time += 1) {
      const began = performance.now();
      const failure = await play(one, values.keep ? stay : undefined).then(() => undefined, (error: Error) => error);
      if (failure !== undefined) failed += 1;
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      tell(failure === undefined ? `✔ ${one.name} (${seconds} s)` : `✖ ${one.name} (${seconds} s)\n${failure.stack}`, 0);
    }
  }
  return failed === 0 ? 0 : 1;
}

function tell(text: string, code: number): number {
  process.stdout.write(`${text}\n`);
  return code;
}

process.exitCode = await main();
