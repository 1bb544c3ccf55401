import type { KeyJson, LeaseJson } from "@orbit/server";

import { askAdmin } from "../admin-client.ts";
import { type Io, painter } from "../io.ts";
import { duration, table } from "../table.ts";
import { watched } from "../watched.ts";

export interface LeasesFlags {
  readonly admin: string;
  readonly limit: number;
  readonly namespace?: string;
  readonly node?: string;
  readonly after?: string;
  readonly json?: boolean;
  readonly watch?: boolean;
}

interface Page {
  readonly leases: readonly LeaseJson[];
  readonly next?: string;
}

/** The server gives at most so many in one answer. */
const PAGE = 1_000;

/** Shows the leases of a namespace, or of one node. */
export function leases(flags: LeasesFlags, io: Io): Promise<number> {
  return watched(flags.watch === true, io, async () => {
    const page = await fetchLeases(flags);
    return flags.json === true ? `${JSON.stringify(page)}\n` : render(page, io);
  });
}

async function fetchLeases({ admin, namespace, node, after, limit }: LeasesFlags): Promise<Page> {
  const found: LeaseJson[] = [];
  let next = after;
  do {
    const query = { namespace, node, after: next, limit: String(Math.min(PAGE, limit - found.length)) };
    const page: Page = await askAdmin<Page>(admin, "/api/v1/leases", query);
    found.push(...page.leases);
    next = page.next;
  } while (next !== undefined && found.length < limit);
  return { leases: found, ...(next === undefined ? {} : { next }) };
}

function render({ leases: found, next }: Page, io: Io): string {
  if (found.length === 0) return "No leases.\n";
  const rows = found.map(({ type, key, node, fence, ttlMs }) => {
    return [`${type}(${keyText(key)})`, node, fence, ttlMs === undefined ? "with its node" : duration(ttlMs)];
  });
  const [headings = "", ...lines] = table(["ADDRESSABLE", "NODE", "FENCE", "TTL"], rows).split("\n");
  const more = next === undefined ? "" : `There are more: --after ${next}, or a larger --limit.\n`;
  return [painter(io)("bold", headings), ...lines].join("\n") + more;
}

function keyText(key: KeyJson): string {
  if (key.kind === "none") return "";
  return key.kind === "string" ? JSON.stringify(key.value) : String(key.value);
}
