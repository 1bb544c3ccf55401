import { createHash, randomBytes, randomInt, timingSafeEqual } from "node:crypto";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const NODE_KEY_LENGTH = 16;
const TOKEN_LENGTH = 64;
const SALT_BYTES = 16;

/** The entry of a node's metadata that holds the digests of its tokens. Nodes that joined otherwise have none. */
const ENTRY = "orbit.challenge";

/** Draws the key of a node: 16 letters and digits. */
export function drawNodeKey(): string {
  return draw(NODE_KEY_LENGTH);
}

/** Draws a challenge token: 64 letters and digits, 381 bits. */
export function drawToken(): string {
  return draw(TOKEN_LENGTH);
}

type Metadata = Readonly<Record<string, string>>;

/**
 * Makes the metadata of a node whose token this is. The store gets a salted digest, from which nobody can tell the
 * token; with this many random bits a plain digest needs no stretching.
 */
export function withToken(token: string): Metadata {
  return { [ENTRY]: digestOf(token, randomBytes(SALT_BYTES)) };
}

/** Adds a second token to a node's metadata, in place of an earlier second one. The token of the join stays good. */
export function withSecondToken(metadata: Metadata, token: string): Metadata {
  const [first = ""] = digestsIn(metadata);
  return { ...metadata, [ENTRY]: `${first} ${digestOf(token, randomBytes(SALT_BYTES))}` };
}

/** Whether a node joined by `JoinCluster`, and so has a key that names one life only. */
export function hasToken(metadata: Metadata): boolean {
  return digestsIn(metadata).length > 0;
}

/** Whether this is a token of the node. Takes the same time whichever part of it is wrong. */
export function isTokenOf(metadata: Metadata, token: string): boolean {
  return digestsIn(metadata).some((digest) => {
    const [salt = ""] = digest.split(":");
    const [expected, found] = [digest, digestOf(token, Buffer.from(salt, "base64url"))].map((text) =>
      Buffer.from(text),
    );
    return expected !== undefined && found?.length === expected.length && timingSafeEqual(expected, found);
  });
}

function digestsIn(metadata: Metadata): readonly string[] {
  return metadata[ENTRY]?.split(" ") ?? [];
}

function digestOf(token: string, salt: Uint8Array): string {
  const digest = createHash("sha256").update(salt).update(token).digest("base64url");
  return `${Buffer.from(salt).toString("base64url")}:${digest}`;
}

function draw(length: number): string {
  return Array.from({ length }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join("");
}
