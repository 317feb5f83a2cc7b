/** The report as Markdown. */

/** name, version, licence, files, bytes, lines */
export type PackageRow = readonly [string, string, string, number, number, number];

export function formatReport(folder: string, rows: readonly PackageRow[]): string {
  const bySize = rows.toSorted((a, b) => b[4] - a[4] || (a[0] < b[0] ? -1 : 1));
  const total = (column: 3 | 4 | 5): number => rows.reduce((sum, row) => sum + row[column], 0);
  return [
    '# Licence and size report',
    '',
    `${rows.length} packages under \`${folder}\`: ${grouped(total(3))} files, ${megabytes(total(4))} MB, ${grouped(total(5))} lines of text.`,
    '',
    '## Licences',
    '',
    '| licence | packages | MB |',
    '|---|---:|---:|',
    ...licenceLines(rows),
    '',
    '## Packages, largest first',
    '',
    '| package | version | licence | files | MB | lines |',
    '|---|---|---|---:|---:|---:|',
    ...bySize.map(([name, version, licence, files, bytes, lines]) => `| ${cell(name)} | ${cell(version)} | ${cell(licence)} | ${grouped(files)} | ${megabytes(bytes)} | ${grouped(lines)} |`),
    '',
  ].join('\n');
}

function licenceLines(rows: readonly PackageRow[]): string[] {
  const groups = Map.groupBy(rows, ([, , licence]) => licence);
  return Array.from(groups)
    .toSorted(([a, left], [b, right]) => right.length - left.length || (a < b ? -1 : 1))
    .map(([licence, group]) => `| ${cell(licence)} | ${group.length} | ${megabytes(group.reduce((sum, row) => sum + row[4], 0))} |`);
}

function cell(text: string): string {
  return text.replaceAll('|', String.raw`\|`);
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(2);
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}
