import type { Change, Cursor, Resync, StoreDriver } from "@orbit/persistence/driver";
import { manualClock } from "@orbit/persistence/testing";
import { expect, test } from "vitest";

import { memory, memoryData } from "../src/index.ts";
import { bytes, textOf } from "./helpers.ts";

type Item = readonly Change[] | Resync;

function watch(driver: StoreDriver, prefix = "", from?: Cursor, signal?: AbortSignal): AsyncIterator<Item> {
  const stream = driver.watch?.({ prefix, ...(from !== undefined && { from }) }, { signal });
  if (stream === undefined) throw new Error("no watch");
  return stream[Symbol.asyncIterator]();
}

async function take(stream: AsyncIterator<Item>): Promise<Item> {
  const step = await stream.next();
  if (step.done === true) throw new Error("the stream has ended");
  return step.value;
}

/** Each change as `key=value`, or `key!` for a delete; `resync` for a resync. */
const shown = (item: Item): readonly string[] =>
  "type" in item
    ? ["resync"]
    : item.map((change) => (change.type === "put" ? `${change.entry.key}=${textOf(change.entry)}` : `${change.key}!`));

const cursorOf = (item: Item, at = -1): Cursor => {
  const cursor = "type" in item ? item.cursor : item.at(at)?.cursor;
  if (cursor === undefined) throw new Error("no cursor");
  return cursor;
};

test("a stream without a cursor starts with a resync, and shows every later change of its prefix in order", async () => {
  const data = memoryData();
  const [driver, other] = [memory({}, { data }), memory({}, { data })];
  await driver.put("a1", bytes("before"), "always");
  const stream = watch(driver, "a");
  expect(shown(await take(stream))).toEqual(["resync"]);
  const waiting = take(stream);
  await other.put("b", bytes("x"), "always");
  await other.put("a1", bytes("1"), "always");
  expect(shown(await waiting)).toEqual(["a1=1"]);
  await other.put("a2", bytes("2"), "always");
  await driver.put("a1", bytes("3"), "always");
  await driver.delete("a2", "always");
  await driver.delete("never there", "always");
  expect(shown(await take(stream))).toEqual(["a2=2", "a1=3", "a2!"]);
  const put = await driver.put("a9", bytes("4"), "always");
  const [change] = (await take(stream)) as readonly Change[];
  expect(change).toMatchObject({
    type: "put",
    entry: { version: put.ok ? put.version : "", ageMs: expect.any(Number) },
  });
});

test("no change falls between the resync and a scan after it", async () => {
  const driver = memory();
  const stream = watch(driver);
  await take(stream);
  await driver.put("k", bytes("1"), "always");
  expect(shown(await take(stream))).toEqual(["k=1"]);
});

test("a stream resumes after any cursor, also one within a batch, without loss or repetition", async () => {
  const driver = memory();
  const stream = watch(driver);
  const start = await take(stream);
  for (let at = 0; at < 5; at += 1) await driver.put(`k${at}`, bytes("1"), "always");
  const batch = await take(stream);
  expect(shown(await take(watch(driver, "", cursorOf(start))))).toEqual(shown(batch));
  expect(shown(await take(watch(driver, "", cursorOf(batch, 1))))).toEqual(["k2=1", "k3=1", "k4=1"]);
  const resumed = watch(driver, "", cursorOf(batch));
  const next = take(resumed);
  await driver.put("k9", bytes("1"), "always");
  expect(shown(await next)).toEqual(["k9=1"]);
});

test("a cursor that compaction dropped, or of another process, or made up, starts with a resync", async () => {
  const data = memoryData({ changes: { maxChanges: 10 } });
  const driver = memory({}, { data });
  const start = cursorOf(await take(watch(driver)));
  for (let at = 0; at < 10; at += 1) await driver.put("k", bytes(String(at)), "always");
  expect(shown(await take(watch(driver, "", start)))).toHaveLength(10);
  await driver.put("k", bytes("10"), "always");
  expect(shown(await take(watch(driver, "", start)))).toEqual(["resync"]);
  const elsewhere = cursorOf(await take(watch(memory())));
  for (const cursor of [elsewhere, "", "x.y", `${start}zzzz`] as Cursor[]) {
    expect(shown(await take(watch(driver, "", cursor)))).toEqual(["resync"]);
  }
});

test("a consumer that falls behind is told to read anew, and what waits for it stays bounded", async () => {
  const data = memoryData({ changes: { maxBytes: 10_000 } });
  const driver = memory({}, { data });
  const slow = watch(driver);
  await take(slow);
  for (let at = 0; at < 100; at += 1) await driver.put(`k${at}`, new Uint8Array(1000), "always");
  const resync = await take(slow);
  expect(shown(resync)).toEqual(["resync"]);
  await driver.put("k", bytes("after"), "always");
  expect(shown(await take(slow))).toEqual(["k=after"]);
});

test("expiry and the end of a session show as deletes, at their time", async () => {
  const clock = manualClock();
  const driver = memory({}, { clock });
  await driver.open();
  const session = await driver.session?.(2000);
  await driver.put("ttl", bytes("1"), "always", { ttlMs: 1000 });
  await driver.put("session", bytes("1"), "always", { session });
  const stream = watch(driver);
  await take(stream);
  const first = take(stream);
  await clock.advance(1000);
  expect(shown(await first)).toEqual(["ttl!"]);
  const second = take(stream);
  await clock.advance(1000);
  expect(shown(await second)).toEqual(["session!"]);
  await driver.close();
});

test("a waiting stream ends at return, at abort and when the driver closes", async () => {
  const driver = memory();
  await driver.open();
  const returned = watch(driver);
  const aborting = new AbortController();
  const aborted = watch(driver, "", undefined, aborting.signal);
  const closed = watch(driver);
  for (const stream of [returned, aborted, closed]) await take(stream);
  const [first, second, third] = [returned, aborted, closed].map((stream) => stream.next());
  await returned.return?.();
  expect(await first).toEqual({ done: true, value: undefined });
  aborting.abort(new Error("enough"));
  await expect(second).rejects.toMatchObject({ code: "ABORTED", cause: new Error("enough") });
  await driver.close();
  await expect(third).rejects.toMatchObject({ code: "CLOSED" });
  for (const stream of [returned, aborted, closed]) expect(await stream.next()).toMatchObject({ done: true });
});
