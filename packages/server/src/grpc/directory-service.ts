import type { ServiceImpl } from "@connectrpc/connect";
import {
  type Acquired,
  type CallOptions,
  type Holder,
  type NodeLease,
  remoteHolder,
  StoreError,
} from "@orbit/persistence";
import type { DirectoryService } from "@orbit/proto";

import type { Namespace, Namespaces } from "../namespaces.ts";
import { callOptions, fromLease, toGrant, toMs, toNodeLease, toReference } from "./convert.ts";
import { toDetail } from "./errors.ts";

/** Bounds what one request makes the store do. */
const MAX_MANY = 10_000;

/** Answers `orbit.directory.v1.DirectoryService`. */
export function directoryService(namespaces: Namespaces): ServiceImpl<typeof DirectoryService> {
  return {
    async acquire({ namespace, node, reference, ttl }, context) {
      const target = namespaces.writer(namespace);
      const options = callOptions(context);
      const [wanted, life] = [toReference(reference), toNodeLease(node)];
      const holder = await holderOf(target, life, options);
      return {
        result: acquiredResult(await target.directory.acquire(wanted, holder, { ...options, ttlMs: toMs(ttl) })),
      };
    },
    async acquireMany({ namespace, node, references, ttl }, context) {
      const target = namespaces.writer(namespace);
      const options = callOptions(context);
      const holder = await holderOf(target, toNodeLease(node), options);
      const results = await inBulk("references", references, toReference, (wanted) =>
        target.directory.acquireMany(wanted, holder, { ...options, ttlMs: toMs(ttl) }),
      );
      return {
        results: results.map((each) => ({ result: StoreError.is(each) ? failed(each) : acquiredResult(each) })),
      };
    },
    async lookup({ namespace, reference }, context) {
      const { directory } = namespaces.reader(namespace);
      const lease = await directory.lookup(toReference(reference), callOptions(context));
      return lease === undefined ? {} : { lease: fromLease(lease) };
    },
    async lookupMany({ namespace, references }, context) {
      const { directory } = namespaces.reader(namespace);
      const results = await inBulk("references", references, toReference, (wanted) =>
        directory.lookupMany(wanted, callOptions(context)),
      );
      return {
        results: results.map((each) => {
          if (each === undefined) return {};
          return { result: StoreError.is(each) ? failed(each) : leaseResult(each) };
        }),
      };
    },
    async renewLease({ namespace, grant }, context) {
      const { directory } = namespaces.writer(namespace);
      return { lease: fromLease(await directory.renew(toGrant(grant), callOptions(context))) };
    },
    async renewLeases({ namespace, grants }, context) {
      const { directory } = namespaces.writer(namespace);
      const results = await inBulk("grants", grants, toGrant, (held) =>
        directory.renewMany(held, callOptions(context)),
      );
      return { results: results.map((each) => ({ result: StoreError.is(each) ? failed(each) : leaseResult(each) })) };
    },
    async releaseLease({ namespace, grant }, context) {
      const { directory } = namespaces.writer(namespace);
      return { released: await directory.release(toGrant(grant), callOptions(context)) };
    },
    async releaseLeases({ namespace, grants }, context) {
      const { directory } = namespaces.writer(namespace);
      const results = await inBulk("grants", grants, toGrant, (held) =>
        directory.releaseMany(held, callOptions(context)),
      );
      return {
        results: results.map((each) => ({
          result: StoreError.is(each) ? failed(each) : ({ case: "released", value: each } as const),
        })),
      };
    },
    async *listLeases({ namespace, nodeId }, context) {
      const { directory } = namespaces.reader(namespace);
      const options = callOptions(context);
      const pages = nodeId === "" ? directory.leases(options) : directory.leasesOf(nodeId, options);
      for await (const page of pages) yield { leases: page.map(fromLease) };
    },
  };
}

/** Speaks for the node that asks, once its life is seen on record. */
async function holderOf({ membership }: Namespace, life: NodeLease, options: CallOptions): Promise<Holder> {
  const node = await membership.get(life.id, options);
  if (node === undefined || node.epoch !== life.epoch || node.status === "stopped") {
    throw new StoreError("LEASE_LOST", `node ${JSON.stringify(life.id)}: this life is not in the cluster, join again`);
  }
  return remoteHolder(life);
}

/** Runs a call over what can be read of many messages; what can't be gets an answer of its own. */
async function inBulk<Message, Item, Result>(
  what: string,
  messages: readonly Message[],
  read: (message: Message) => Item,
  run: (items: readonly Item[]) => Promise<readonly (Result | StoreError)[]>,
): Promise<readonly (Result | StoreError)[]> {
  checkCount(what, messages.length);
  const items = messages.map((message) => {
    try {
      return { item: read(message) };
    } catch (error) {
      return StoreError.from(error, {});
    }
  });
  const results = await run(items.flatMap((each) => (StoreError.is(each) ? [] : [each.item])));
  let next = 0;
  return items.map((each) => (StoreError.is(each) ? each : (results[next++] as Result | StoreError)));
}

function checkCount(what: string, count: number): void {
  if (count <= MAX_MANY) return;
  throw new StoreError("TOO_LARGE", `${what}: expected at most ${MAX_MANY} in one call, found ${count}`);
}

function acquiredResult(acquired: Acquired) {
  return acquired.ok
    ? ({ case: "granted", value: fromLease(acquired.lease) } as const)
    : ({ case: "held", value: fromLease(acquired.current) } as const);
}

function leaseResult(lease: Parameters<typeof fromLease>[0]) {
  return { case: "lease", value: fromLease(lease) } as const;
}

function failed(error: StoreError) {
  return { case: "error", value: toDetail(error) } as const;
}
