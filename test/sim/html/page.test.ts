/** Goal: the page is one file that needs nothing else, whatever is in its data. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { embeddedJson, renderPage } from '../../../sim/html/page.ts';
import type { ReplayData } from '../../../sim/html/data.ts';
import { recordSeed } from './support/recorded.ts';

const { data, cluster } = recordSeed({ seed: '10', minutes: 0.3 });

function dataOf(page: string): ReplayData {
  return JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)?.[1] ?? '') as ReplayData;
}

test('self-contained: it loads nothing, and says so to the browser', () => {
  const page = renderPage(data);
  assert.doesNotMatch(page.replaceAll('http://www.w3.org/2000/svg', ''), /https?:\/\/|<link [^>]*href="(?!data:)|<script[^>]* src=|@import|url\(/);
  assert.match(page, /Content-Security-Policy" content="default-src 'none'/);
  assert.ok(!page.includes('{{'), 'every part of the template is filled in');
  assert.deepEqual(dataOf(page), JSON.parse(JSON.stringify(data)));
  assert.ok(page.length < 600_000, `${page.length}`);
});

test('text in the data cannot leave its place', () => {
  const nasty = '</script><script>alert(1)</script><!-- \u2028 & "';
  const page = renderPage({ ...data, seed: nasty, options: nasty });
  assert.equal(page.match(/<\/script>/g)?.length, 2);
  assert.equal(dataOf(page).options, nasty);
  assert.doesNotMatch(/<title>[^]*<\/title>/.exec(page)?.[0] ?? '', /<script/);
  assert.equal(JSON.parse(embeddedJson(nasty)), nasty);
});

test('what it holds is what happened', () => {
  assert.equal(data.nodes.length, cluster.nodes.length);
  const last = (node: number): readonly number[] => data.nodeChanges.findLast((change) => change[1] === node) ?? [];
  for (const { index, replica } of cluster.nodes) {
    assert.equal(last(index)[4], replica?.raft.term ?? 0);
    assert.equal(last(index)[6], replica?.raft.commitIndex ?? 0);
  }
  const executions = [...cluster.ledger.records()];
  assert.equal(data.executions.length, executions.length);
  assert.ok(executions.length > 10 && data.runs.length > 3);
  const succeeded = data.executions.filter((span) => span[5] === 1).length;
  assert.equal(succeeded, executions.filter(({ end, ok }) => end === 'finished' && ok).length);
  for (const list of [data.nodeChanges, data.linkChanges, data.moduleChanges, data.events]) assert.ok(list.every((change, i) => i === 0 || change[0] >= (list[i - 1]?.[0] ?? 0)), 'in order of time');
  const cutNow = cluster.network.hosts.flatMap((from) => cluster.network.hosts.filter((to) => cluster.network.isBlocked(from, to)).map((to) => `${from.index}/${to.index}`));
  const stand = new Map(data.linkChanges.map(([, from, to, state]) => [`${from}/${to}`, state]));
  assert.deepEqual([...stand].filter(([, state]) => state === 1).map(([path]) => path).sort(), cutNow.sort());
});
