import { type AddressableLease, type CallOptions, StoreError, systemClock } from "@orbit/persistence";

import type { Namespaces } from "../namespaces.ts";
import { cursorOf, leaseJson, nodeJson, parseCursor, referenceOf } from "./json.ts";

const TIMEOUT_MS = 10_000;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;

/** Answers what is asked of the nodes and leases, as plain data for JSON. */
export class AdminApi {
  readonly #namespaces: Namespaces;

  constructor(namespaces: Namespaces) {
    this.#namespaces = namespaces;
  }

  async nodes(query: URLSearchParams): Promise<unknown> {
    const { membership } = this.#namespaces.reader(query.get("namespace") ?? "");
    const nodes = await membership.nodes({ ...bounded(), active: query.get("active") === "true" });
    return { nodes: nodes.map(nodeJson) };
  }

  /** A page of leases, and `next` where there are more. */
  async leases(query: URLSearchParams): Promise<unknown> {
    const { directory } = this.#namespaces.reader(query.get("namespace") ?? "");
    const limit = limitOf(query.get("limit"));
    const [node, after] = [query.get("node"), query.get("after")];
    const options = { ...bounded(), ...(after === null ? {} : { after: parseCursor(after) }) };
    const found: AddressableLease[] = [];
    for await (const page of node === null ? directory.leases(options) : directory.leasesOf(node, options)) {
      found.push(...page);
      if (found.length > limit) break;
    }
    const leases = found.slice(0, limit);
    const last = leases.at(-1);
    return { leases: leases.map(leaseJson), ...(found.length > limit && last ? { next: cursorOf(last) } : {}) };
  }

  async lease(query: URLSearchParams): Promise<unknown> {
    const { directory } = this.#namespaces.reader(query.get("namespace") ?? "");
    const lease = await directory.lookup(referenceOf(query), bounded());
    return { lease: lease === undefined ? null : leaseJson(lease) };
  }
}

function bounded(): CallOptions {
  return { deadline: systemClock.now() + TIMEOUT_MS };
}

function limitOf(text: string | null): number {
  if (text === null) return DEFAULT_LIMIT;
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= MAX_LIMIT) return limit;
  throw new StoreError("INVALID_ARGUMENT", `limit: expected a whole number from 1 to ${MAX_LIMIT}`);
}
