import type { Entry, Put, StoreDriver, Version } from "@orbit/persistence/driver";

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export const textOf = (entry: Entry | undefined): string | undefined => entry && new TextDecoder().decode(entry.value);

/** The version of a write that must have won. */
export function won(put: Put): Version {
  if (!put.ok) throw new Error("the write lost");
  return put.version;
}

export async function keysOf(driver: StoreDriver, prefix = ""): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const page of driver.scan({ prefix })) keys.push(...page.map((entry) => entry.key));
  return keys;
}

/** All entries as text by key. */
export async function contentOf(driver: StoreDriver): Promise<Readonly<Record<string, string | undefined>>> {
  const content: Record<string, string | undefined> = {};
  for await (const page of driver.scan({ prefix: "" })) for (const entry of page) content[entry.key] = textOf(entry);
  return content;
}
