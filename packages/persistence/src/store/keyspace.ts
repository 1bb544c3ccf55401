import type { Range } from "../contract/entry.ts";
import { cutPrefix, decodePart, encodePart, isHashed, joinParts } from "../keys/codec.ts";
import type { StoredRecord } from "./records.ts";

/** One kind of records in a namespace: maps key parts to driver keys and back. */
export class Keyspace {
  readonly namespace: string;
  readonly kind: string;
  readonly #base: readonly [string, string];
  readonly #maxKeyBytes: number;

  constructor(namespace: string, kind: string, maxKeyBytes: number) {
    this.namespace = namespace;
    this.kind = kind;
    this.#base = [encodePart(namespace), encodePart(kind)];
    this.#maxKeyBytes = maxKeyBytes;
  }

  /** The driver key of some parts, and the text to keep in the envelope where the driver key is a hash. */
  encode(...parts: readonly string[]): { readonly key: string; readonly original: string | undefined } {
    const encoded = parts.map(encodePart);
    const { text, hashed } = joinParts([...this.#base, ...encoded], this.#maxKeyBytes);
    return { key: text, original: hashed ? encoded.join("-") : undefined };
  }

  /** The parts of a record's key. */
  decode(record: { readonly key: string; readonly envelope: Pick<StoredRecord["envelope"], "key"> }): string[] {
    return this.decodeText(record.envelope.key ?? this.strip(record.key));
  }

  decodeText(text: string): string[] {
    return text.split("-").map(decodePart);
  }

  /** What follows namespace and kind in a driver key that is not hashed. */
  strip(driverKey: string): string {
    return driverKey.slice(this.#base[0].length + this.#base[1].length + 2);
  }

  isHashed(driverKey: string): boolean {
    return isHashed(driverKey);
  }

  /** The driver range of all keys whose parts start with `parts`, the last one as a string prefix. */
  range(parts: readonly string[], after?: readonly string[]): Range {
    const text = [...this.#base, ...parts.map(encodePart)].join("-");
    const cut = cutPrefix(text, this.#maxKeyBytes);
    return { prefix: cut, ...(after === undefined ? {} : { after: this.encode(...after).key }) };
  }

  /** Whether a range of these parts also holds keys that do not start with them, because prefixes were cut. */
  isCut(parts: readonly string[]): boolean {
    const text = [...this.#base, ...parts.map(encodePart)].join("-");
    return cutPrefix(text, this.#maxKeyBytes).length < text.length;
  }
}
