import type { Change, Cursor, Resync } from "@orbit/persistence";
import type { StoreDriver } from "@orbit/persistence/driver";

import type { Harness } from "../../src/index.ts";
import { FaultLink, linkFaults } from "../fault-link.ts";
import type { FullData } from "../full-driver.ts";
import { type Fault, type Faulty, faultyFull } from "./faulty.ts";

type Watch = NonNullable<StoreDriver["watch"]>;

/** A fault of streams alone: the laws that open none are not run. */
function faultyWatch(
  name: string,
  fault: (watch: Watch, data: FullData, shared: Map<string, unknown>) => Fault,
  only = "watch",
): Faulty {
  const faulty = faultyFull(name, ["J"], ({ watch }, data, shared) => {
    if (watch === undefined) throw new Error("the full driver has watches");
    return fault(watch, data, shared);
  });
  return { ...faulty, only, harness: () => ({ ...faulty.harness(), timeoutMs: 800 }) };
}

/** Changes the changes of a stream; what makes none of an item drops it. */
const through = (
  watch: Watch,
  map: (changes: readonly Change[], from: Cursor | undefined) => readonly Change[] | Resync,
): Watch =>
  async function* (range, options) {
    for await (const item of watch(range, options)) {
      const shown = "type" in item ? item : map(item, range.from);
      if ("type" in shown || shown.length > 0) yield shown;
    }
  };

const keyOf = (change: Change): string => (change.type === "put" ? change.entry.key : change.key);

export const watchFaults: readonly Faulty[] = [
  faultyWatch(
    "loses a change now and then",
    (watch) => {
      let count = 0;
      return { watch: through(watch, (changes) => changes.filter(() => (count += 1) % 7 !== 0)) };
    },
    "J Watch many",
  ),
  faultyWatch("shows a change again after it resumed", (watch, { log }) => ({
    async *watch(range, options) {
      const before = Number(range.from) > 0 ? log[Number(range.from) - 1] : undefined;
      if (before !== undefined && keyOf(before).startsWith(range.prefix)) yield [before];
      yield* watch(range, options);
    },
  })),
  faultyWatch("leaves out a change when it resumes", (watch) => ({
    watch: (range, options) =>
      watch(
        /^\d+$/.test(range.from ?? "") ? { ...range, from: `${Number(range.from) + 1}` as Cursor } : range,
        options,
      ),
  })),
  faultyWatch("shows the changes of one moment in reverse", (watch) => ({
    watch: through(watch, (changes) => changes.toReversed()),
  })),
  faultyWatch("shows only the last change of a key at one moment", (watch) => ({
    watch: through(watch, (changes) => [...new Map(changes.map((change) => [keyOf(change), change])).values()]),
  })),
  faultyWatch("shows what other prefixes hold", (watch) => ({
    watch: (range, options) => watch({ ...range, prefix: range.prefix.slice(0, -1) }, options),
  })),
  faultyWatch("shows no deletes", (watch) => ({
    watch: through(watch, (changes) => changes.filter(({ type }) => type === "put")),
  })),
  faultyWatch(
    "says to read anew instead of showing a change",
    (watch) => ({
      watch: through(watch, (changes) => ({ type: "resync", cursor: changes.at(-1)?.cursor ?? ("0" as Cursor) })),
    }),
    "J Watch a stream shows what",
  ),
  faultyWatch(
    "shows an older value under a newer version",
    (watch, { log }) => ({
      watch: through(watch, (changes) =>
        changes.map((change) => {
          if (change.type === "delete") return change;
          const before = log.find((each) => each.type === "put" && each.entry.key === change.entry.key);
          return before?.type === "put" ? { ...change, entry: { ...change.entry, value: before.entry.value } } : change;
        }),
      ),
    }),
    "J Watch a change carries",
  ),
  faultyWatch("goes on in silence after a cursor that tells nothing", (watch, { log }) => ({
    watch: (range, options) =>
      watch(
        range.from !== undefined && !/^\d+$/.test(range.from) ? { ...range, from: `${log.length}` as Cursor } : range,
        options,
      ),
  })),
  faultyWatch("drops what a slow reader has not taken", (watch) => ({
    watch: through(watch, (changes) => changes.slice(-100)),
  })),
  faultyWatch("shows each change to one stream alone", (watch, _data, shared) => ({
    watch: through(watch, (changes) =>
      changes.filter(({ cursor }) => {
        const isFirst = !shared.has(cursor);
        shared.set(cursor, true);
        return isFirst;
      }),
    ),
  })),
  faultyWatch("does not hear its signal while nothing happens", (watch) => ({
    watch: (range) => watch(range),
  })),
  faultyWatch("does not end its streams when it is closed", () => ({ close: async () => undefined })),
  faultyWatch("listens to its signal for ever", (watch) => ({
    watch(range, options) {
      options?.signal?.addEventListener("abort", () => undefined);
      return watch(range, options);
    },
  })),
  faultyWatch(
    "misses what is written while a stream begins",
    (watch) => ({
      async *watch(range, options) {
        for await (const item of watch(range, options)) {
          yield item;
          if (range.from !== undefined || !("type" in item)) continue;
          // The stream proper begins only once its first item was taken, at what is the present then.
          for await (const next of watch(range, options)) if (!("type" in next)) yield next;
        }
      },
    }),
    "J Watch watch, then read",
  ),
  forgetful(),
];

/** Compacts its changes, and resumes after those that are gone. */
function forgetful(): Faulty {
  const name = "resumes in silence after changes that were forgotten";
  const sound = faultyFull(name, ["J"], () => ({}));
  const harness = (): Harness => {
    const { open, ...rest } = sound.harness();
    const faults = linkFaults(new FaultLink(), open as () => StoreDriver, { forgetChanges: () => undefined });
    return { ...rest, open, faults };
  };
  return { ...sound, only: "J Watch a cursor", harness };
}
