import { randomUUID } from "node:crypto";
import { link, readdir, readFile, unlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

import { StoreError } from "@orbit/persistence/driver";

import { codeOf } from "./errors.ts";

const LOCK = /^lock-(\d+)$/;

/**
 * Takes a directory for this process. Locks are numbered: who finds the highest one dead links the next, which one
 * process alone can do, and then looks again whether somebody was further by then. Returns how to give it back.
 *
 * @throws StoreError `CONFLICT` naming the process that has the directory.
 */
export async function takeLock(directory: string): Promise<() => Promise<void>> {
  const draft = join(directory, `draft-${randomUUID()}`);
  await writeFile(draft, `${process.pid} ${await startOf(process.pid)} ${hostname()}`);
  try {
    for (;;) {
      const [highest = 0, ...older] = await locks(directory);
      if (highest > 0) await refuseLiving(directory, highest);
      const own = highest + 1;
      // A link appears whole, with its text, or not at all.
      if (!(await tried(link(draft, join(directory, `lock-${own}`)), "EEXIST"))) continue;
      const [now] = await locks(directory);
      if (now !== own) {
        await remove(join(directory, `lock-${own}`));
        continue;
      }
      for (const number of [highest, ...older]) if (number > 0) await remove(join(directory, `lock-${number}`));
      return () => remove(join(directory, `lock-${own}`));
    }
  } finally {
    await remove(draft);
  }
}

/** The numbers of the locks there are, the highest first. */
async function locks(directory: string): Promise<number[]> {
  const numbers = (await readdir(directory)).map((name) => Number(LOCK.exec(name)?.[1] ?? 0));
  return numbers.filter((number) => number > 0).sort((a, b) => b - a);
}

async function refuseLiving(directory: string, number: number): Promise<void> {
  const path = join(directory, `lock-${number}`);
  const [pid = "", start = "", host = ""] = (await readIfThere(path)).split(" ");
  // Given back meanwhile, or torn by a power failure that its process did not survive.
  if (host === "") return;
  if (host !== hostname()) {
    const mend = `if that process is gone, delete ${path}`;
    throw new StoreError("CONFLICT", `the directory ${directory} is open in process ${pid} on host ${host}: ${mend}`);
  }
  const running = await startOf(Number(pid));
  // Where the system does not tell when a process started, a running one of that number counts as the holder.
  if (running === undefined || (running !== "?" && start !== "?" && running !== start)) return;
  const mend = "stop it, or give another path";
  throw new StoreError("CONFLICT", `the directory ${directory} is open in process ${pid}: ${mend}`);
}

/** When a process started, so that a number used again is not taken for it; `?` where only its number is known. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readIfThere(`/proc/${pid}/stat`);
  // Field 22; the second one is the name in parentheses and may hold spaces.
  if (stat !== "") return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  try {
    process.kill(pid, 0);
    return "?";
  } catch (error) {
    return codeOf(error) === "EPERM" ? "?" : undefined;
  }
}

async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ESRCH") return "";
    throw error;
  }
}

async function remove(path: string): Promise<void> {
  await tried(unlink(path), "ENOENT");
}

/** Whether something was done; `false` where it failed in the way that is expected. */
async function tried(done: Promise<void>, expected: string): Promise<boolean> {
  try {
    await done;
    return true;
  } catch (error) {
    if (codeOf(error) === expected) return false;
    throw error;
  }
}
