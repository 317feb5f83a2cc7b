/**
 * Runs a scenario file: a whole in-memory cell driven through `step`, with everything it does as recorded output.
 *
 *   new voters=(A,B,C) [standbys=(D)] [others=(E)]    quiet | loud               what is recorded; default loud
 *   campaign A       others stop hearing a leader, then A alone has its timeout    elect A    campaign and settle, quietly
 *   settle [A B …]   deliver and sync among these until nothing is left to do      deliver [A …]   sync A   drop [A …]
 *   advance MS       time passes, all is delivered; records what is notable        tick A
 *   propose A x y    change A voters=() standbys=() removed=()     transfer A B    read A 1
 *   crash A [lucky=N]   restart A   disk A terms=(1,1,2) [term=N]   cut A B   isolate A   heal   link B A gone
 *   compact A        snapshot A D    A's snapshot arrives at D      log A          status
 */
import type { MemberId } from '../../../../src/core/lib/ids.ts';
import type { Entry, LinkState, RaftEffect } from '../../../../src/core/raft/types.ts';
import { Cell, type Inputs } from './cell.ts';
import { parseScript, type Directive, type Script } from './datadriven.ts';
import { describeConfig, describeEffect, describeEntry, describeInput } from './describe.ts';

type Detail = 'all' | 'notable' | 'none';
const NOTABLE: ReadonlySet<RaftEffect['type']> = new Set(['role', 'commit', 'alarm', 'sendSnapshot', 'redial', 'refused', 'readReady', 'readFailed']);

export function runScenario(text: string): { readonly script: Script; readonly outputs: readonly string[] } {
  const script = parseScript(text);
  const runner = new Runner();
  return { script, outputs: script.directives.map((directive) => runner.run(directive)) };
}

class Runner {
  #cell = new Cell({ voters: 'A' });
  #lines: string[] = [];
  #detail: Detail = 'all';
  #loud = true;

  run(directive: Directive): string {
    this.#lines = [];
    this.#detail = this.#loud ? 'all' : 'none';
    try {
      this.#perform(directive);
    } catch (error) {
      throw new Error(`line ${directive.line}: ${directive.input}: ${error instanceof Error ? error.message : String(error)}\n${this.#lines.join('\n')}`, { cause: error });
    }
    return this.#lines.length === 0 ? 'ok' : this.#lines.join('\n');
  }

  #perform({ command, args, options }: Directive): void {
    const cell = this.#cell;
    const [first = '', second = ''] = args;
    const among = args.length === 0 ? cell.everybody : args.join('');
    const letters = (name: string): string => (options.get(name) ?? []).join('');
    const actions: Record<string, () => unknown> = {
      new: () => this.#found(letters('voters'), letters('standbys'), letters('others')),
      quiet: () => (this.#loud = false),
      loud: () => (this.#loud = true),
      campaign: () => cell.campaign(first),
      elect: () => this.#notable(() => cell.elect(first)),
      settle: () => cell.settle(among),
      deliver: () => cell.deliver(among),
      sync: () => cell.sync(first),
      drop: () => this.#lines.push(`dropped ${cell.drop(among)}`),
      advance: () => this.#notable(() => cell.advance(Number(first))),
      tick: () => cell.tick(first),
      propose: () => cell.propose(first, ...args.slice(1)),
      change: () => cell.change(first, letters('voters'), letters('standbys'), letters('removed')),
      transfer: () => cell.transfer(first, second),
      read: () => cell.step(first, { type: 'readIndex', id: Number(second) }),
      crash: () => cell.crash(first, Number(options.get('lucky')?.[0] ?? 0)),
      restart: () => cell.restart(first),
      disk: () => this.#writeDisk(first, (options.get('terms') ?? []).map(Number), options.get('term')?.[0]),
      cut: () => cell.cut(first, second),
      isolate: () => cell.isolate(first),
      heal: () => cell.heal(),
      link: () => cell.link(first, second, args[2] as LinkState),
      compact: () => cell.compact(first),
      snapshot: () => this.#snapshot(first, second),
      log: () => this.#showLog(first),
      status: () => this.#showStatus(),
    };
    const action = actions[command];
    if (action === undefined) throw new Error(`unknown command ${command}`);
    action();
  }

  #found(voters: string, standbys: string, others: string): void {
    this.#cell = new Cell({ voters, standbys, others });
    this.#cell.onStep = (id, input, effects) => this.#record(id, input, effects);
  }

  #notable(run: () => void): void {
    if (this.#loud) this.#detail = 'notable';
    run();
  }

  #record(id: MemberId, input: Inputs, effects: readonly RaftEffect[]): void {
    if (this.#detail === 'none') return;
    if (this.#detail === 'all') {
      this.#lines.push(`${id} ${describeInput(input)}`);
      for (const effect of effects) for (const line of describeEffect(effect)) this.#lines.push(`    ${line}`);
      return;
    }
    for (const effect of effects) if (NOTABLE.has(effect.type)) this.#lines.push(`${this.#cell.now} ${id} ${describeEffect(effect).join(' ')}`);
  }

  /** Replaces the log after Genesis by entries of these terms, as if they had been written in an earlier life. */
  #writeDisk(id: string, terms: readonly number[], term: string | undefined): void {
    const { disk } = this.#cell.member(id);
    const genesis = disk.entries[0]!;
    const entries = terms.map((entryTerm, position): Entry => ({ index: position + 2, term: entryTerm, kind: 'command', data: new TextEncoder().encode(`${entryTerm}.${position + 2}`) }));
    disk.entries = [genesis, ...entries];
    disk.hard = { term: Number(term ?? entries.at(-1)?.term ?? genesis.term), votedFor: '' };
    this.#cell.restart(id);
  }

  #snapshot(from: string, to: string): void {
    const { term, snapshot } = this.#cell.raft(from);
    this.#cell.step(to, { type: 'snapshotArrived', from: from as MemberId, term, meta: snapshot });
  }

  #showLog(id: string): void {
    const raft = this.#cell.raft(id);
    if (raft.snapshot.index > 0) this.#lines.push(`snapshot ${raft.snapshot.index}/${raft.snapshot.term} ${describeConfig(raft.snapshot.config)}`);
    for (const entry of raft.entries(raft.snapshot.index + 1, raft.lastIndex)) this.#lines.push(describeEntry(entry));
  }

  #showStatus(): void {
    for (const { id, raft, up } of this.#cell.members.values()) {
      this.#lines.push(`${id} ${up ? raft.role : 'down'} t${raft.term} leader ${raft.leader === '' ? '-' : raft.leader} log ${raft.lastIndex}/${raft.lastTerm} commit ${raft.commitIndex} ${describeConfig(raft.config)}`);
    }
  }
}
