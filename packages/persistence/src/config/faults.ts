import { StoreError, type StoreErrorCode } from "../contract/error.ts";
import type { Fault } from "./schema.ts";

/** Makes the error that names every fault, one a line; {@link faultsOf} reads them back. */
export function faultsError(code: StoreErrorCode, faults: readonly Fault[], file?: string): StoreError {
  const lines = faults.map(({ path, reason }) => `${path}: ${reason}`);
  const all =
    lines.length === 1 ? lines.join("") : `${lines.length} faults\n${lines.map((line) => `- ${line}`).join("\n")}`;
  return new StoreError(code, file === undefined ? all : `${file}: ${all}`, { cause: { faults } });
}

/** Returns the faults that an `INVALID_CONFIG` or `INVALID_ARGUMENT` error names; none for any other error. */
export function faultsOf(error: unknown): readonly Fault[] {
  const cause: unknown = error instanceof StoreError ? error.cause : undefined;
  if (typeof cause !== "object" || cause === null || !("faults" in cause) || !Array.isArray(cause.faults)) return [];
  return cause.faults as readonly Fault[];
}

const MAX_SHOWN = 60;

/** Says what was found instead: the kind of value, and the value itself where it is short, plain and no secret. */
export function describe(value: unknown, secret: boolean): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  switch (typeof value) {
    case "string":
      return secret ? "a text" : quote(value);
    case "number":
    case "bigint":
      return secret ? "a number" : `the number ${value}`;
    case "boolean":
      return secret ? "a boolean" : `${value}`;
    case "object":
      return "a table";
    default:
      return `a ${typeof value}`;
  }
}

/** Quotes text for a message: shortened, without control characters and without the password of a URL. */
export function quote(text: string): string {
  const plain = text.replace(/(\/\/)[^/@\s]*@/g, "$1***@");
  return JSON.stringify(plain.length <= MAX_SHOWN ? plain : `${plain.slice(0, MAX_SHOWN)}…`);
}
