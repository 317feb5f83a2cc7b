/** Makes any data fit for a log line: bounded, plain, without secrets. */
import { isSkeinError } from '../../errors.ts';

const TEXT_LENGTH_MAX = 4096;
const DEPTH_MAX = 4;
const ENTRIES_MAX = 64;
const MASK = '***';
const secretName = /(?:^|[a-z_-])(?:psk|token|secret|password|passphrase|authorization|private_?key|cluster_?key)$|^(?:key|skein_key)$/i;

/** @param secrets texts that must not appear anywhere, such as the cluster key. */
export function mask(value: unknown, secrets: readonly string[]): unknown {
  return maskAt(value, secrets, 0);
}

function maskAt(value: unknown, secrets: readonly string[], depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return maskText(value, secrets);
    case 'bigint':
      return String(value);
    case 'number':
    case 'boolean':
      return value;
    case 'object':
      return value === null ? null : maskObject(value, secrets, depth);
    default:
      return undefined;
  }
}

function maskObject(value: object, secrets: readonly string[], depth: number): unknown {
  if (value instanceof Error) return errorForm(value, secrets);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `${value.byteLength} bytes`;
  if (value instanceof Date) return value.toISOString();
  if (depth >= DEPTH_MAX) return '…';
  const plain = value instanceof Set ? [...value] : value instanceof Map ? Object.fromEntries(value) : value;
  if (Array.isArray(plain)) return plain.slice(0, ENTRIES_MAX).map((item) => maskAt(item, secrets, depth + 1));
  const entries = Object.entries(plain).slice(0, ENTRIES_MAX);
  return Object.fromEntries(entries.map(([key, item]) => [key, secretName.test(key) ? MASK : maskAt(item, secrets, depth + 1)]));
}

/** `{type, message, stack, code}` */
function errorForm(error: Error, secrets: readonly string[]): Record<string, unknown> {
  const code = isSkeinError(error) ? error.code : (error as NodeJS.ErrnoException).code;
  return {
    type: error.name,
    message: maskText(error.message, secrets),
    stack: maskText(error.stack ?? '', secrets),
    ...(code === undefined ? {} : { code }),
  };
}

export function maskText(text: string, secrets: readonly string[]): string {
  const masked = secrets.reduce((rest, secret) => (secret === '' ? rest : rest.replaceAll(secret, MASK)), text);
  return masked.length > TEXT_LENGTH_MAX ? `${masked.slice(0, TEXT_LENGTH_MAX)}…` : masked;
}
