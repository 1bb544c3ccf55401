import {
  type CallOptions,
  type Capabilities,
  type Clock,
  type Delete,
  type DeleteWhen,
  type Entry,
  type Put,
  type Random,
  sleep,
  StoreError,
  type WriteOp,
} from "@orbit/persistence/driver";

type PutOp = Extract<WriteOp, { readonly type: "put" }>;

export interface WeaknessInit {
  readonly capabilities: Capabilities;
  readonly latencyMs: number;
  readonly clock: Clock;
  readonly random: Random;
}

/** What a weaker store does to calls and answers. */
export class Weakness {
  readonly #capabilities: Capabilities;
  readonly #latencyMs: number;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor({ capabilities, latencyMs, clock, random }: WeaknessInit) {
    this.#capabilities = capabilities;
    this.#latencyMs = latencyMs;
    this.#clock = clock;
    this.#random = random;
  }

  /** Takes time before and after the work. A write that is given up after its effect has an unknown outcome. */
  async taking<T>(options: CallOptions | undefined, kind: "read" | "write", work: () => Promise<T>): Promise<T> {
    if (this.#latencyMs === 0) return work();
    await sleep(this.#clock, this.#latencyMs / 2, options?.signal);
    const result = await work();
    try {
      await sleep(this.#clock, this.#latencyMs / 2, options?.signal);
    } catch (cause) {
      const outcome = kind === "write" ? "unknown" : "none";
      throw new StoreError("ABORTED", "the caller's signal was aborted", { outcome, cause });
    }
    return result;
  }

  /** An entry as this store shows it: with its age in whole steps of the store's clock, or without. */
  entry(entry: Entry): Entry {
    const { ageMs, ...rest } = entry;
    if (ageMs === undefined || this.#capabilities.clock === "observer") return rest;
    const { ttlGranularityMs: step, clockSkewMs } = this.#capabilities.limits;
    const now = this.#clock.now();
    // Such a store tells when it wrote and what time it is, each cut to a step.
    const told = (Math.floor(now / step) - Math.floor((now - ageMs) / step)) * step;
    return { ...rest, ageMs: Math.max(0, told + (this.#random.number() * 2 - 1) * clockSkewMs) };
  }

  found(entry: Entry | undefined): Entry | undefined {
    return entry === undefined ? undefined : this.entry(entry);
  }

  answer<Answer extends Put | Delete>(answer: Answer): Answer {
    return answer.ok ? answer : { ...answer, current: this.found(answer.current) };
  }

  ttlMs(ttlMs: number): number {
    const step = this.#capabilities.limits.ttlGranularityMs;
    return Math.ceil(ttlMs / step) * step;
  }

  deleteWhen(when: DeleteWhen): DeleteWhen {
    return this.#capabilities.conditionalDelete ? when : "always";
  }

  /** The write as it is carried out. Throws where the store has to refuse it. */
  write(op: WriteOp): WriteOp {
    return op.type === "put" ? this.put(op) : { ...op, when: this.deleteWhen(op.when) };
  }

  /** As {@link write}; the value is copied, as it would be into a request. */
  put(op: PutOp): PutOp {
    const { limits, clock } = this.#capabilities;
    atMost("key", Buffer.byteLength(op.key), limits.maxKeyBytes);
    atMost("value", op.value.length, limits.maxValueBytes);
    const copy = { ...op, value: new Uint8Array(op.value) };
    if (op.ttlMs === undefined) return copy;
    if (clock !== "server-ttl") throw lacking("ttlMs");
    return { ...copy, ttlMs: this.ttlMs(op.ttlMs) };
  }
}

export function lacking(what: string): StoreError {
  return new StoreError("UNSUPPORTED", `${what} is not a capability of this store`);
}

export function atMost(what: string, size: number, limit: number): void {
  if (size > limit) throw new StoreError("TOO_LARGE", `${what}: ${size}, the limit is ${limit}`);
}
