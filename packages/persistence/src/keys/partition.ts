import { crc32 } from "node:zlib";

import { encodePart, SEPARATOR } from "./codec.ts";

const TAG_START = encodePart("{");
const TAG_END = encodePart("}");
/** Membership namespace, type and key of the addressable: what a lease and the data that it guards have in common. */
const ADDRESSABLE_PARTS = 3;

/**
 * Tells the partition of a driver key, for a driver that spreads keys over more than one: 0 to `partitions` - 1. What
 * must commit together lies together: a lease and the data that it guards; the floor of a partition's fences (its number
 * is the partition); user keys with the same `{tag}`, as in Redis Cluster's hash tags. The first part of a key does not
 * matter, so that the layer `prefix` moves no key to another partition.
 */
export function partitionOf(key: string, partitions: number): number {
  const kindAt = key.indexOf(SEPARATOR) + 1;
  const partsAt = key.indexOf(SEPARATOR, kindAt) + 1;
  const text = key.slice(partsAt);
  switch (key.slice(kindAt, partsAt - 1)) {
    case "floor":
      return Number.parseInt(text, 16) % partitions;
    case "lease":
    case "state":
      return crc32(firstParts(text, ADDRESSABLE_PARTS)) % partitions;
    case "probe":
      return crc32(firstParts(text, 1)) % partitions;
    default:
      return crc32(tagged(text)) % partitions;
  }
}

/** What a user's key is placed by: what stands in its first braces, or all of it where they are missing or empty. */
export function tagOf(key: string): string {
  return between(key, "{", "}");
}

function tagged(encoded: string): string {
  return between(encoded, TAG_START, TAG_END);
}

function between(text: string, opening: string, closing: string): string {
  const start = text.indexOf(opening);
  if (start < 0) return text;
  const from = start + opening.length;
  const end = text.indexOf(closing, from);
  return end > from ? text.slice(from, end) : text;
}

function firstParts(text: string, count: number): string {
  let end = -1;
  for (let part = 0; part < count; part += 1) {
    end = text.indexOf(SEPARATOR, end + 1);
    if (end < 0) return text;
  }
  return text.slice(0, end);
}
