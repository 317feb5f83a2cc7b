/** Goal: whoever reads the timeline knows who led, what was broken and where each module went; telling it changes nothing. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Recording } from '../../../sim/html/recording.ts';
import { drawOptions, type SimArguments } from '../../../sim/options.ts';
import { Simulation, simulate } from '../../../sim/run.ts';
import { steadyCluster, busyWorkload, leaderOf } from '../../../sim/scenarios/steady.ts';
import type { TimelineEvent } from '../../../sim/timeline/events.ts';
import { formatEvent, LastEvents } from '../../../sim/timeline/format.ts';
import { Timeline } from '../../../sim/timeline/timeline.ts';

test('the history is the same with a timeline and a recording as without', () => {
  const args: SimArguments = { seed: '11', nodes: 5, minutes: 0.2 };
  const plain = simulate(args);
  const told = new Simulation(args, drawOptions(args));
  const recording = new Recording(told.cluster, new Timeline(told.cluster));
  told.run();
  assert.equal(told.result(1).hash, plain.hash);
  assert.ok(recording.finish({ seed: '11', options: '', replay: '' }, { violation: undefined, outcome: { kind: 'good', text: '' }, summary: [] }).events.length > 20);
});

function tellCrashOfLeader(): { readonly events: readonly TimelineEvent[]; readonly leader: string; readonly next: string } {
  const cluster = steadyCluster({ seed: 'timeline' });
  const events: TimelineEvent[] = [];
  const timeline = new Timeline(cluster, cluster.kernel.now);
  timeline.listen((event) => events.push(event));
  busyWorkload(cluster);
  const leader = leaderOf(cluster);
  cluster.crashNode(leader, 'power');
  assert.ok(cluster.runUntil(() => cluster.leader() !== undefined, 20_000));
  cluster.run(8000);
  return { events, leader: leader.name, next: leaderOf(cluster).name };
}

const story = tellCrashOfLeader();

test('a crash of the leader: who took over, how long nobody led, which modules moved', () => {
  const { events, leader, next } = story;
  const texts = (kind: string): string[] => events.filter((event) => event.kind === kind).map(({ who, text }) => `${who} ${text}`);
  assert.ok(texts('fault').includes(`${leader} loses power`));
  const [change] = texts('leader');
  assert.match(change ?? '', new RegExp(`^${next} leads in term \\d+; nobody led for \\d+ ms; before it ${leader} for [\\d.]+ s in term \\d+ \\([1-9]\\d* claims, [1-9]\\d* results\\)$`));
  const plans = texts('plan');
  assert.ok(plans.some((text) => /^n\d plans pipeline-\d#\w+: m\d → n\d \(fence \d+\.\d+\)/.test(text)), plans[0]);
  assert.ok(plans.some((text) => text.includes(`moved from ${leader}`)), 'what the dead node held goes elsewhere');
  assert.ok(texts('result').some((text) => /#\w+: m\d succeeded on n\d \(fence \d+\.\d+\)$/.test(text)));
  assert.ok(texts('run').some((text) => /accepted: \d+ modules?$/.test(text)) && texts('run').some((text) => /succeeded after [\d.]+ s$/.test(text)));
  assert.ok(texts('client').some((text) => /^c\d submit …\w{4}: accepted as #\w+ \(\d+ ms\)$/.test(text)));
});

test('every line is aligned, begins with its time, and shows how each node stood', () => {
  const { events, leader } = story;
  const lines = events.map((event) => formatEvent(event));
  for (const line of lines) assert.match(line, /^ *\d+\.\d{4} s {2}[Lvcsw./z-]{5} {2}\S+ +\S+ +\S/);
  assert.ok(lines.every((line) => line.indexOf(' s  ') === 10));
  const index = Number(leader.slice(1)) - 1;
  assert.equal(events.find(({ kind }) => kind === 'leader')?.strip[index], '-', 'the dead node is shown as down');
  assert.ok(events.every((event, i) => i === 0 || event.time >= (events[i - 1]?.time ?? 0)));
});

test('the last lines are the last ones, without chatter', () => {
  const last = new LastEvents(3);
  const event = (time: number, kind: TimelineEvent['kind']): TimelineEvent => ({ time, kind, who: 'n1', text: '', strip: '' });
  for (let time = 1; time <= 6; time += 1) last.add(event(time, time === 5 ? 'detail' : 'plan'));
  assert.deepEqual(last.list().map(({ time }) => time), [3, 4, 6]);
});
