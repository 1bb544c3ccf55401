import type { Check, DeleteWhen, When, WriteOp } from "../contract/entry.ts";
import { StoreError } from "../contract/error.ts";

/** The longest key of the Store API, in UTF-8 bytes. */
export const MAX_USER_KEY_BYTES = 4096;

export function checkKey(key: unknown): asserts key is string {
  if (typeof key !== "string") throw invalid(`key: expected a string, found ${kindOf(key)}`);
  if (key === "") throw invalid("key: expected at least one character, found an empty string");
  // A UTF-16 unit takes at most three bytes, so that most keys need no exact count.
  if (key.length * 3 > MAX_USER_KEY_BYTES && Buffer.byteLength(key, "utf8") > MAX_USER_KEY_BYTES) {
    throw new StoreError(
      "TOO_LARGE",
      `key: ${Buffer.byteLength(key, "utf8")} bytes, the limit is ${MAX_USER_KEY_BYTES}`,
    );
  }
}

export function checkValue(value: unknown): asserts value is Uint8Array {
  if (!(value instanceof Uint8Array)) throw invalid(`value: expected a Uint8Array, found ${kindOf(value)}`);
}

export function checkSize(value: Uint8Array, maxValueBytes: number): void {
  if (value.length <= maxValueBytes) return;
  throw new StoreError("TOO_LARGE", `value: ${value.length} bytes, the limit is ${maxValueBytes}`);
}

export function checkWhen(when: unknown): asserts when is When {
  if (when === "always" || when === "absent") return;
  if (typeof when === "object" && when !== null && "version" in when && typeof when.version === "string") return;
  throw invalid(`when: expected "always", "absent" or {version}, found ${kindOf(when)}`);
}

export function checkDeleteWhen(when: unknown): asserts when is DeleteWhen {
  if (when === "absent") throw invalid(`when: a delete takes "always" or {version}, found "absent"`);
  checkWhen(when);
}

export function checkTtl(ttlMs: unknown): asserts ttlMs is number | undefined {
  if (ttlMs !== undefined) checkDuration("ttlMs", ttlMs);
}

export function checkDuration(name: string, ms: unknown): asserts ms is number {
  if (typeof ms === "number" && Number.isFinite(ms) && ms > 0) return;
  throw invalid(
    `${name}: expected a positive number of milliseconds, found ${typeof ms === "number" ? ms : kindOf(ms)}`,
  );
}

export function checkList(name: string, list: unknown): asserts list is readonly unknown[] {
  if (!Array.isArray(list)) throw invalid(`${name}: expected an array, found ${kindOf(list)}`);
}

export function checkObject(name: string, value: unknown): asserts value is object {
  if (typeof value !== "object" || value === null) throw invalid(`${name}: expected an object, found ${kindOf(value)}`);
}

export function checkCheck(check: unknown): asserts check is Check {
  checkObject("check", check);
  checkKey("key" in check ? check.key : undefined);
  const when = "when" in check ? check.when : undefined;
  if (when === "always") throw invalid('when: a check takes "absent" or {version}, found "always"');
  checkWhen(when);
}

export function checkOp(op: unknown): asserts op is WriteOp {
  checkObject("operation", op);
  if ("type" in op && (op.type === "put" || op.type === "delete")) return;
  throw invalid('operation: expected the type "put" or "delete"');
}

export function checkText(name: string, text: unknown): asserts text is string {
  if (typeof text !== "string") throw invalid(`${name}: expected a string, found ${kindOf(text)}`);
  if (!text.isWellFormed()) throw invalid(`${name}: expected well-formed Unicode, found a lone surrogate`);
}

/** Checks a whole number of at least `least`. */
export function checkCount(name: string, count: unknown, least: number): asserts count is number {
  if (Number.isSafeInteger(count) && (count as number) >= least) return;
  const found = typeof count === "number" ? count : kindOf(count);
  throw invalid(`${name}: expected a whole number of at least ${least}, found ${found}`);
}

export function checkLimit(limit: unknown): void {
  if (limit !== undefined) checkCount("limit", limit, 1);
}

function invalid(reason: string): StoreError {
  return new StoreError("INVALID_ARGUMENT", reason);
}

/** Names what was found without printing it: it may be a secret. */
function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? (value.constructor?.name ?? "an object") : typeof value;
}
