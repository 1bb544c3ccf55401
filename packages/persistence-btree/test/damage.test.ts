import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { open } from "lmdb";
import { describe, expect, test } from "vitest";

import { bytes, childOfTest, openBtree, tempDirectory, text } from "./support/open.ts";

/** Makes a database of some pages and returns its directory. */
async function filled(): Promise<string> {
  const path = tempDirectory();
  const driver = await openBtree(path);
  for (let index = 0; index < 50; index += 1) await driver.put(`key-${index}`, new Uint8Array(500), "absent");
  await driver.put("marked", bytes("the value that is looked for"), "absent");
  await driver.close();
  return path;
}

describe("a directory that is not right is refused at open", () => {
  test("a file in its place", async () => {
    const path = join(tempDirectory(), "file");
    writeFileSync(path, "x");
    await expect(openBtree(path)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(openBtree(join(path, "below"))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(openBtree(path)).rejects.toThrow(path);
    expect(readFileSync(path, "utf8")).toBe("x");
  });

  test("a loop of links", async () => {
    const path = join(tempDirectory(), "loop");
    symlinkSync(path, path);
    await expect(openBtree(path)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  test.runIf(process.platform === "linux")("a directory or file that this user may not use", async () => {
    const uid = process.getuid?.() === 0 ? { uid: 65_534 } : {};
    const closed = join(tempDirectory(), "closed");
    mkdirSync(closed, { mode: 0o500 });
    chmodSync(join(closed, ".."), 0o755);
    expect(await childOfTest("holder.ts", [closed], uid).line()).toMatch(/^DENIED .*mend its owner or mode/);
    expect(await childOfTest("holder.ts", [join(closed, "below")], uid).line()).toMatch(/^DENIED /);
    chmodSync(closed, 0o777);
    writeFileSync(join(closed, "data.mdb"), "x", { mode: 0o000 });
    chmodSync(join(closed, "data.mdb"), 0o000);
    expect(await childOfTest("holder.ts", [closed], uid).line()).toMatch(/^DENIED /);
    chmodSync(join(closed, "data.mdb"), 0o666);
    writeFileSync(join(closed, "lock.mdb"), "");
    chmodSync(join(closed, "lock.mdb"), 0o000);
    expect(await childOfTest("holder.ts", [closed], uid).line()).toMatch(/^DENIED /);
    chmodSync(closed, 0o700);
  });

  test.each([
    ["garbage", () => Buffer.alloc(40_000, 0x5a)],
    ["text", () => Buffer.from("this is no database")],
    ["zeros", () => Buffer.alloc(40_000)],
    ["another program's header", () => Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.alloc(9000)])],
  ])("a data file of %s", async (_, content) => {
    const path = tempDirectory();
    writeFileSync(join(path, "data.mdb"), content());
    await expect(openBtree(path)).rejects.toMatchObject({ code: "CORRUPT" });
    expect(readFileSync(join(path, "data.mdb")).equals(content())).toBe(true);
  });

  test.each([0.75, 0.5, 0.3])("a data file cut off at %d of its size", async (part) => {
    const path = await filled();
    const file = join(path, "data.mdb");
    const size = readFileSync(file).length;
    truncateSync(file, Math.floor(size * part));
    const refused = openBtree(path);
    await expect(refused).rejects.toMatchObject({ code: "CORRUPT" });
    await expect(refused).rejects.toThrow("restore the directory from a backup");
  });

  test("a file from which only free pages at the end are missing is whole", async () => {
    const path = tempDirectory();
    const driver = await openBtree(path);
    // Leaves free pages for what comes last, so that it writes nothing at the end of the file.
    for (let round = 0; round < 60; round += 1) {
      await driver.put(`x${round % 3}`, new Uint8Array(round < 30 ? 3000 : 30), "always");
    }
    // Pages that are made and given up within one transaction count, and are never written.
    const keys = Array.from({ length: 600 }, (_, index) => `k${String(index).padStart(4, "0")}`);
    await driver.write?.([
      ...keys.map((key) => ({ type: "put", key, value: new Uint8Array(200), when: "always" }) as const),
      ...keys.toReversed().map((key) => ({ type: "delete", key, when: "always" }) as const),
    ]);
    await driver.close();
    const file = readFileSync(join(path, "data.mdb"));
    const [lastPage, pageSize] = [Number(file.readBigUInt64LE(144)), file.readUInt32LE(48)];
    expect(file.length).toBeLessThan((lastPage + 1) * pageSize);
    const again = await openBtree(path);
    expect((await again.get("x1"))?.value.length).toBe(30);
    expect(await again.put("large", new Uint8Array(500_000), "absent")).toMatchObject({ ok: true });
  });

  test("garbage in any page is refused, or told entry by entry, and crashes nothing", async () => {
    const path = tempDirectory();
    const driver = await openBtree(path);
    for (let index = 0; index < 400; index += 1) {
      await driver.put(`key-${index}`, new Uint8Array((index * 61) % 5000), "absent");
      if (index % 3 === 0) await driver.delete(`key-${index}`, "always");
    }
    await driver.close();
    const seed = Date.now() % 2 ** 31;
    const child = childOfTest("open-damaged.ts", [path, String(seed), "60"]);
    const outcomes: string[] = [];
    for (let line = await child.line(); line !== undefined; line = await child.line()) outcomes.push(line);
    expect(child.errors(), `seed ${seed}: ${outcomes.at(-1)}`).toBe("");
    expect(outcomes, `seed ${seed}: ${outcomes.at(-1)}`).toHaveLength(60);
    expect(
      outcomes.every((line) => / (CORRUPT|read 266)$/.test(line)),
      outcomes.join("\n"),
    ).toBe(true);
    expect(outcomes.some((line) => line.endsWith("CORRUPT"))).toBe(true);
  });

  test("an empty data file is a new database", async () => {
    const path = tempDirectory();
    writeFileSync(join(path, "data.mdb"), "");
    const driver = await openBtree(path);
    expect(await driver.put("k", bytes("v"), "absent")).toMatchObject({ ok: true });
  });

  test("a database of a newer format", async () => {
    const path = await filled();
    expect(await childOfTest("rewrite.ts", [path, "format", JSON.stringify("orbit-btree 2")]).line()).toBe("done");
    const refused = openBtree(path);
    await expect(refused).rejects.toMatchObject({ code: "CORRUPT" });
    await expect(refused).rejects.toThrow('expected the format "orbit-btree 1", found "orbit-btree 2"');
  });

  test("another program's LMDB database, which is left as it was", async () => {
    const path = tempDirectory();
    const foreign = open({ path, noSubdir: false, overlappingSync: false });
    await foreign.put("theirs", "value");
    await foreign.close();
    const before = readFileSync(join(path, "data.mdb"));
    const refused = openBtree(path);
    await expect(refused).rejects.toMatchObject({ code: "CORRUPT" });
    await expect(refused).rejects.toThrow("not Orbit's");
    expect(readFileSync(join(path, "data.mdb")).equals(before)).toBe(true);
    expect(readdirSync(path).sort()).toEqual(["data.mdb", "lock.mdb"]);
  });

  test.each([
    ["owner", "{"],
    ["owner", '{"pid":1}'],
    ["state", "short"],
  ])("a damaged record of the %s: %s", async (key, content) => {
    const path = await filled();
    expect(await childOfTest("rewrite.ts", [path, key, JSON.stringify(content)]).line()).toBe("done");
    const refused = openBtree(path);
    await expect(refused).rejects.toMatchObject({ code: "CORRUPT" });
    await expect(refused).rejects.toThrow(`the record "${key}"`);
  });

  test("after a refusal the path can be opened once it is mended", async () => {
    const path = tempDirectory();
    writeFileSync(join(path, "data.mdb"), "x");
    await expect(openBtree(path)).rejects.toMatchObject({ code: "CORRUPT" });
    writeFileSync(join(path, "data.mdb"), "");
    const driver = await openBtree(path);
    expect(await driver.get("k")).toBeUndefined();
  });
});

test("an entry whose bytes were changed on disk is CORRUPT to read, and can be replaced", async () => {
  const path = await filled();
  const file = join(path, "data.mdb");
  const content = readFileSync(file);
  let at = content.indexOf("the value that is looked for");
  expect(at).toBeGreaterThan(0);
  // Copy-on-write leaves older copies of the page.
  for (; at >= 0; at = content.indexOf("the value that is looked for", at + 1)) content[at] = 0x54;
  writeFileSync(file, content);
  const driver = await openBtree(path);
  await expect(driver.get("marked")).rejects.toMatchObject({ code: "CORRUPT", key: "marked" });
  await expect(driver.put("marked", bytes("new"), "absent")).rejects.toMatchObject({ code: "CORRUPT" });
  expect((await driver.get("key-7"))?.value.length).toBe(500);
  expect(await driver.put("marked", bytes("new"), "always")).toMatchObject({ ok: true });
  expect(text((await driver.get("marked"))?.value)).toBe("new");
});
