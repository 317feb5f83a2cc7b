#!/usr/bin/env node
/**
 * The process: no verb starts a node, a verb talks to one. This file must parse and run on any Node.js that knows ES
 * modules, so it checks the version before it loads anything else.
 */
import { fileURLToPath } from 'node:url';

const NODE_MAJOR_MIN = 22;

if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
  const { reexecute } = await import('./cli/reexecute.ts');
  reexecute({ script: fileURLToPath(import.meta.url), argv: process.argv.slice(2), majorMin: NODE_MAJOR_MIN });
} else {
  const { runProcess } = await import('./cli/process.ts');
  await runProcess(process.argv.slice(2));
}
