import type { Version } from "../contract/entry.ts";
import { StoreError } from "../contract/error.ts";
import type { Prior } from "./records.ts";

const MARK = "~";
const NONCE_DIGITS = 32;

/**
 * A version of the Store API holds the driver's version and the nonce of the write, so that a conditional write can
 * name its predecessor without a read.
 */
export function toVersion(prior: Prior): Version {
  const { nonce } = prior;
  const bytes = nonce instanceof Buffer ? nonce : Buffer.from(nonce);
  return versionText(prior.version, bytes.toString("hex"));
}

/** {@link toVersion} of a nonce in hexadecimal digits. */
export function versionText(version: Version, nonce: string): Version {
  return `${version}${MARK}${nonce}` as Version;
}

export function toPrior(version: Version): Prior {
  const end = version.length - NONCE_DIGITS - MARK.length;
  const digits = version.slice(-NONCE_DIGITS);
  // What is no digit ends the bytes early.
  const nonce = Buffer.from(digits, "hex");
  if (end < 1 || version[end] !== MARK || nonce.length !== NONCE_DIGITS / 2) {
    throw new StoreError("INVALID_ARGUMENT", "version: expected one that this store returned");
  }
  return { version: version.slice(0, end) as Version, nonce };
}
