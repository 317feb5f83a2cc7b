/**
 * A licence and size report on installed packages: one module for each package under a `node_modules`, reading every
 * file of it; then a tree of reduces, so that no module's input grows with the number of packages; then the report.
 *
 *     skein run examples/audit/pipeline.ts -p folder=/path/to/node_modules -p report=report.md
 */
import path from 'node:path';
import { defineModule, definePipeline, type ModuleDefinition } from 'skein';
import { listPackages } from './packages.ts';

/** Packages whose figures one `collect` module gathers: their rows fit its outputs (4 KB a value, 16 KB in all). */
const GROUP_MAX = 24;

export default definePipeline({
  name: 'audit',
  params: {
    folder: { default: path.join(import.meta.dirname, '../../node_modules'), description: 'The node_modules to audit; must exist on every node' },
    report: { default: 'audit-report.md', description: 'Markdown file to write' },
    ledger: { default: '', description: 'File that each execution appends one line to: run, module, fence' },
  },
  modules: async ({ folder, report, ledger }) => {
    const packages = await listPackages(folder);
    if (packages.length === 0) throw new Error(`there are no packages under ${folder}`);
    const env = { FOLDER: path.resolve(folder), LEDGER: ledger === '' ? '' : path.resolve(ledger) };
    const modules: Record<string, ModuleDefinition> = {};
    const collectors: string[] = [];
    for (let first = 0; first < packages.length; first += GROUP_MAX) {
      const group = packages.slice(first, first + GROUP_MAX);
      for (const name of group) modules[auditOf(name)] = defineModule({ uses: './audit.ts#auditPackage', env: { ...env, PACKAGE: name }, retry: 2 });
      const collector = `collect:${collectors.length + 1}`;
      modules[collector] = defineModule({ uses: './audit.ts#collect', needs: group.map(auditOf), env });
      collectors.push(collector);
    }
    modules['report'] = defineModule({
      uses: './audit.ts#writeReport',
      needs: collectors,
      env: { ...env, REPORT: path.resolve(report) },
      effectful: true,
    });
    return modules;
  },
});

function auditOf(name: string): string {
  return `audit:${name}`;
}
