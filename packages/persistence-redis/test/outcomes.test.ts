import { StoreError } from "@orbit/persistence";
import type { StoreDriver } from "@orbit/persistence/driver";
import { describe, expect, test } from "vitest";

import { redis } from "../src/index.ts";
import { type Proxy, startProxy } from "./support/proxy.ts";
import { hasRedis, startServer, until } from "./support/server.ts";

async function failure(call: Promise<unknown>): Promise<StoreError> {
  try {
    await call;
  } catch (error) {
    if (StoreError.is(error)) return error;
    throw error;
  }
  throw new Error("it was answered");
}

const KEY = "a-data-x";
const bytes = Buffer.from("value");

const writes: readonly [string, (driver: StoreDriver) => Promise<unknown>][] = [
  ["put", (driver) => driver.put(KEY, bytes, "absent")],
  ["delete", (driver) => driver.delete("a-data-other", "always")],
  ["commit", (driver) => driver.commit!([], [{ type: "put", key: KEY, value: bytes, when: "absent" }])],
];

describe.skipIf(!hasRedis)("a connection that breaks", () => {
  const through = async (
    work: (driver: StoreDriver, proxy: Proxy, direct: StoreDriver) => Promise<void>,
  ): Promise<void> => {
    await using server = await startServer();
    await using proxy = await startProxy(server.port);
    const direct = redis({ url: server.url });
    const driver = redis({ url: proxy.url, commandTimeoutMs: 500, connectionTimeoutMs: 500, retryCount: 1 });
    try {
      await direct.open();
      await driver.open();
      await work(driver, proxy, direct);
    } finally {
      await driver.close();
      await direct.close();
    }
  };

  test.each(writes)("after %s was sent leaves its outcome unknown, and it is not sent again", (_, write) =>
    through(async (driver, proxy, direct) => {
      proxy.dropAnswers();
      expect(await failure(write(driver))).toMatchObject({ code: "UNAVAILABLE", outcome: "unknown", retryable: false });
      proxy.heal();
      const landed = await direct.get(KEY);
      if (landed !== undefined) expect(landed.value.toString()).toBe("value");
      await direct.delete(KEY, "always");
      // The driver has connected again, and nothing came back with it.
      await until(async () => (await driver.health()).status === "healthy");
      expect(await direct.get(KEY)).toBeUndefined();
    }),
  );

  test.each(writes)("before %s could be sent leaves nothing in doubt", (_, write) =>
    through(async (driver, proxy) => {
      proxy.refuse();
      await until(async () => (await driver.health()).status === "unhealthy");
      expect(await failure(write(driver))).toMatchObject({ code: "UNAVAILABLE", outcome: "none", retryable: true });
      proxy.heal();
      await until(async () => (await driver.health()).status === "healthy");
      await write(driver);
    }),
  );

  test("each operation of a bulk write says so", () =>
    through(async (driver, proxy) => {
      proxy.dropAnswers();
      const answers = await driver.write!([
        { type: "put", key: KEY, value: bytes, when: "always" },
        { type: "delete", key: "a-data-y", when: "always" },
      ]);
      expect(answers).toEqual([
        expect.objectContaining({ code: "UNAVAILABLE", outcome: "unknown" }),
        expect.objectContaining({ code: "UNAVAILABLE", outcome: "unknown" }),
      ]);
    }));

  test("a read that is not answered changed nothing", () =>
    through(async (driver, proxy) => {
      proxy.dropAnswers();
      for (const read of [driver.get(KEY), driver.getMany!([KEY, "a-data-y"])]) {
        expect(await failure(read)).toMatchObject({ code: "UNAVAILABLE", outcome: "none", retryable: true });
      }
    }));

  test("a server that hangs is given up after command_timeout", () =>
    through(async (driver, proxy) => {
      proxy.hang();
      const start = performance.now();
      expect(await failure(driver.put(KEY, bytes, "always"))).toMatchObject({ outcome: "unknown" });
      expect(performance.now() - start).toBeLessThan(10_000);
      proxy.heal();
      await until(async () => (await driver.health()).status === "healthy");
    }));
});

describe.skipIf(!hasRedis)("a server", () => {
  test("that forgot its scripts is given them again", async () => {
    await using server = await startServer();
    const driver = redis({ url: server.url });
    await driver.open();
    await driver.put(KEY, bytes, "always");
    const admin = server.admin();
    await admin.script("FLUSH");
    admin.disconnect();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => driver.put(`a-data-${at}`, bytes, "absent")),
    );
    expect(answers.every(({ ok }) => ok)).toBe(true);
    await driver.close();
  });

  test("that is full refuses writes whole, and still reads and deletes", async () => {
    await using server = await startServer();
    const driver = redis({ url: server.url });
    await driver.open();
    await driver.put(KEY, bytes, "always");
    const admin = server.admin();
    await admin.config("SET", "maxmemory", "1");
    expect(await failure(driver.put("a-data-new", bytes, "absent"))).toMatchObject({ code: "FULL", outcome: "none" });
    expect((await driver.health()).status).toBe("degraded");
    expect((await driver.get(KEY))?.value.toString()).toBe("value");
    await admin.config("SET", "maxmemory", "0");
    const keys = await Array.fromAsync(driver.scan({ prefix: "" }));
    expect(keys.flat().map(({ key }) => key)).toEqual([KEY]);
    expect(await driver.delete(KEY, "always")).toEqual({ ok: true });
    admin.disconnect();
    await driver.close();
  });

  test("that is demoted refuses writes as a server that is away", async () => {
    await using server = await startServer();
    const driver = redis({ url: server.url });
    await driver.open();
    const admin = server.admin();
    await admin.replicaof("127.0.0.1", "1");
    expect(await failure(driver.put(KEY, bytes, "always"))).toMatchObject({
      code: "UNAVAILABLE",
      outcome: "none",
      retryable: true,
    });
    expect((await driver.health()).status).toBe("unhealthy");
    admin.disconnect();
    await driver.close();
  });

  test("serves a user with no more rights than the README lists", async () => {
    await using server = await startServer();
    const { readFileSync } = await import("node:fs");
    const { join } = await import("node:path");
    const readme = readFileSync(join(import.meta.dirname, "..", "README.md"), "utf8");
    const [, rules = ""] = /```\nACL SETUSER orbit ([^]*?)```/.exec(readme) ?? [];
    const admin = server.admin();
    await admin.call("ACL", ["SETUSER", "orbit", ...rules.trim().split(/\s+/)]);
    const driver = redis({ url: server.url, username: "orbit", password: "password" });
    await driver.open();
    const put = await driver.put(KEY, bytes, "absent", { ttlMs: 60_000 });
    expect(put.ok).toBe(true);
    expect((await driver.getMany!([KEY, "a-data-y"]))[0]?.key).toBe(KEY);
    expect((await Array.fromAsync(driver.scan({ prefix: "", keysOnly: true }))).flat()).toHaveLength(1);
    const stream = driver.watch!({ prefix: "" })[Symbol.asyncIterator]();
    await stream.next();
    expect(await driver.delete(KEY, "always")).toEqual({ ok: true });
    expect((await stream.next()).value).toMatchObject([{ type: "delete", key: KEY }]);
    await stream.return?.();
    expect(await driver.health()).toMatchObject({ status: "healthy" });
    await admin.call("ACL", ["SETUSER", "orbit", "-evalsha"]);
    expect(await failure(driver.put(KEY, bytes, "always"))).toMatchObject({ code: "DENIED", outcome: "none" });
    admin.disconnect();
    await driver.close();
  });
});
