import { partitionOf } from "@orbit/persistence/driver";

/**
 * Names the keys of Redis. All of a bucket share its hash tag, so that one script may touch them: `orbit:{1f}:KEY` holds
 * a value, `orbit:{1f}` the ordered index of the bucket's keys, `orbit:{1f}~log` its change stream, `orbit:{1f}~ttl` when
 * its keys expire. `orbit` itself tells the layout.
 */
export class Layout {
  readonly buckets: number;
  /** The key that tells the layout. */
  readonly root: string;
  readonly #bases: readonly string[];

  constructor(prefix: string, buckets: number) {
    this.buckets = buckets;
    this.root = prefix;
    this.#bases = Array.from({ length: buckets }, (_, bucket) => `${prefix}:{${bucket.toString(16)}}`);
  }

  bucketOf(key: string): number {
    return partitionOf(key, this.buckets);
  }

  value(key: string): string {
    return `${this.#base(this.bucketOf(key))}:${key}`;
  }

  /** Where the driver's key starts in the name of a value of this bucket. */
  offset(bucket: number): number {
    return this.#base(bucket).length + 1;
  }

  index(bucket: number): string {
    return this.#base(bucket);
  }

  log(bucket: number): string {
    return `${this.#base(bucket)}~log`;
  }

  expiry(bucket: number): string {
    return `${this.#base(bucket)}~ttl`;
  }

  #base(bucket: number): string {
    return this.#bases[bucket] ?? "";
  }
}
