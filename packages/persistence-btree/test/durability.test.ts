import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";

import { expect, test } from "vitest";

import { tempDirectory } from "./support/open.ts";

const hasStrace = process.platform === "linux" && spawnSync("strace", ["-V"]).status === 0;

test.runIf(hasStrace)("a write is acknowledged only after its pages, and then the root, were flushed", () => {
  const script = join(import.meta.dirname, "support/acknowledge.ts");
  const trace = `${tempDirectory()}/trace`;
  const calls = "trace=openat,pwrite64,pwritev,fdatasync,fsync,write";
  execFileSync("strace", ["-f", "-y", "-o", trace, "-e", calls, process.execPath, script, tempDirectory()]);
  const lines = execFileSync("cat", [trace], { encoding: "utf8" }).split("\n");
  // Each acknowledgement, with the calls since the one before.
  const acks = lines.flatMap((line, index) => (/write\(1<.*"ack \d+/.test(line) ? [index] : []));
  expect(acks).toHaveLength(5);
  // The root of the tree is written through a descriptor of its own, on which each write waits for the disk.
  const root = /openat\(.*data\.mdb", O_WRONLY\|O_DSYNC\S*\) = (\d+)/;
  const descriptors = new Set(lines.map((line) => root.exec(line)?.[1]).filter((fd) => fd !== undefined));
  expect(descriptors.size).toBeGreaterThan(0);
  for (const [index, ack] of acks.entries()) {
    const since = lines.slice(index === 0 ? 0 : acks[index - 1], ack);
    const flushed = since.findLastIndex((line) =>
      /f(data)?sync\(\d+<.*data\.mdb>\).*= 0|f(data)?sync resumed>.*= 0/.test(line),
    );
    const rooted = since.findLastIndex((line) => {
      const fd = /pwrite64\((\d+)<.*data\.mdb>/.exec(line)?.[1];
      return fd !== undefined && descriptors.has(fd);
    });
    const pages = since.findLastIndex(
      (line) => /pwrite(64|v)\(\d+<.*data\.mdb>/.test(line) && !line.includes(" 128, "),
    );
    // Through no other descriptor: then a commit could be seen, and acted on, before it is durable.
    const early = since.filter((line) => {
      const fd = /pwrite64\((\d+)<.*data\.mdb>.*, 128, \d+\)/.exec(line)?.[1];
      return fd !== undefined && !descriptors.has(fd);
    });
    expect(early).toEqual([]);
    expect(flushed).toBeGreaterThanOrEqual(0);
    expect(rooted).toBeGreaterThan(flushed);
    expect(flushed).toBeGreaterThan(pages);
  }
});
