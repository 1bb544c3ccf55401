import { expect, test } from "vitest";

import { createStore } from "../src/index.ts";
import { mapDriver } from "../src/testing/index.ts";

test("a value at the store's limit is kept, one byte more is refused before I/O", async () => {
  const driver = mapDriver();
  let puts = 0;
  const store = await createStore({ ...driver, put: (...args) => (puts++, driver.put(...args)) });
  const { maxValueBytes } = store.capabilities.limits;
  puts = 0;
  expect((await store.put("k", new Uint8Array(maxValueBytes), "absent")).ok).toBe(true);
  const over = new Uint8Array(maxValueBytes + 1);
  await expect(store.put("k", over, "always")).rejects.toMatchObject({ code: "TOO_LARGE" });
  expect(await store.write([{ type: "put", key: "k", value: over, when: "always" }])).toMatchObject([
    { code: "TOO_LARGE" },
  ]);
  await expect(store.commit([], [{ type: "put", key: "k", value: over, when: "always" }])).rejects.toMatchObject({
    code: "TOO_LARGE",
  });
  expect(puts).toBe(1);
});
