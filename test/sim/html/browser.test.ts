/** Goal: the page works in a real browser, from a file: it plays, jumps, fits narrow and wide windows, loads nothing. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { renderPage } from '../../../sim/html/page.ts';
import { findChromium, startChromium, type Tab } from './support/chromium.ts';
import { recordSeed } from './support/recorded.ts';

const chromium = findChromium();
const skip = chromium === undefined ? 'there is no Chromium here' : false;

const isNumber = (value: unknown): value is number => typeof value === 'number';
const isString = (value: unknown): value is string => typeof value === 'string';

async function openPage(t: TestContext, seed: Parameters<typeof recordSeed>[0]): Promise<{ readonly tab: Tab; readonly data: ReturnType<typeof recordSeed>['data'] }> {
  const { data } = recordSeed(seed);
  const folder = mkdtempSync(path.join(tmpdir(), 'skein-page-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'page.html');
  writeFileSync(file, renderPage(data));
  const tab = await startChromium(t, chromium ?? '');
  await tab.size(1600, 1000);
  await tab.goTo(pathToFileURL(file).href);
  return { tab, data };
}

const time = (tab: Tab): Promise<number> => tab.evaluate('Number(document.getElementById("scrubber").value)', isNumber);
const text = (tab: Tab, id: string): Promise<string> => tab.evaluate(`document.getElementById("${id}").textContent`, isString);

test('keys, buttons and the scrubber move through the run; the violation is marked', { skip }, async (t) => {
  const { tab, data } = await openPage(t, { seed: '1', minutes: 0.3, violatedAtMs: 14_000 });
  assert.ok(data.violation !== null);
  assert.equal(await text(tab, 'verdict'), '✗ S3 violated at 14.000 s: made by hand');
  const [begin, first] = [await time(tab), data.events.find(([at]) => at > data.fromMs + 0.05)?.[0] ?? 0];
  await tab.press('ArrowRight');
  assert.equal(await time(tab), Math.round(first));
  await tab.press('ArrowLeft');
  assert.equal(await time(tab), begin);
  await tab.press('l');
  assert.match(await text(tab, 'leader'), /^★ n\d leads in term \d+, since /);
  await tab.press('v');
  assert.equal(await time(tab), Math.round(data.violation.time));
  assert.equal(await tab.evaluate('document.querySelectorAll("#event-list li.violation").length', isNumber), 1);
  await tab.press('Home');
  await tab.evaluate('document.getElementById("fault-next").click(), 1', isNumber);
  assert.ok((await time(tab)) > begin);
  await tab.press('Home');
  await tab.press(' ');
  assert.match(await text(tab, 'play'), /Pause/);
  const later = await tab.evaluate(`new Promise((resolve) => { const look = () => { const now = Number(document.getElementById("scrubber").value); if (now > ${begin} + 100) resolve(now); else requestAnimationFrame(look); }; look(); })`, isNumber);
  assert.ok(later > begin);
  await tab.press(' ');
  assert.match(await text(tab, 'play'), /Play/);
  assert.deepEqual(tab.complaints, []);
});

test('narrow and wide, light and dark: nothing sticks out, text stands out from its ground', { skip }, async (t) => {
  const { tab } = await openPage(t, { seed: '6', nodes: 9, minutes: 0.2 });
  for (const [width, height, dark] of [[390, 844, false], [390, 844, true], [1024, 800, false], [1600, 1000, true]] as const) {
    await tab.size(width, height, dark);
    await tab.press('l');
    assert.ok((await tab.evaluate('document.documentElement.scrollWidth', isNumber)) <= width, `${width}`);
    const faint = await tab.evaluate(`(${faintTexts.toString()})().join(", ")`, isString);
    assert.equal(faint, '', `${width} ${dark ? 'dark' : 'light'}`);
  }
  assert.equal(await tab.evaluate('[...document.querySelectorAll("button, input, select")].filter((control) => !(control.getAttribute("aria-label") || control.textContent.trim() || control.closest("label"))).length', isNumber), 0, 'each control has a name');
  assert.deepEqual(tab.complaints, []);
});

/** Runs in the page. @returns texts whose contrast to what is behind them is below 4.5. */
function faintTexts(): string[] {
  const view = globalThis as unknown as { document: { querySelectorAll(selector: string): Iterable<PageElement> }; getComputedStyle(element: PageElement): Record<string, string> };
  const styleOf = (element: PageElement): Record<string, string> => view.getComputedStyle(element);
  interface PageElement {
    readonly parentElement: PageElement | null;
    readonly textContent: string;
    readonly childNodes: Iterable<{ readonly nodeType: number; readonly textContent: string }>;
    readonly className: unknown;
    readonly offsetWidth: number;
  }
  const channels = (colour: string): number[] => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (colour: string): number => {
    const [r = 0, g = 0, b = 0] = channels(colour).slice(0, 3).map((value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element: PageElement | null): string => {
    if (element === null) return 'rgb(255, 255, 255)';
    const colour = styleOf(element)['backgroundColor'] ?? '';
    const [, , , alpha = 1] = channels(colour);
    return alpha === 0 || colour === 'transparent' ? ground(element.parentElement) : colour;
  };
  const faint: string[] = [];
  for (const element of view.document.querySelectorAll('body *:not(script, style, svg *, option)')) {
    const own = [...element.childNodes].filter(({ nodeType }) => nodeType === 3).map(({ textContent }) => textContent.trim()).join('');
    if (own === '' || !(element.offsetWidth > 0)) continue;
    const [light = 0, dark = 0] = [luminance(styleOf(element)['color'] ?? ''), luminance(ground(element))].sort((a, b) => b - a);
    if ((light + 0.05) / (dark + 0.05) < 4.5) faint.push(`${own.slice(0, 20)} (${String(element.className)}: ${((light + 0.05) / (dark + 0.05)).toFixed(2)})`);
  }
  return faint;
}
