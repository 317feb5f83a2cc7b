const pattern = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** The wall-clock ms that a UUIDv7 carries, or undefined for any other text. */
export function uuidV7Time(text: string): number | undefined {
  const match = pattern.exec(text);
  return match === null ? undefined : Number.parseInt(match[1]! + match[2]!, 16);
}
