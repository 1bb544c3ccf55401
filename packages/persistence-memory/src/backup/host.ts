import { readFile } from "node:fs/promises";
import { hostname } from "node:os";

import { codeOf } from "../errors.ts";

/** What a lock must know of the processes of this host. A parameter, so that a test can make up others. */
export interface Host {
  readonly name: string;
  readonly pid: number;
  /**
   * Tells when a process started, in a form that no other process of that id shares; `unknown` where the system does not
   * say, `undefined` where no such process runs.
   */
  startOf(pid: number): Promise<string | undefined>;
}

export const nodeHost: Host = {
  name: hostname(),
  pid: process.pid,
  async startOf(pid) {
    if (process.platform === "linux") {
      try {
        const [boot, stat] = await Promise.all([
          readFile("/proc/sys/kernel/random/boot_id", "latin1"),
          readFile(`/proc/${pid}/stat`, "latin1"),
        ]);
        // The name in brackets may hold anything; fields are counted after it. A killed process may stay as a zombie.
        const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return fields[0] === "Z" || fields[0] === "X" ? undefined : `${boot.trim()}/${fields[19] ?? ""}`;
      } catch (error) {
        if (codeOf(error) === "ENOENT" || codeOf(error) === "ESRCH") return undefined;
        // Without /proc the plain question below must do.
      }
    }
    try {
      process.kill(pid, 0);
      return "unknown";
    } catch (error) {
      return codeOf(error) === "ESRCH" ? undefined : "unknown";
    }
  },
};
