/** The functions of the audit: count one package, gather a group of counts, write the report. */
import { appendFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ModuleContext } from 'skein';
import { countFiles } from './count.ts';
import { findLicence } from './licence.ts';
import { formatReport, type PackageRow } from './report.ts';

/** Output values hold 4 KB as JSON; rows are cut into pieces below that. */
const ROWS_BYTES_MAX = 3800;

type AuditOutputs = { name: string; version: string; licence: string; files: number; bytes: number; lines: number };

/** Reads every file of the package `PACKAGE` under `FOLDER`. */
export async function auditPackage(context: ModuleContext): Promise<AuditOutputs> {
  writeLedger(context);
  const { env, log, signal } = context;
  const folder = path.join(variable(env, 'FOLDER'), variable(env, 'PACKAGE'));
  const { version, licence } = await findLicence(folder);
  const counts = await countFiles(folder, signal);
  log(`${variable(env, 'PACKAGE')}: ${counts.files} files, ${counts.bytes} bytes, ${counts.lines} lines, ${licence}`);
  return { name: variable(env, 'PACKAGE'), version, licence, ...counts };
}

/** Brings the counts of a group into a few values `rows0`, `rows1`, … */
export function collect(context: ModuleContext): Record<string, PackageRow[]> {
  writeLedger(context);
  const outputs: Record<string, PackageRow[]> = {};
  let piece: PackageRow[] = [];
  let bytes = 2;
  for (const { outputs: found } of Object.values(context.needs)) {
    const row = [found['name'], found['version'], found['licence'], found['files'], found['bytes'], found['lines']] as unknown as PackageRow;
    const size = Buffer.byteLength(JSON.stringify(row)) + 1;
    if (bytes + size > ROWS_BYTES_MAX) {
      piece = [];
      bytes = 2;
    }
    piece.push(row);
    bytes += size;
    if (piece.length === 1) outputs[`rows${Object.keys(outputs).length}`] = piece;
  }
  return outputs;
}

/** Writes the report to `REPORT`; whoever reads the path sees a whole file, the old one or the new one. */
export async function writeReport(context: ModuleContext): Promise<{ report: string; packages: number; bytes: number }> {
  writeLedger(context);
  const file = variable(context.env, 'REPORT');
  const rows = Object.values(context.needs).flatMap(({ outputs }) => Object.values(outputs).flat() as unknown as PackageRow[]);
  const draft = `${file}.${context.fence}.tmp`;
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(draft, formatReport(variable(context.env, 'FOLDER'), rows));
  await rename(draft, file);
  context.log(`report on ${rows.length} packages: ${file}`);
  return { report: file, packages: rows.length, bytes: rows.reduce((sum, [, , , , bytes]) => sum + bytes, 0) };
}

/** One line for each execution, in one write: so executions can be counted by others than the nodes. */
function writeLedger({ env, runId, module, fence }: ModuleContext): void {
  const ledger = variable(env, 'LEDGER');
  if (ledger !== '') appendFileSync(ledger, `${runId} ${module} ${fence}\n`);
}

function variable(env: Readonly<Record<string, string>>, name: string): string {
  const value = env[name];
  if (value === undefined) throw new Error(`the variable ${name} is not set`);
  return value;
}
