import type { Cursor } from "@orbit/persistence/driver";

const ITEM = /^([0-9a-z]+):(\d+-\d+)$/;

/** Writes the last entry seen of each bucket's stream: `n.<buckets>` and then `;<bucket>:<id>` for each that had one. */
export function encodePositions(seen: readonly string[]): Cursor {
  const items = seen.flatMap((id, bucket) => (id === "" ? [] : [`;${bucket.toString(36)}:${id}`]));
  return `n.${seen.length}${items.join("")}` as Cursor;
}

/** Reads a cursor back; a later item of a bucket stands for an earlier one. `undefined` where it is of another store. */
export function parsePositions(cursor: Cursor, buckets: number): string[] | undefined {
  const [head, ...items] = cursor.split(";");
  if (head !== `n.${buckets}`) return undefined;
  const seen = Array.from({ length: buckets }, () => "");
  for (const item of items) {
    const [, bucket, id] = ITEM.exec(item) ?? [];
    if (bucket === undefined || id === undefined || Number.parseInt(bucket, 36) >= buckets) return undefined;
    seen[Number.parseInt(bucket, 36)] = id;
  }
  return seen;
}
