import { createSecretKey, type KeyObject } from "node:crypto";

import { StoreError } from "../contract/error.ts";

export interface KeyRingOptions {
  /** The id of the key that new values are written with. */
  readonly active: string;
  /** All keys by id (1 to 32 bytes of text): 32 bytes each, or their base64. Keep a key while values written with it exist. */
  readonly keys: Readonly<Record<string, string | Uint8Array>>;
}

const KEY_BYTES = 32;
const MAX_ID_BYTES = 32;
const BASE64 = /^[A-Za-z0-9+/]{43}=$/;

/** Keys for `encrypt`. Inspecting or serialising it shows the ids alone. */
export class KeyRing {
  readonly active: string;
  readonly ids: readonly string[];
  readonly #keys: ReadonlyMap<string, KeyObject>;

  /** @internal Use {@link keyRing}. */
  constructor(active: string, keys: ReadonlyMap<string, KeyObject>) {
    this.active = active;
    this.ids = [...keys.keys()];
    this.#keys = keys;
  }

  /** Returns a key; throws `DENIED` naming the id when the ring lacks it. */
  key(id: string): KeyObject {
    const key = this.#keys.get(id);
    if (key !== undefined) return key;
    const reason = `the key ring lacks the key ${JSON.stringify(id)} that a stored value was written with: add it`;
    throw new StoreError("DENIED", reason);
  }
}

/** Makes a key ring. Throws `INVALID_ARGUMENT` naming every fault at once, and no key. */
export function keyRing(options: KeyRingOptions): KeyRing {
  const { active, keys } = options;
  const faults: string[] = [];
  const found = new Map<string, KeyObject>();
  for (const [id, key] of Object.entries(keys)) {
    const idBytes = Buffer.byteLength(id, "utf8");
    if (idBytes === 0 || idBytes > MAX_ID_BYTES || !id.isWellFormed()) {
      faults.push(`a key id of ${idBytes} bytes: expected 1 to ${MAX_ID_BYTES} bytes of text`);
    }
    const bytes = typeof key === "string" ? fromBase64(key) : key;
    if (!(bytes instanceof Uint8Array) || bytes.length !== KEY_BYTES) {
      faults.push(`key ${JSON.stringify(id)}: expected ${KEY_BYTES} bytes or their base64`);
    } else {
      found.set(id, createSecretKey(bytes));
    }
  }
  if (!Object.hasOwn(keys, active)) {
    faults.push(`active: expected the id of one of the keys, found ${JSON.stringify(active)}`);
  }
  if (faults.length > 0) throw new StoreError("INVALID_ARGUMENT", `key ring: ${faults.join("; ")}`);
  return new KeyRing(active, found);
}

function fromBase64(text: string): Uint8Array | undefined {
  return BASE64.test(text) ? Buffer.from(text, "base64") : undefined;
}
