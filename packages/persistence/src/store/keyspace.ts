import type { Range } from "../contract/entry.ts";
import { StoreError } from "../contract/error.ts";
import { cutPrefix, decodePart, encodePart, fitKey, isHashed, SEPARATOR } from "../keys/codec.ts";
import type { StoredRecord } from "./records.ts";

/** What the envelope has room for. Keys of the Store API are far shorter; names of nodes and addressables may not be. */
const MAX_ORIGINAL_BYTES = 65_535;

/** Driver keys that are kept, of names of at most so many characters: a few megabytes. */
const MAX_KEPT = 16_384;
const MAX_KEPT_LENGTH = 128;

export interface DriverKey {
  readonly key: string;
  /** The text to keep in the envelope where the driver key is a hash. */
  readonly original: string | undefined;
}

/** One kind of records in a namespace: maps key parts to driver keys and back. */
export class Keyspace {
  readonly namespace: string;
  readonly kind: string;
  /** What every driver key of this kind starts with. */
  readonly #base: string;
  readonly #maxKeyBytes: number;
  /** Driver keys of names made before: putting one together and hashing it anew costs as much as a read in memory. */
  readonly #kept = new Map<string, DriverKey>();

  constructor(namespace: string, kind: string, maxKeyBytes: number) {
    this.namespace = namespace;
    this.kind = kind;
    // A long namespace is hashed by itself, so that a cut key still tells it whole.
    const space = fitKey(encodePart(namespace), Math.floor(maxKeyBytes / 2)).text;
    this.#base = [space, encodePart(kind), ""].join(SEPARATOR);
    this.#maxKeyBytes = maxKeyBytes;
    if (cutPrefix(this.#base, maxKeyBytes) !== this.#base) {
      const reason = `the driver's maxKeyBytes of ${maxKeyBytes} leaves no room for keys beside their namespace`;
      throw new StoreError("UNSUPPORTED", reason);
    }
  }

  /** The driver key of a name of one part. */
  encodeName(name: string): DriverKey {
    const kept = this.#kept.get(name);
    if (kept !== undefined) return kept;
    const made = this.encode(name);
    if (name.length > MAX_KEPT_LENGTH) return made;
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
    // A copy: a name that was cut from a larger text would keep all of that alive.
    this.#kept.set(Buffer.from(name, "utf8").toString("utf8"), made);
    return made;
  }

  /** The driver key of some parts. */
  encode(...parts: readonly string[]): DriverKey {
    const encoded = join(parts);
    const whole = this.#base + encoded;
    if (whole.length <= this.#maxKeyBytes) return { key: whole, original: undefined };
    if (encoded.length > MAX_ORIGINAL_BYTES) {
      const reason = `the name takes ${encoded.length} bytes as stored, the limit is ${MAX_ORIGINAL_BYTES}: shorten it`;
      throw new StoreError("TOO_LARGE", reason);
    }
    return { key: fitKey(whole, this.#maxKeyBytes).text, original: encoded };
  }

  /** The parts of a record's key. */
  decode(record: { readonly key: string; readonly envelope: Pick<StoredRecord["envelope"], "key"> }): string[] {
    return this.decodeText(record.envelope.key ?? this.strip(record.key));
  }

  decodeText(text: string): string[] {
    return text.split(SEPARATOR).map(decodePart);
  }

  /** What follows namespace and kind in a driver key that is not hashed. */
  strip(driverKey: string): string {
    return driverKey.slice(this.#base.length);
  }

  isHashed(driverKey: string): boolean {
    return isHashed(driverKey);
  }

  /** The driver range of all keys whose parts start with `parts`, the last one as a string prefix. */
  range(parts: readonly string[], after?: readonly string[]): Range {
    const text = this.#base + join(parts);
    const cut = cutPrefix(text, this.#maxKeyBytes);
    return { prefix: cut, ...(after === undefined ? {} : { after: this.encode(...after).key }) };
  }

  /** Whether a range of these parts also holds keys that do not start with them, because prefixes were cut. */
  isCut(parts: readonly string[]): boolean {
    const text = this.#base + join(parts);
    return cutPrefix(text, this.#maxKeyBytes).length < text.length;
  }
}

function join(parts: readonly string[]): string {
  let text = encodePart(parts[0] ?? "");
  for (let at = 1; at < parts.length; at += 1) text += SEPARATOR + encodePart(parts[at] ?? "");
  return text;
}
