import type { TikvControl } from "../backends/tikv/control.ts";

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

export function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value).toString();
}

/** Tells the region that holds a raw key, and the store that leads it. */
export async function leaderOf(
  control: TikvControl,
  key: string,
): Promise<{ readonly region: number; readonly store: number }> {
  const at = Buffer.from(key).toString("hex");
  const { id, leader } = (await control.regions()).findLast(({ start }) => start <= at)!;
  return { region: id, store: leader.store };
}

/** Gives another store. */
export async function elsewhere(control: TikvControl, store: number): Promise<number> {
  return (await control.stores()).find(({ id }) => id !== store)!.id;
}
