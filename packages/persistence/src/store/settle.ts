import { StoreError } from "../contract/error.ts";

/** Runs `work` over all items, `concurrency` at once; a failure becomes the item's StoreError. */
export async function settleAll<T, R>(
  items: readonly T[],
  concurrency: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<(R | StoreError)[]> {
  const results: (R | StoreError)[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      try {
        results[index] = await work(items[index] as T, index);
      } catch (error) {
        results[index] = StoreError.from(error, {});
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
  return results;
}

/** As {@link settleAll}; the first failure, in the order of the items, is thrown once all have settled. */
export async function mapAll<T, R>(
  items: readonly T[],
  concurrency: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = await settleAll(items, concurrency, work);
  return results.map((result) => {
    if (StoreError.is(result)) throw result;
    return result;
  });
}
