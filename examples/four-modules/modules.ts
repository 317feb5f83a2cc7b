/** What the four modules do. Each function runs in a process of its own, on whichever node claims the module. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ModuleContext } from 'skein';

export async function fetchData({ log, signal }: ModuleContext): Promise<{ data: string }> {
  log('📥 Fetching data from external source...');
  await sleep(1000, undefined, { signal });
  const data = `Data fetched at ${new Date().toLocaleTimeString('en-GB')}`;
  log(`✓ Data fetched successfully: ${data}`);
  return { data };
}

export async function validateEnvironment({ log, signal }: ModuleContext): Promise<void> {
  log('🔍 Validating environment...');
  await sleep(500, undefined, { signal });
  log('✓ Environment validation passed');
}

export async function processData({ env, log, signal }: ModuleContext): Promise<{ result: string }> {
  log(`⚙️ Processing data: ${env['DATA']}`);
  await sleep(1000, undefined, { signal });
  log('✓ Data processed successfully');
  return { result: `${env['DATA']}, processed` };
}

export async function publishResults({ env, log, signal }: ModuleContext): Promise<{ published: string }> {
  log('📤 Publishing results');
  await sleep(500, undefined, { signal });
  log('✓ Results published successfully');
  return { published: env['RESULT'] ?? '' };
}
