import { TikvError } from "../errors.ts";

/** Makes the error for what a store says in words. */
export function refused(call: string, text: string): TikvError {
  // TiKV: "TTL is not enabled, but get put request with ttl".
  if (/ttl is not enabled/i.test(text)) {
    return new TikvError("UNSUPPORTED", `${call}: ${text}; a ttl needs storage.enable-ttl, or API V2`);
  }
  return new TikvError("REFUSED", `${call}: ${text}`);
}
