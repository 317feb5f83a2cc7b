/**
 * What a record has under a name that somebody else chose. Every record also answers to `constructor` and its like, with
 * what is no value: names of outputs come from pipelines, so they are never looked up directly.
 */
export function own<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}
