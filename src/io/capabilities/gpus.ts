/** Names of the graphics processors that modules can use. Quiet: a machine without any has none, and nothing fails. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask } from './tools.ts';

const GPUS_MAX = 64;
const NAME_LENGTH_MAX = 100;
const NVIDIA_FOLDER = '/proc/driver/nvidia/gpus';

let probed: Promise<string[]> | undefined;

/** One name per device, so two equal cards are two entries. Asked once per process. */
export function probeGpus(): Promise<string[]> {
  probed ??= askAll();
  return probed;
}

async function askAll(): Promise<string[]> {
  const nvidia = namesOfNvidiaSmi((await ask('nvidia-smi', ['--query-gpu=name', '--format=csv,noheader'])) ?? '');
  const driver = nvidia.length > 0 ? nvidia : namesOfDriver(NVIDIA_FOLDER);
  if (process.platform === 'darwin') return bounded(namesOfMac((await ask('system_profiler', ['SPDisplaysDataType', '-json'])) ?? ''));
  const others = process.platform === 'linux' ? namesOfLspci((await ask('lspci', ['-mm'])) ?? '') : [];
  // The driver knows NVIDIA's cards better than the bus does.
  return bounded([...driver, ...(driver.length > 0 ? others.filter((name) => !/nvidia/i.test(name)) : others)]);
}

export function namesOfNvidiaSmi(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(no devices|nvidia-smi|failed|error)/i.test(line));
}

/** Lines such as `01:00.0 "VGA compatible controller" "Intel Corporation" "UHD Graphics 620" -r07 …`. Emulated screens of virtual machines do not count. */
export function namesOfLspci(text: string): string[] {
  const names: string[] = [];
  for (const line of text.split('\n')) {
    const [kind, vendor, device] = [...line.matchAll(/"([^"]*)"/g)].map((match) => match[1] ?? '');
    if (!/^(VGA compatible|3D|Display) controller/.test(kind ?? '') || !/nvidia|amd|ati |advanced micro|intel/i.test(vendor ?? '')) continue;
    names.push(`${vendor} ${device ?? ''}`.trim());
  }
  return names;
}

function namesOfDriver(folder: string): string[] {
  try {
    return readdirSync(folder).flatMap((name) => /^Model:\s*(.+)$/m.exec(readFileSync(join(folder, name, 'information'), 'utf8'))?.[1]?.trim() ?? []);
  } catch {
    return [];
  }
}

export function namesOfMac(text: string): string[] {
  try {
    const { SPDisplaysDataType: cards } = JSON.parse(text) as { SPDisplaysDataType?: { sppci_model?: unknown }[] };
    return (cards ?? []).flatMap((card) => (typeof card.sppci_model === 'string' ? [card.sppci_model] : []));
  } catch {
    return [];
  }
}

function bounded(names: string[]): string[] {
  return names.slice(0, GPUS_MAX).map((name) => name.slice(0, NAME_LENGTH_MAX));
}
