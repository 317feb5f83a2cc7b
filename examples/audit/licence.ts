/** Finds under which licence a package comes: what its package.json says, else what its licence file looks like. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

interface Manifest {
  readonly version?: unknown;
  readonly license?: unknown;
  readonly licenses?: unknown;
}

/** First words by which licence texts are known. */
const texts: readonly (readonly [RegExp, string])[] = [
  [/Apache License\s+Version 2\.0/i, 'Apache-2.0'],
  [/Permission is hereby granted, free of charge/i, 'MIT'],
  [/Permission to use, copy, modify, and\/or distribute/i, 'ISC'],
  [/Redistribution and use in source and binary forms[^]*Neither the name/i, 'BSD-3-Clause'],
  [/Redistribution and use in source and binary forms/i, 'BSD-2-Clause'],
  [/Mozilla Public License/i, 'MPL-2.0'],
  [/GNU LESSER GENERAL PUBLIC LICENSE/i, 'LGPL'],
  [/GNU GENERAL PUBLIC LICENSE/i, 'GPL'],
];

const NAME_LENGTH_MAX = 60;

export async function findLicence(folder: string): Promise<{ version: string; licence: string }> {
  const manifest = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8')) as Manifest;
  const declared = nameOf(manifest.license) ?? nameOf(manifest.licenses);
  const licence = declared ?? (await guessFromText(folder)) ?? 'unknown';
  return { version: typeof manifest.version === 'string' ? manifest.version : '', licence: licence.slice(0, NAME_LENGTH_MAX) };
}

/** `"MIT"`, `{ "type": "MIT" }`, or a list of either. */
function nameOf(value: unknown): string | undefined {
  if (typeof value === 'string' && value.trim() !== '') return value.trim();
  if (Array.isArray(value)) {
    const names = value.map(nameOf).filter((name) => name !== undefined);
    return names.length === 0 ? undefined : names.join(' OR ');
  }
  return typeof value === 'object' && value !== null && 'type' in value ? nameOf(value.type) : undefined;
}

async function guessFromText(folder: string): Promise<string | undefined> {
  const file = (await readdir(folder)).find((name) => /^(licen[cs]e|copying)(\.|$)/i.test(name));
  if (file === undefined) return undefined;
  const text = await readFile(path.join(folder, file), 'utf8').catch(() => '');
  return texts.find(([pattern]) => pattern.test(text))?.[1];
}
