import type { DescMethodUnary } from "@bufbuild/protobuf";

import { BatchCommandsRequest_RequestSchema } from "../gen/tikvpb_pb.ts";

/** How a command travels. */
export interface Carrier {
  readonly path: string;
  /** Its field in a batch; missing where it must go alone. */
  readonly batched: number | undefined;
}

const fields = new Map(
  BatchCommandsRequest_RequestSchema.fields.map(({ message, number }) => [message?.typeName, number]),
);
const carriers = new Map<string, Carrier>();

/** Tells how a method of the store is called. What a batch can carry goes in batches. */
export function carrierOf({ name, parent, input }: DescMethodUnary): Carrier {
  let carrier = carriers.get(name);
  if (carrier === undefined) {
    carrier = { path: `/${parent.typeName}/${name}`, batched: fields.get(input.typeName) };
    carriers.set(name, carrier);
  }
  return carrier;
}
