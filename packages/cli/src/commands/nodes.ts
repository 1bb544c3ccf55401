import type { NodeJson } from "@orbit/server";

import { askAdmin } from "../admin-client.ts";
import { type Io, painter } from "../io.ts";
import { duration, table } from "../table.ts";
import { watched } from "../watched.ts";

export interface NodesFlags {
  readonly admin: string;
  readonly namespace?: string;
  readonly active?: boolean;
  readonly json?: boolean;
  readonly watch?: boolean;
}

/** Shows the nodes of a namespace. */
export function nodes(flags: NodesFlags, io: Io): Promise<number> {
  return watched(flags.watch === true, io, async () => {
    const query = { namespace: flags.namespace, active: flags.active === true ? "true" : undefined };
    const answer = await askAdmin<{ readonly nodes: readonly NodeJson[] }>(flags.admin, "/api/v1/nodes", query);
    return flags.json === true ? `${JSON.stringify(answer)}\n` : render(answer.nodes, io);
  });
}

function render(found: readonly NodeJson[], io: Io): string {
  if (found.length === 0) return "No nodes.\n";
  const rows = found.map(({ id, status, url, ttlMs, addressableTypes }) => {
    return [id, status, url ?? "-", duration(ttlMs), addressableTypes.join(", ") || "-"];
  });
  const [headings = "", ...lines] = table(["ID", "STATUS", "URL", "TTL", "TYPES"], rows).split("\n");
  return [painter(io)("bold", headings), ...lines].join("\n");
}
