/** The table of docs/internals/simulator.md, made from the same rows that the hunt goes through, so that it cannot go stale. */
import { hunts, secondLines } from './hunts.ts';
import { mutants } from './list.ts';

const BEGIN = '<!-- mutants: made by `npm run sim:mutants -- --table` -->';
const END = '<!-- end of mutants -->';

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

export function mutantTable(): string {
  const lines = [BEGIN, '', row(['rule', 'switched off by', 'noticed by', 'in the drill']), row(['---', '---', '---', '---'])];
  for (const { name, rule } of mutants) {
    const found = hunts.find(({ mutant }) => mutant === name);
    if (found === undefined) continue;
    const partner = found.partner === undefined ? '' : `, with \`${found.partner}\``;
    lines.push(row([rule, `\`${name}\`${partner}`, found.invariants.join(', '), found.drill]));
  }
  lines.push('', 'Second lines: switched off alone they change nothing that could be seen, since another rule stands before them.', '');
  for (const { mutant, why } of secondLines) lines.push(`- \`${mutant}\`: ${why}`);
  lines.push('', END);
  return lines.join('\n');
}

/** @returns the page with the table of now in the place of the one it has; undefined if it has none. */
export function withTable(page: string): string | undefined {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  return from < 0 || to < from ? undefined : page.slice(0, from) + mutantTable() + page.slice(to + END.length);
}
