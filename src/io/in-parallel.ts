/** File operations at a time: enough to keep the system's threads busy. */
const PARALLEL = 16;

/** Does the same for each item, some at a time. Rejects with the first error; what was under way then ends by itself. */
export async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) await work(items[at]!);
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, items.length) }, worker));
}
