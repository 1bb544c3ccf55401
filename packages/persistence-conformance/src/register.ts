import { conformance } from "./conformance.ts";
import { GROUPS, type Harness, type Spec } from "./harness.ts";

/** The two functions of a test runner that the kit needs; those of vitest and node:test fit. */
export interface Runner {
  readonly describe: (title: string, body: () => void) => unknown;
  readonly it: (
    title: string,
    options: { readonly timeout: number; readonly skip: boolean },
    body: () => Promise<void>,
  ) => unknown;
}

const MARGIN_MS = 5_000;

/** Registers every law as a test of a runner, in a block a group. Laws whose fault is not given are shown as skipped. */
export function registerConformance({ describe, it }: Runner, harness: Harness): void {
  // The kit's own limit tells which law hung; the runner's must not strike first.
  const timeout = (harness.timeoutMs ?? 20_000) * 2 + MARGIN_MS;
  const blocks = new Map<string, Spec[]>();
  for (const spec of conformance(harness)) {
    const through = spec.layer === undefined ? "" : `, through ${spec.layer}`;
    const title = `${spec.group} ${GROUPS[spec.group]}${through}`;
    blocks.set(title, [...(blocks.get(title) ?? []), spec]);
  }
  describe(`conformance of ${harness.name}`, () => {
    for (const [title, specs] of blocks) {
      describe(title, () => {
        for (const spec of specs) {
          it(spec.name, { timeout, skip: !spec.given }, async () => {
            await spec.run();
          });
        }
      });
    }
  });
}
