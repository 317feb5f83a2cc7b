/** Tables as kubectl prints them: upper-case heads, columns apart by three spaces, nothing else. */
import stringWidth from 'string-width';

export interface Column<T> {
  readonly head: string;
  readonly cell: (row: T) => string;
  /** Only with `-o wide`. */
  readonly wide?: boolean;
}

const GAP = '   ';

export function table<T>(rows: readonly T[], columns: readonly Column<T>[], wide: boolean): string {
  const shown = columns.filter((column) => wide || column.wide !== true);
  const lines = [shown.map((column) => column.head), ...rows.map((row) => shown.map((column) => column.cell(row) || '-'))];
  const widths = shown.map((_column, i) => lines.reduce((most, cells) => Math.max(most, stringWidth(cells[i] ?? '')), 0));
  return lines.map((cells) => cells.map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - stringWidth(cell))).join(GAP).trimEnd()).join('\n');
}
