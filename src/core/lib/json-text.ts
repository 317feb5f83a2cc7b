/**
 * JSON as an identity: one text per value, whatever the order of the keys that a codec chose. Used for hashes,
 * snapshots and size limits.
 */
export const JSON_DEPTH_MAX = 64;

/** Length in UTF-8 bytes of a well-formed string. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // A surrogate pair is two units and four bytes, so each half counts two.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return bytes;
}

/** Why this value cannot be kept as JSON, or undefined. Strings must be well-formed, or they change on the wire. */
export function jsonProblem(value: unknown, depthMax: number = JSON_DEPTH_MAX): string | undefined {
  if (value === null || typeof value === 'boolean') return undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${value} is not a JSON number`;
  if (typeof value === 'string') return value.isWellFormed() ? undefined : 'text with half of a surrogate pair';
  if (typeof value !== 'object') return `${typeof value} is not JSON`;
  if (depthMax <= 0) return `nested deeper than ${JSON_DEPTH_MAX}`;
  if (Array.isArray(value)) {
    for (const item of value) {
      const problem = jsonProblem(item, depthMax - 1);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  if (value instanceof Uint8Array) return 'bytes are not JSON';
  for (const [key, item] of Object.entries(value)) {
    if (!key.isWellFormed()) return 'a key with half of a surrogate pair';
    const problem = jsonProblem(item, depthMax - 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** JSON text with sorted keys. The value has no `jsonProblem`. */
export function jsonText(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value) text += text === '' ? jsonText(item) : `,${jsonText(item)}`;
    return `[${text}]`;
  }
  const record = value as Record<string, unknown>;
  const keys = Object.keys(record);
  if (keys.length > 1) keys.sort();
  for (const key of keys) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${jsonText(record[key])}`;
  return `{${text}}`;
}
