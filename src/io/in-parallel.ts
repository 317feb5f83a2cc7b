/** File operations at a time: enough to keep the system's threads busy. */
const PARALLEL = 16;

/** Does the same for each item, some at a time. Rejects with the first error: nothing is begun after it, what was under way ends by itself. */
export async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>, lanes = PARALLEL): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    try {
      for (let at = next++; at < items.length; at = next++) await work(items[at]!);
    } catch (error) {
      next = items.length;
      throw error;
    }
  };
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, worker));
}
