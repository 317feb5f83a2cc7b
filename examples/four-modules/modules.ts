/** What the four modules do. Each function runs in a process of its own, on whichever node claims the module. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ModuleContext } from 'skein';

export async function fetchData({ signal }: ModuleContext): Promise<{ data: string }> {
  console.log('📥 Fetching data from external source...');
  await sleep(1000, undefined, { signal });
  const data = `Data fetched at ${new Date().toLocaleTimeString('en-GB')}`;
  console.log(`✓ Data fetched successfully: ${data}`);
  return { data };
}

export async function validateEnvironment({ signal }: ModuleContext): Promise<void> {
  console.log('🔍 Validating environment...');
  await sleep(500, undefined, { signal });
  console.log('✓ Environment validation passed');
}

export async function processData({ env, signal }: ModuleContext): Promise<{ result: string }> {
  console.log(`⚙️ Processing data: ${env['DATA']}`);
  await sleep(1000, undefined, { signal });
  console.log('✓ Data processed successfully');
  return { result: `${env['DATA']}, processed` };
}

export async function publishResults({ env, signal }: ModuleContext): Promise<{ published: string }> {
  console.log('📤 Publishing results');
  await sleep(500, undefined, { signal });
  console.log('✓ Results published successfully');
  return { published: env['RESULT'] ?? '' };
}
