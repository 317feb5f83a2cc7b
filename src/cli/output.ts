/** `-o`: the same data for people and for programs. */
import { Option } from 'commander';
import { stringify } from 'yaml';
import { line, type CliIo } from './io.ts';
import { table, type Column } from './table.ts';

const formats = ['table', 'wide', 'json', 'yaml', 'name', 'jsonl'] as const;
export type Format = (typeof formats)[number];

export function outputOption(fallback: Format = 'table'): Option {
  return new Option('-o, --output <format>', 'how to print').choices(formats).default(fallback);
}

export function isForPeople(format: Format): boolean {
  return format === 'table' || format === 'wide';
}

/** How one kind of thing is printed in each format. */
export interface Listing<T> {
  /** The whole answer, for json and yaml. */
  readonly whole: unknown;
  readonly rows: readonly T[];
  readonly columns: readonly Column<T>[];
  readonly name: (row: T) => string;
  /** Said to people when there are no rows. */
  readonly empty: string;
}

export function printList<T>(io: CliIo, format: Format, listing: Listing<T>): void {
  const { whole, rows, columns, name, empty } = listing;
  switch (format) {
    case 'json':
    case 'yaml':
      return printData(io, format, whole);
    case 'jsonl':
      for (const row of rows) line(io.stdout, JSON.stringify(row));
      return;
    case 'name':
      for (const row of rows) line(io.stdout, name(row));
      return;
    case 'table':
    case 'wide':
      line(rows.length === 0 ? io.stderr : io.stdout, rows.length === 0 ? empty : table(rows, columns, format === 'wide'));
  }
}

export function printData(io: CliIo, format: 'json' | 'jsonl' | 'yaml', data: unknown): void {
  if (format === 'yaml') io.stdout.write(stringify(data));
  else line(io.stdout, format === 'json' ? JSON.stringify(data, null, 2) : JSON.stringify(data));
}

/** One thing: for people by `people`, for programs as data. */
export function printOne(io: CliIo, format: Format, data: unknown, name: string, people: () => string): void {
  if (format === 'table' || format === 'wide') line(io.stdout, people());
  else if (format === 'name') line(io.stdout, name);
  else printData(io, format, data);
}
