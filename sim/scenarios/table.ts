/** The table of docs/internals/simulator.md, made from the stories themselves, so that it cannot go stale. */
import { notYet, scenarios } from './list.ts';

const BEGIN = '<!-- scenarios: made by `npm run sim -- --list=table` -->';
const END = '<!-- end of scenarios -->';

export function scenarioTable(): string {
  const lines = [BEGIN, '', '| row | name | what happens | fails without |', '| --- | --- | --- | --- |'];
  for (const { number, name, tells, proof } of scenarios) lines.push(`| ${number} | \`${name}\` | ${tells} | ${'argument' in proof ? 'see its file' : proof.mutants.map((mutant) => `\`${mutant}\``).join(', ')} |`);
  for (const { number, name, why } of notYet) lines.push(`| ${number} | ${name} | not there yet: ${why} | |`);
  lines.push('', END);
  return lines.join('\n');
}

/** @returns the page with the table of now in the place of the one it has; undefined if it has none. */
export function withScenarioTable(page: string): string | undefined {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  return from < 0 || to < from ? undefined : page.slice(0, from) + scenarioTable() + page.slice(to + END.length);
}
