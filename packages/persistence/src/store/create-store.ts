import { type Capabilities, CONTRACT } from "../contract/capabilities.ts";
import type { CallOptions, StoreDriver } from "../contract/driver.ts";
import { StoreError } from "../contract/error.ts";
import type { Layer } from "../contract/layer.ts";
import type { Store } from "../contract/store.ts";
import { ENVELOPE_BYTES } from "../envelope/envelope.ts";
import { checkOrder, compose } from "../layers/compose.ts";
import { metrics } from "../layers/metrics.ts";
import { trace } from "../layers/trace.ts";
import { type Probed, probe } from "../probe/probe.ts";
import { type Clock, systemClock } from "../runtime/clock.ts";
import { type Random, systemRandom } from "../runtime/random.ts";
import { checkStart, within } from "../runtime/wait.ts";
import { checkDuration, checkText, MAX_USER_KEY_BYTES } from "./checks.ts";
import { coalesceReads } from "./coalesce.ts";
import { monitorHealth } from "./health.ts";
import { attachRecords } from "./internals.ts";
import { Keyspace } from "./keyspace.ts";
import { Records } from "./records.ts";
import { RecordStore } from "./store.ts";

export interface StoreOptions extends CallOptions {
  /** Keeps the data of several applications in one backend apart. Any string; `orbit` by default. */
  readonly namespace?: string;
  /** Policies around the driver, outermost first, in the one order. `trace` and `metrics` are always there. */
  readonly layers?: readonly Layer[];
  /** Deadline of a call that brings none, in milliseconds: 10,000 for networked providers, none for embedded ones. */
  readonly operationTimeoutMs?: number;
  /** Checks health in the background at this interval, in milliseconds. Off by default. */
  readonly healthCheckIntervalMs?: number;
  readonly clock?: Clock;
  readonly random?: Random;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Opens a driver, proves that its backend honours conditions, and returns the store over it. The store owns the
 * driver: closing the store closes it; when opening fails, the driver is closed before the error is thrown.
 *
 * @throws StoreError `UNSUPPORTED` when the backend ignores conditions or the driver speaks another contract version,
 * or what the driver's `open` throws.
 */
export async function createStore(driver: StoreDriver, options: StoreOptions = {}): Promise<Store> {
  const { namespace = "orbit", layers = [], clock = systemClock, random = systemRandom } = options;
  checkText("namespace", namespace);
  if (options.operationTimeoutMs !== undefined) checkDuration("operationTimeoutMs", options.operationTimeoutMs);
  if (options.healthCheckIntervalMs !== undefined)
    checkDuration("healthCheckIntervalMs", options.healthCheckIntervalMs);
  checkContract(driver);
  const counters = metrics({ clock });
  const policies = [trace(), counters, ...layers];
  checkOrder(policies);
  try {
    checkStart(clock, options);
    const probed = await within(openAndProbe(driver, layers, random, options), clock, options, "none");
    const layered = compose(driver, policies);
    const declared = layered.capabilities;
    const networked = declared.scope === "cluster";
    const conditionalDelete = declared.conditionalDelete && probed.conditionalDelete;
    // A commit deletes for good and takes a tombstone for an entry, so that it has no place beside tombstones.
    const commit = conditionalDelete ? declared.commit : "none";
    const own: Capabilities = { ...declared, conditionalDelete, commit };
    const records = new Records({
      driver: networked ? coalesceReads(layered) : layered,
      capabilities: own,
      clock,
      random,
      operationTimeoutMs: options.operationTimeoutMs ?? (networked ? DEFAULT_TIMEOUT_MS : undefined),
    });
    const limits = {
      ...own.limits,
      maxKeyBytes: MAX_USER_KEY_BYTES,
      maxValueBytes: own.limits.maxValueBytes - ENVELOPE_BYTES,
    };
    const keyspace = new Keyspace(namespace, "data", own.limits.maxKeyBytes);
    const capabilities = { ...own, limits };
    const health = monitorHealth(records, options.healthCheckIntervalMs);
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => {
      closing ??= (async () => {
        records.markClosed();
        health.stop();
        try {
          await driver.close();
        } catch (error) {
          throw StoreError.from(error, { provider: driver.name, operation: "close" });
        }
      })();
      return closing;
    };
    const store = new RecordStore({
      records,
      keyspace,
      capabilities,
      metrics: counters,
      lastHealth: health.last,
      close,
    });
    attachRecords(store, records);
    return store;
  } catch (error) {
    const context = { provider: driver.name, operation: "open" };
    const failed = StoreError.from(error, context);
    try {
      await driver.close();
    } catch (second) {
      const cause = new AggregateError([failed, second], "opening and closing failed");
      throw new StoreError(failed.code, `${failed.reason}; closing the driver failed too`, { ...context, cause });
    }
    throw failed;
  }
}

async function openAndProbe(
  driver: StoreDriver,
  layers: readonly Layer[],
  random: Random,
  options: CallOptions,
): Promise<Probed> {
  await driver.open(options);
  checkOptionalMethods(driver);
  // Policies would hide or fake what the backend does; only where its keys stand matters to the probe.
  const placed = layers.filter(({ layer }) => layer === "prefix");
  return probe(compose(driver, placed), random, options);
}

function checkContract(driver: StoreDriver): void {
  if (driver.contract === CONTRACT) return;
  const reason = `the driver speaks contract ${driver.contract}, this version of @orbit/persistence speaks ${CONTRACT}`;
  const mend = `: install versions of both packages that match`;
  throw new StoreError("UNSUPPORTED", reason + mend, { provider: driver.name, operation: "open" });
}

/** A method that is there without its capability, or the reverse, is a broken promise. */
function checkOptionalMethods(driver: StoreDriver): void {
  const { capabilities } = driver;
  const promises: readonly [keyof StoreDriver, boolean][] = [
    ["getMany", capabilities.getMany],
    ["write", capabilities.write],
    ["commit", capabilities.commit !== "none"],
    ["watch", capabilities.watch !== "none"],
    ["session", capabilities.session],
    ["nextFence", capabilities.fences],
  ];
  for (const [method, declared] of promises) {
    if ((driver[method] !== undefined) === declared) continue;
    const reason = declared ? `declares ${method} but does not have it` : `has ${method} but does not declare it`;
    throw new StoreError("UNSUPPORTED", `the driver ${reason}`, { provider: driver.name, operation: "open" });
  }
}
