import type { CallOptions } from "../contract/driver.ts";
import type { Keyspace } from "./keyspace.ts";
import type { Records, StoredRecord } from "./records.ts";

export interface KeyedRecord {
  readonly record: StoredRecord;
  /** The decoded parts of its key. */
  readonly parts: readonly string[];
}

/** Pages of the records whose key starts with all of `parts`, tombstones among them. */
export async function* scanRecords(
  records: Records,
  keys: Keyspace,
  parts: readonly string[],
  options?: CallOptions,
  after?: string,
): AsyncGenerator<readonly KeyedRecord[], void, undefined> {
  const { prefix } = keys.range([...parts, ""]);
  for await (const page of records.scan({ prefix, ...(after === undefined ? {} : { after }) }, options)) {
    const found = page.map((entry) => {
      const record = records.read(entry, "scan");
      return { record, parts: keys.decode(record) };
    });
    // A cut prefix also covers neighbours.
    yield found.filter((each) => parts.every((part, index) => each.parts[index] === part));
  }
}
