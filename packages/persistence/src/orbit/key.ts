import { StoreError } from "../contract/error.ts";

/** The key of an addressable: one of Orbit's four kinds. Two kinds never name the same addressable. */
export type AddressableKey =
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "int32"; readonly value: number }
  | { readonly kind: "int64"; readonly value: bigint }
  | { readonly kind: "none" };

export const noKey: AddressableKey = Object.freeze({ kind: "none" });

/** Makes a string key. Throws `INVALID_ARGUMENT` on a lone surrogate. */
export function stringKey(value: string): AddressableKey {
  return Object.freeze({ kind: "string", value: checkString(value) });
}

/** Makes a 32-bit integer key. Throws `INVALID_ARGUMENT` outside of -2^31 to 2^31 - 1. */
export function int32Key(value: number): AddressableKey {
  return Object.freeze({ kind: "int32", value: checkInt32(value) });
}

/** Makes a 64-bit integer key. Throws `INVALID_ARGUMENT` outside of -2^63 to 2^63 - 1. */
export function int64Key(value: bigint): AddressableKey {
  return Object.freeze({ kind: "int64", value: checkInt64(value) });
}

/** Writes a key as text, one letter for its kind first; integers sort by value. */
export function formatKey(key: AddressableKey): string {
  switch (key.kind) {
    case "string":
      return `s${checkString(key.value)}`;
    case "int32":
      return `i${(checkInt32(key.value) + 2 ** 31).toString(16).padStart(8, "0")}`;
    case "int64":
      return `l${(checkInt64(key.value) + 2n ** 63n).toString(16).padStart(16, "0")}`;
    case "none":
      return "n";
    default:
      throw new StoreError("INVALID_ARGUMENT", "key: expected a key of kind string, int32, int64 or none");
  }
}

/** Reads what {@link formatKey} wrote. Throws `CORRUPT` on anything else. */
export function parseKey(text: string): AddressableKey {
  const rest = text.slice(1);
  if (text.startsWith("s")) return stringKey(rest);
  if (/^i[0-9a-f]{8}$/.test(text)) return int32Key(Number.parseInt(rest, 16) - 2 ** 31);
  if (/^l[0-9a-f]{16}$/.test(text)) return int64Key(BigInt(`0x${rest}`) - 2n ** 63n);
  if (text === "n") return noKey;
  throw new StoreError("CORRUPT", `stored addressable key ${JSON.stringify(text)} is not one of ours`);
}

function checkString(value: string): string {
  if (typeof value === "string" && value.isWellFormed()) return value;
  throw new StoreError("INVALID_ARGUMENT", "key: expected a well-formed string");
}

function checkInt32(value: number): number {
  // "| 0" also turns -0 into 0.
  if (Number.isInteger(value) && value === (value | 0)) return value | 0;
  throw new StoreError("INVALID_ARGUMENT", `key: expected an integer from -2^31 to 2^31 - 1, found ${String(value)}`);
}

function checkInt64(value: bigint): bigint {
  if (typeof value === "bigint" && value === BigInt.asIntN(64, value)) return value;
  throw new StoreError("INVALID_ARGUMENT", `key: expected a bigint from -2^63 to 2^63 - 1, found ${String(value)}`);
}
