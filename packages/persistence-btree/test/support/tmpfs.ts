import { execFileSync } from "node:child_process";

import { onTestFinished } from "vitest";

import { tempDirectory } from "./open.ts";

/** Whether this process may mount file systems. */
export const canMount: boolean = process.platform === "linux" && process.getuid?.() === 0 && mounts();

function mounts(): boolean {
  try {
    // In a mount namespace of its own, so that nothing is left behind.
    execFileSync("unshare", ["--mount", "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt"], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}

/** Mounts a small disk that is gone after the test. */
export function smallDisk(size: string): string {
  const path = tempDirectory();
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path]);
  onTestFinished(() => void execFileSync("umount", ["--lazy", path]));
  return path;
}
