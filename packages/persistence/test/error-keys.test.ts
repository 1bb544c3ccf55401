import { expect, test } from "vitest";

import { createStore, StoreError } from "../src/index.ts";
import { mapDriver } from "../src/testing/index.ts";

test("errors name the caller's key and not the driver's", async () => {
  const down = (): Promise<never> => Promise.reject(new StoreError("UNAVAILABLE", "no route", { provider: "far" }));
  const driver = mapDriver();
  let broken = false;
  const store = await createStore({
    ...driver,
    get: (...args) => (broken ? down() : driver.get(...args)),
    put: (...args) => (broken ? down() : driver.put(...args)),
    delete: (...args) => (broken ? down() : driver.delete(...args)),
  });
  broken = true;
  const key = "Users/Ünal";
  for (const call of [
    () => store.get(key),
    () => store.put(key, new Uint8Array(1), "absent"),
    () => store.delete(key, "always"),
  ]) {
    await expect(call()).rejects.toMatchObject({ code: "UNAVAILABLE", key, provider: "far" });
    await expect(call()).rejects.toThrow(/"Users\/Ünal": no route/);
  }
});
