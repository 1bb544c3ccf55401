import type { StoreDriver } from "../contract/driver.ts";
import type { Change, Entry, WriteOp } from "../contract/entry.ts";
import { StoreError } from "../contract/error.ts";
import { settleAll } from "../store/settle.ts";

/** What a layer makes of keys and values on their way to the inner driver and back. */
export interface Translation {
  readonly innerKey: (key: string) => string;
  readonly outerKey: (key: string) => string;
  /** Makes the value to be stored under a key; keys are those outside this layer. */
  readonly seal: (key: string, value: Uint8Array) => Promise<Uint8Array>;
  /** Gives back what `seal` got. Throws `CORRUPT` or `DENIED` where it can't. */
  readonly open: (key: string, value: Uint8Array) => Promise<Uint8Array>;
}

const EMPTY = new Uint8Array(0);

/** Wraps a driver so that everything that goes in and comes out is translated: the one place that knows them all. */
export function translate(inner: StoreDriver, translation: Translation): StoreDriver {
  const { innerKey, outerKey } = translation;

  const entryOf = async (entry: Entry, keysOnly = false): Promise<Entry> => {
    const key = outerKey(entry.key);
    // A listing may leave values out. An entry that is really empty is no envelope, which the core finds out.
    const empty = keysOnly || entry.value.length === 0;
    return { ...entry, key, value: empty ? EMPTY : await translation.open(key, entry.value) };
  };
  const openCurrent = async (current: Entry | undefined): Promise<Entry | undefined> =>
    current === undefined ? undefined : entryOf(current);
  const openAnswer = async <T extends { readonly ok: boolean }>(answer: T): Promise<T> =>
    "current" in answer ? { ...answer, current: await openCurrent(answer.current as Entry | undefined) } : answer;
  const sealed = async (key: string, value: Uint8Array): Promise<Uint8Array> => {
    const bytes = await translation.seal(key, value);
    const { maxValueBytes } = inner.capabilities.limits;
    if (bytes.length <= maxValueBytes) return bytes;
    const reason = `value: ${bytes.length} bytes as stored, the limit is ${maxValueBytes}`;
    throw new StoreError("TOO_LARGE", reason, { provider: inner.name, key });
  };
  const sealOp = async (op: WriteOp): Promise<WriteOp> =>
    op.type === "put"
      ? { ...op, key: innerKey(op.key), value: await sealed(op.key, op.value) }
      : { ...op, key: innerKey(op.key) };
  const openChange = async (change: Change): Promise<Change> =>
    change.type === "put"
      ? { ...change, entry: await entryOf(change.entry) }
      : { ...change, key: outerKey(change.key) };

  const driver: StoreDriver = {
    get name() {
      return inner.name;
    },
    get contract() {
      return inner.contract;
    },
    get capabilities() {
      return inner.capabilities;
    },
    open: (options) => inner.open(options),
    close: () => inner.close(),
    health: (options) => inner.health(options),
    get: async (key, options) => openCurrent(await inner.get(innerKey(key), options)),
    put: async (key, value, when, options) =>
      openAnswer(await inner.put(innerKey(key), await sealed(key, value), when, options)),
    delete: async (key, when, options) => openAnswer(await inner.delete(innerKey(key), when, options)),
    async *scan(range, options) {
      const { prefix, after, keysOnly } = range;
      const translated = {
        ...range,
        prefix: innerKey(prefix),
        ...(after === undefined ? {} : { after: innerKey(after) }),
      };
      for await (const page of inner.scan(translated, options)) {
        yield await Promise.all(page.map((entry) => entryOf(entry, keysOnly)));
      }
    },
  };
  if (inner.getMany !== undefined) {
    driver.getMany = async (keys, options) =>
      Promise.all((await inner.getMany!(keys.map(innerKey), options)).map(openCurrent));
  }
  if (inner.write !== undefined) {
    driver.write = async (ops, options) => {
      const ready = await settleAll(ops, ops.length, sealOp);
      const sent = ready.filter((op): op is WriteOp => !StoreError.is(op));
      const answers = sent.length === 0 ? [] : await inner.write!(sent, options);
      return settleAll(ready, ready.length, async (op) => {
        if (StoreError.is(op)) throw op;
        const answer = answers[sent.indexOf(op)];
        if (answer === undefined)
          throw new StoreError("INTERNAL", "the driver left out an answer", { outcome: "unknown" });
        if (StoreError.is(answer)) throw answer;
        return openAnswer(answer);
      });
    };
  }
  if (inner.commit !== undefined) {
    driver.commit = async (checks, ops, options) => {
      const innerChecks = checks.map((check) => ({ ...check, key: innerKey(check.key) }));
      const answer = await inner.commit!(innerChecks, await Promise.all(ops.map(sealOp)), options);
      if (answer.ok) return answer;
      const conflicts = answer.conflicts.map(async ({ key, current }) => ({
        key: outerKey(key),
        current: await openCurrent(current),
      }));
      return { ok: false, conflicts: await Promise.all(conflicts) };
    };
  }
  if (inner.watch !== undefined) {
    driver.watch = async function* (range, options) {
      for await (const step of inner.watch!({ ...range, prefix: innerKey(range.prefix) }, options)) {
        yield "type" in step ? step : await Promise.all(step.map(openChange));
      }
    };
  }
  if (inner.session !== undefined) driver.session = (ttlMs, options) => inner.session!(ttlMs, options);
  if (inner.clockMicros !== undefined) driver.clockMicros = () => inner.clockMicros!();
  if (inner.nextFence !== undefined) driver.nextFence = (above, options) => inner.nextFence!(above, options);
  return driver;
}
