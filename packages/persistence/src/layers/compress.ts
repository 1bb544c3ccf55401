import { StoreError } from "../contract/error.ts";
import type { Layer } from "../contract/layer.ts";
import { type Codec, decodeEnvelope, encodeEnvelope } from "../envelope/envelope.ts";
import { checkCount } from "../store/checks.ts";
import { CODERS } from "./codecs.ts";
import { defineLayer } from "./compose.ts";
import { translate } from "./translate.ts";

export type CompressionCodec = Exclude<Codec, "none">;

export interface CompressOptions {
  /** `zstd` by default; `lz4` needs the package lz4-napi. Values are read whatever codec wrote them. */
  readonly codec?: CompressionCodec;
  /** Shorter values are stored as they are, in bytes: 1,024. */
  readonly thresholdBytes?: number;
}

/** What compression must leave of a value to be worth the work of undoing it. */
const WORTHWHILE = 0.9;

/** Compresses values where that saves more than a tenth. */
export function compress(options: CompressOptions = {}): Layer {
  const { codec = "zstd", thresholdBytes = 1_024 } = options;
  if (!Object.hasOwn(CODERS, codec)) {
    const reason = `codec: expected one of ${Object.keys(CODERS).join(", ")}, found ${JSON.stringify(codec)}`;
    throw new StoreError("INVALID_ARGUMENT", reason);
  }
  checkCount("thresholdBytes", thresholdBytes, 0);
  return defineLayer("compress", (inner) =>
    translate(inner, {
      innerKey: (key) => key,
      outerKey: (key) => key,
      async seal(_key, value) {
        const envelope = decodeEnvelope(value);
        if (envelope.body.length < thresholdBytes) return value;
        const body = await CODERS[codec].compress(envelope.body);
        return body.length < envelope.body.length * WORTHWHILE ? encodeEnvelope({ ...envelope, codec, body }) : value;
      },
      async open(_key, value) {
        const envelope = decodeEnvelope(value);
        if (envelope.codec === "none" || envelope.encryption !== undefined) return value;
        const body = await CODERS[envelope.codec].expand(envelope.body, inner.capabilities.limits.maxValueBytes);
        return encodeEnvelope({ ...envelope, codec: "none", body });
      },
    }),
  );
}
