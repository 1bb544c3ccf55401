import type { Health } from "@orbit/persistence/driver";

import type { Environment } from "./environment.ts";
import { dataFileBytes, diskSpace } from "./files.ts";
import { entriesLimit } from "./space.ts";

const DEGRADED_FROM = 0.9;

/** Reads from the database and asks the disk. Throws where even that fails. */
export async function checkHealth(environment: Environment): Promise<Health> {
  const start = environment.now();
  for (let ready = environment.ready; ready !== undefined; ready = environment.ready) await ready;
  const { entries, bytes } = environment.count();
  const latencyMs = environment.now() - start;
  const { freeBytes, totalBytes } = diskSpace(environment.path);
  const maxBytes = entriesLimit(environment.mapSize);
  const details = {
    path: environment.path,
    entries,
    bytes,
    maxBytes,
    fileBytes: await dataFileBytes(environment.path),
    mapSize: environment.mapSize,
    diskFreeBytes: freeBytes,
  };
  const causes = [
    ...full(
      "entries take",
      "of the half of map_size that they may take: raise map_size, or delete entries",
      bytes / maxBytes,
    ),
    ...full("the disk is", "full: free space on it", totalBytes === 0 ? 0 : 1 - freeBytes / totalBytes),
  ];
  if (causes.length === 0) return { status: "healthy", latencyMs, details };
  return { status: "degraded", cause: causes.join("; "), latencyMs, details };
}

function full(what: string, mend: string, ratio: number): string[] {
  return ratio < DEGRADED_FROM ? [] : [`${what} ${Math.floor(ratio * 100)} % ${mend}`];
}
