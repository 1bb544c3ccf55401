import { inspect, isDeepStrictEqual } from "node:util";

import { StoreError, type StoreErrorCode } from "@orbit/persistence";

/** A law that a driver broke: which one, what was expected, and what was found instead. */
export class LawBroken extends Error {
  override readonly name: string = "LawBroken";
  readonly law: string;
  readonly expected: string;
  readonly found: string;

  constructor(law: string, expected: string, found: string, cause?: unknown) {
    super(`${law}\n  expected: ${expected}\n  found:    ${found}`, cause === undefined ? undefined : { cause });
    this.law = law;
    this.expected = expected;
    this.found = found;
  }
}

/** Fails with `law` unless `condition` holds. */
export function must(condition: boolean, law: string, expected: string, found: unknown): asserts condition {
  if (!condition) throw new LawBroken(law, expected, show(found));
}

/** Fails with `law` unless both are deeply equal. */
export function equal<T>(found: unknown, expected: T, law: string): asserts found is T {
  if (!isDeepStrictEqual(found, expected)) throw new LawBroken(law, show(expected), show(found));
}

/** Fails with `law` unless `work` rejects with a StoreError of one of `codes`; returns the error. */
export async function rejects(
  work: () => Promise<unknown>,
  codes: StoreErrorCode | readonly StoreErrorCode[],
  law: string,
): Promise<StoreError> {
  const allowed: readonly StoreErrorCode[] = typeof codes === "string" ? [codes] : codes;
  const expected = `a StoreError ${allowed.join(" or ")}`;
  let answer: unknown;
  try {
    answer = await work();
  } catch (error) {
    if (StoreError.is(error) && allowed.includes(error.code)) return error;
    throw new LawBroken(law, expected, describeError(error), error);
  }
  throw new LawBroken(law, expected, `it answered ${show(answer)}`);
}

/** Prints a value on one line, long texts and byte arrays shortened. */
export function show(value: unknown): string {
  return inspect(value, { depth: 5, breakLength: Infinity, maxStringLength: 200, maxArrayLength: 16, compact: true });
}

export function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : `a thrown ${show(error)}`;
}
