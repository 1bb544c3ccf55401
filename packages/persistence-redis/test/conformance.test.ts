import { registerConformance } from "@orbit/persistence-conformance";
import { describe, expect, it } from "vitest";

import manifest from "../package.json" with { type: "json" };
import { redis, provider } from "../src/index.ts";

registerConformance({ describe, it }, { name: "redis", open: () => redis({ address: "conformance" }) });

it("tells in package.json what it promises", () => {
  const { types, schemes, capabilities } = manifest.orbit.provider;
  expect({ types, schemes }).toEqual({ types: provider.types, schemes: provider.schemes });
  expect(capabilities).toEqual(redis().capabilities);
});
