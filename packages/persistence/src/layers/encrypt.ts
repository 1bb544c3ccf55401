import { createCipheriv, createDecipheriv } from "node:crypto";

import { StoreError } from "../contract/error.ts";
import type { Layer } from "../contract/layer.ts";
import { decodeEnvelope, encodeEnvelope, type Envelope, IV_BYTES } from "../envelope/envelope.ts";
import { type Random, systemRandom } from "../runtime/random.ts";
import { defineLayer } from "./compose.ts";
import { KeyRing } from "./key-ring.ts";
import { translate } from "./translate.ts";

export interface EncryptOptions {
  readonly keys: KeyRing;
  /** Also reads values that were written without encryption: for the time of a migration. */
  readonly allowPlaintext?: boolean;
  readonly random?: Random;
}

const ALGORITHM = "aes-256-gcm";
const EMPTY = new Uint8Array(0);

/**
 * Encrypts values with AES-256-GCM. Keys of records and the headers of envelopes stay readable, but are bound to the
 * value: a record that was edited, or put in the place of another, is `CORRUPT`. A whole older state of the same record
 * can't be told from the present one. Change the active key before 2^32 values were written with it.
 */
export function encrypt(options: EncryptOptions): Layer {
  const { keys, allowPlaintext = false, random = systemRandom } = options;
  if (!(keys instanceof KeyRing)) throw new StoreError("INVALID_ARGUMENT", "keys: expected a key ring made by keyRing");
  return defineLayer("encrypt", (inner) =>
    translate(inner, {
      innerKey: (key) => key,
      outerKey: (key) => key,
      async seal(key, value) {
        const envelope = decodeEnvelope(value);
        const iv = random.fill(new Uint8Array(IV_BYTES));
        const cipher = createCipheriv(ALGORITHM, keys.key(keys.active), iv).setAAD(boundData(key, envelope));
        const body = Buffer.concat([cipher.update(envelope.body), cipher.final()]);
        const encryption = { keyId: keys.active, iv, tag: cipher.getAuthTag() };
        return encodeEnvelope({ ...envelope, encryption, body });
      },
      async open(key, value) {
        const envelope = decodeEnvelope(value);
        const { encryption } = envelope;
        if (encryption === undefined) {
          if (allowPlaintext) return value;
          throw new StoreError(
            "CORRUPT",
            "stored value: expected an encrypted one; allowPlaintext reads it all the same",
          );
        }
        const decipher = createDecipheriv(ALGORITHM, keys.key(encryption.keyId), encryption.iv)
          .setAAD(boundData(key, envelope))
          .setAuthTag(encryption.tag);
        try {
          const body = Buffer.concat([decipher.update(envelope.body), decipher.final()]);
          return encodeEnvelope({ ...envelope, encryption: undefined, body });
        } catch (cause) {
          throw new StoreError("CORRUPT", "stored value: it, its header or its key was changed", { cause });
        }
      },
    }),
  );
}

/** The record's key, which no character of a key can end too early, and everything that the envelope tells openly. */
function boundData(key: string, envelope: Envelope): Buffer {
  const header = encodeEnvelope({ ...envelope, encryption: undefined, body: EMPTY });
  return Buffer.concat([Buffer.from(`${key}\0`, "utf8"), header]);
}
