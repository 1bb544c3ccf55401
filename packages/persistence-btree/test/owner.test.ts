import { readFileSync, statSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { bytes, childOfTest, openBtree, tempDirectory } from "./support/open.ts";

async function rewriteOwner(path: string, change: object): Promise<void> {
  expect(await childOfTest("rewrite.ts", [path, "owner", JSON.stringify(change)]).line()).toBe("done");
}

describe("one process at a time", () => {
  test("a second process is refused with the holder's pid, until the first one closes", async () => {
    const path = tempDirectory();
    const first = childOfTest("holder.ts", [path]);
    expect(await first.line()).toBe("open");
    const refused = openBtree(path);
    await expect(refused).rejects.toMatchObject({ code: "CONFLICT" });
    await expect(refused).rejects.toThrow(`open in process ${first.pid}: stop that process`);
    const second = childOfTest("holder.ts", [path]);
    expect(await second.line()).toContain(`CONFLICT the data directory ${path} is open in process ${first.pid}`);
    first.process.stdin?.end();
    expect(await first.line()).toBe("closed");
    const third = childOfTest("holder.ts", [path]);
    expect(await third.line()).toBe("open");
  });

  test("of processes that open at once, one wins", async () => {
    const path = tempDirectory();
    const children = Array.from({ length: 6 }, () => childOfTest("holder.ts", [path]));
    const lines = await Promise.all(children.map((child) => child.line()));
    const winner = children[lines.indexOf("open")];
    expect(lines.filter((line) => line === "open")).toHaveLength(1);
    const refusals = lines.filter((line) => line !== "open");
    expect(refusals.every((line) => line?.includes(`is open in process ${winner?.pid}`))).toBe(true);
  });

  test("a holder that was killed or stopped for ever is told from one that lives", async () => {
    const path = tempDirectory();
    const first = childOfTest("holder.ts", [path]);
    expect(await first.line()).toBe("open");
    first.process.kill("SIGSTOP");
    // Stopped is not dead: it may go on, and writes then.
    await expect(openBtree(path)).rejects.toMatchObject({ code: "CONFLICT" });
    await first.kill("SIGKILL");
    const driver = await openBtree(path);
    expect(await driver.get(`held by ${first.pid}`)).toBeDefined();
  });

  test.each([
    ["of another boot", { boot: "another", pid: 1 }],
    ["whose pid another process has now", { pid: process.ppid, started: "1" }],
    ["whose pid nobody has", { pid: 4_194_303 }],
    ["with no start time whose pid is another process", { started: "", pid: process.ppid }],
    ["of another container that is gone", { namespace: "pid:[1]", pid: 4_194_303 }],
  ])("the record of an owner %s is void", async (_, stale) => {
    const path = tempDirectory();
    const driver = await openBtree(path);
    await driver.put("k", bytes("v"), "absent");
    await rewriteOwner(path, stale);
    const other = childOfTest("holder.ts", [path]);
    expect(await other.line()).toBe("open");
    // And whoever was taken for dead writes nothing any more.
    await expect(driver.put("k", bytes("late"), "always")).rejects.toMatchObject({ code: "CONFLICT", outcome: "none" });
    await expect(driver.get("k")).rejects.toMatchObject({ code: "CONFLICT" });
    await driver.close();
  });

  test.each([
    ["of another container", { namespace: "pid:[1]" }],
    ["of a system without start times", { started: "" }],
  ])("the pid %s is judged by LMDB's own locks", async (_, unknown) => {
    const path = tempDirectory();
    const holder = childOfTest("holder.ts", [path]);
    expect(await holder.line()).toBe("open");
    await rewriteOwner(path, unknown);
    await expect(openBtree(path)).rejects.toThrow(`process ${holder.pid}`);
    await holder.kill("SIGKILL");
    const driver = await openBtree(path);
    expect(await driver.get(`held by ${holder.pid}`)).toBeDefined();
  });

  test("the data of this user is nobody else's to read", async () => {
    const path = `${tempDirectory()}/made/here`;
    await openBtree(path);
    expect(statSync(path).mode & 0o077).toBe(0);
    expect(statSync(`${path}/data.mdb`).mode & 0o077).toBe(0);
    expect(readFileSync(`${path}/data.mdb`).length).toBeGreaterThan(0);
  });
});
