/** @file So many pieces of work at a time. */

/**
 * Does `work` on every item, in their order, so many at a time. After a failure nothing new begins; it comes back when all that
 * was under way has ended.
 */
export async function atOnce<T>(
  count: number,
  items: Iterable<T> | AsyncIterable<T>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const failures: unknown[] = [];
  const run = async () => {
    while (failures.length === 0) {
      const next = await iterator.next();
      if (next.done === true) return;
      await work(next.value);
    }
  };
  await Promise.all(Array.from({ length: count }, () => run().catch((error: unknown) => failures.push(error))));
  if (failures.length > 0) throw failures[0];
}
