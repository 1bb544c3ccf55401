import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import {
  AddressableReferenceProtoSchema,
  RenewAddressableLeaseResponseProto_Status as LeaseStatus,
} from "@orbit/proto";
import { describe, expect, test } from "vitest";

import { serve } from "../harness.ts";
import { join, named, orbit, robot, timed } from "./clients.ts";

describe("AddressableManagement", () => {
  test("an addressable is granted to one node, whose lease keeps its fence over renewals", async () => {
    await using served = await timed();
    const [one, two] = [await join(served, "Robot"), await join(served, "Robot")];
    const reference = robot("bob");
    const start = served.clock.wall();
    const first = await served.addressables.renewLease({ reference }, one.named);
    expect(first).toMatchObject({
      status: LeaseStatus.OK,
      lease: { nodeId: { key: one.key, namespace: "games" }, reference },
    });
    const { lease } = first;
    expect(lease?.renewAt && timestampMs(lease.renewAt)).toBe(start + 300_000);
    expect(lease?.expiresAt && timestampMs(lease.expiresAt)).toBe(start + 600_000);
    expect(lease?.fence).toBeGreaterThan(0n);
    const refused = await served.addressables.renewLease({ reference }, two.named);
    expect(refused).toMatchObject({ status: LeaseStatus.ERROR });
    expect(refused.lease).toBeUndefined();
    expect(refused.errorDescription).toContain(`Robot("bob") is with node "${one.key}"`);
    await served.clock.advance(1_000);
    const renewed = await served.addressables.renewLease({ reference }, one.named);
    expect(renewed.lease?.fence).toBe(lease?.fence);
    expect(renewed.lease?.expiresAt && timestampMs(renewed.lease.expiresAt)).toBe(start + 601_000);
  });

  test("it goes over with a higher fence: when abandoned, when its node ends, and when its own time passes", async () => {
    await using served = await timed();
    const [one, two] = [await join(served), await join(served)];
    const reference = robot("bob");
    const ask = ({ named: headers }: { readonly named: ReturnType<typeof named> }) =>
      served.addressables.renewLease({ reference }, headers);
    const abandon = ({ named: headers }: { readonly named: ReturnType<typeof named> }) =>
      served.addressables.abandonLease({ reference }, headers);
    const pass = async (ms: number, ...living: readonly { readonly token: string; readonly key: string }[]) => {
      for (let rest = ms; rest > 0; rest -= 9_000) {
        await served.clock.advance(Math.min(rest, 9_000));
        for (const { token, key } of living) await served.nodes.renewLease({ challengeToken: token }, named(key));
      }
    };
    const fences = [(await ask(one)).lease?.fence];
    expect((await abandon(two)).abandoned).toBe(false);
    expect((await ask(two)).status).toBe(LeaseStatus.ERROR);
    expect((await abandon(one)).abandoned).toBe(true);
    expect((await abandon(one)).abandoned).toBe(false);
    fences.push((await ask(two)).lease?.fence);
    // The second ends, the first lives on.
    await pass(10_010, one);
    expect((await abandon(two)).abandoned).toBe(false);
    expect((await ask(two)).status).toBe(LeaseStatus.ERROR);
    fences.push((await ask(one)).lease?.fence);
    // The first lives on, and does not renew the addressable.
    const three = await join(served);
    await pass(599_000, one, three);
    expect((await ask(three)).status).toBe(LeaseStatus.ERROR);
    await pass(2_000, one, three);
    fences.push((await ask(three)).lease?.fence);
    expect((await ask(one)).status).toBe(LeaseStatus.ERROR);
    expect(fences).not.toContain(undefined);
    expect(fences).toEqual(fences.toSorted((a = 0n, b = 0n) => (a < b ? -1 : 1)));
    expect(new Set(fences).size).toBe(4);
  });

  test("a node asked again for what it abandoned gets it with a higher fence", async () => {
    await using served = await timed();
    const node = await join(served);
    const reference = robot("bob");
    const first = await served.addressables.renewLease({ reference }, node.named);
    await served.addressables.abandonLease({ reference }, node.named);
    const second = await served.addressables.renewLease({ reference }, node.named);
    expect(second.lease?.fence).toBeGreaterThan(first.lease?.fence ?? 0n);
  });

  test("keys of every kind, and one that is none", async () => {
    await using served = await timed();
    const node = await join(served);
    const kinds = [
      { case: "int32Key", value: -7 },
      { case: "int64Key", value: -(2n ** 63n) },
      { case: "stringKey", value: "" },
      { case: "stringKey", value: "ключ/\u0000" },
      { case: "noKey", value: true },
    ] as const;
    const fences = new Set<bigint | undefined>();
    for (const key of kinds) {
      const reference = { type: "Robot", key: { key } };
      const { status, lease } = await served.addressables.renewLease({ reference }, node.named);
      expect([status, lease?.reference?.key?.key]).toEqual([LeaseStatus.OK, key]);
      expect((await served.addressables.abandonLease({ reference }, node.named)).abandoned).toBe(true);
      fences.add(lease?.fence);
    }
    // A kind of key from the future arrives as no key at all.
    const future = fromBinary(AddressableReferenceProtoSchema, Buffer.from("0a05526f626f741203a00601", "hex"));
    expect(toBinary(AddressableReferenceProtoSchema, future)).toHaveLength(12);
    for (const reference of [undefined, { type: "Robot" }, future]) {
      const answer = await served.addressables.renewLease({ reference }, node.named);
      expect(answer).toMatchObject({ status: LeaseStatus.ERROR });
      expect(answer.errorDescription).toMatch(/^\[INVALID_ARGUMENT\] reference/);
      const call = served.addressables.abandonLease({ reference }, node.named);
      await expect(call).rejects.toMatchObject({ code: Code.InvalidArgument });
    }
  });

  test("many nodes ask for one addressable at once: one gets it", async () => {
    await using served = await serve();
    const clients = orbit(served.server.address.grpc);
    const nodes = await Promise.all(Array.from({ length: 20 }, () => join(clients)));
    const answers = await Promise.all(
      nodes.map(({ named: headers }) => clients.addressables.renewLease({ reference: robot("bob") }, headers)),
    );
    expect(answers.filter(({ status }) => status === LeaseStatus.OK)).toHaveLength(1);
  });
});
