import { StoreError } from "../contract/error.ts";
import type { Layer } from "../contract/layer.ts";
import { defineLayer } from "./compose.ts";
import { translate } from "./translate.ts";

export interface PrefixOptions {
  /** What stands before every key in the backend: digits, lower-case letters and `. _ ~`, such as `team_a.`. */
  readonly prefix: string;
}

/** No "-": it ends the first part of a key, which is left out of account where keys are placed. */
const LEGAL = /^[0-9a-z._~]+$/;
/** What keys need beside the prefix, so that namespaces and hashes of long keys still fit. */
const LEFT_BYTES = 128;

/** Puts a prefix before every key of a driver, so that several stores share a bucket, a server or an access rule. */
export function prefix(options: PrefixOptions): Layer {
  const { prefix: text } = options;
  if (typeof text !== "string" || !LEGAL.test(text)) {
    const reason = "prefix: expected at least one of digits, lower-case letters and . _ ~, and nothing else";
    throw new StoreError("INVALID_ARGUMENT", reason);
  }
  return defineLayer("prefix", (inner) => {
    const { maxKeyBytes } = inner.capabilities.limits;
    if (maxKeyBytes - text.length < LEFT_BYTES) {
      const reason = `prefix: expected at most ${maxKeyBytes - LEFT_BYTES} characters on this provider, found ${text.length}`;
      throw new StoreError("INVALID_ARGUMENT", reason, { provider: inner.name });
    }
    const driver = translate(inner, {
      innerKey: (key) => text + key,
      outerKey: (key) => key.slice(text.length),
      seal: async (_key, value) => value,
      open: async (_key, value) => value,
    });
    return Object.defineProperty(driver, "capabilities", {
      get() {
        const { capabilities } = inner;
        const limits = { ...capabilities.limits, maxKeyBytes: capabilities.limits.maxKeyBytes - text.length };
        return { ...capabilities, limits };
      },
    });
  });
}
