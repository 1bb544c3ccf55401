import { readFileSync, readlinkSync } from "node:fs";

/**
 * Names one process among all that ever ran, so far as the system tells. Empty where it does not: start times and pid
 * namespaces are read from /proc, which only Linux has.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** The boot of the machine. */
  readonly boot: string;
  /** When the process started, in ticks since boot: a pid that is used again has another. */
  readonly started: string;
  /** Where the pid counts: containers have their own. */
  readonly namespace: string;
}

export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, boot: bootId(), started: startedAt(process.pid) ?? "", namespace: pidNamespace() };
}

export function sameProcess(a: ProcessIdentity, b: ProcessIdentity): boolean {
  return a.pid === b.pid && a.boot === b.boot && a.started === b.started && a.namespace === b.namespace;
}

/**
 * Whether a process still runs. Where the system can't tell, as for a process in another pid namespace, `lockedPids`
 * does: LMDB holds a file lock for the pid of each process that has the directory open, which ends with the process.
 */
export function isAlive(other: ProcessIdentity, self: ProcessIdentity, lockedPids: () => ReadonlySet<number>): boolean {
  if (other.boot !== self.boot) return false;
  if (other.namespace !== self.namespace) return lockedPids().has(other.pid);
  if (other.started !== "") return startedAt(other.pid) === other.started;
  // Its pid may belong to another process by now, after a reboot for example.
  return isRunning(other.pid) && lockedPids().has(other.pid);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Not allowed to signal it: it is there, and another user's.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Field 22 of /proc/<pid>/stat. The second field is the command in parentheses and may hold spaces. */
function startedAt(pid: number): string | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // A zombie has ended; only its parent has not noticed.
  return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}

function bootId(): string {
  return readIfThere("/proc/sys/kernel/random/boot_id")?.trim() ?? "";
}

function pidNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    // No such thing on this system; then there is only one.
    return "";
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Not Linux, or the process is gone.
    return undefined;
  }
}
