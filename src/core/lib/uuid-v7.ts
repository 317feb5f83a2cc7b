const pattern = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** The wall-clock ms that a UUIDv7 carries, or undefined for any other text. */
export function uuidV7Time(text: string): number | undefined {
  const match = pattern.exec(text);
  return match === null ? undefined : Number.parseInt(match[1]! + match[2]!, 16);
}

/**
 * Makes a request key.
 * @param wallMs wall-clock ms, below 2^48.
 * @param random at least 10 random bytes.
 */
export function uuidV7(wallMs: number, random: Uint8Array): string {
  const time = Math.floor(wallMs).toString(16).padStart(12, '0');
  const tail = Array.from(random.subarray(0, 10), (byte) => byte.toString(16).padStart(2, '0')).join('').padEnd(20, '0');
  const variant = '89ab'[Number.parseInt(tail[3]!, 16) & 3]!;
  return `${time.slice(0, 8)}-${time.slice(8)}-7${tail.slice(0, 3)}-${variant}${tail.slice(4, 7)}-${tail.slice(7, 19)}`;
}
