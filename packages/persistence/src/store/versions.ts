import type { Version } from "../contract/entry.ts";
import { StoreError } from "../contract/error.ts";
import type { Prior } from "./records.ts";

const MARK = "~";
const TOKEN = /^(.+)~([0-9a-f]{32})$/s;

/**
 * A version of the Store API holds the driver's version and the nonce of the write, so that a conditional write can
 * name its predecessor without a read.
 */
export function toVersion(prior: Prior): Version {
  const { nonce } = prior;
  const bytes = nonce instanceof Buffer ? nonce : Buffer.from(nonce);
  return `${prior.version}${MARK}${bytes.toString("hex")}` as Version;
}

export function toPrior(version: Version): Prior {
  const match = TOKEN.exec(version);
  if (match?.[1] === undefined || match[2] === undefined) {
    throw new StoreError("INVALID_ARGUMENT", "version: expected one that this store returned");
  }
  return { version: match[1] as Version, nonce: Buffer.from(match[2], "hex") };
}
