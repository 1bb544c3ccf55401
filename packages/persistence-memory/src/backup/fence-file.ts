import { dirname } from "node:path";
import { crc32 } from "node:zlib";

import { StoreError } from "@orbit/persistence/driver";

import { codeOf, toStoreError } from "../errors.ts";
import { type Files, readSmall, writeAll, writeFile } from "./files.ts";

const MAGIC = "ORBITFNC";
const FORMAT = 1;
const BYTES = 24;

/** Reads up to which number fences may have been given out; 0 where there is no file yet. */
export async function readFences(files: Files, path: string): Promise<bigint> {
  let bytes: Buffer;
  try {
    bytes = await readSmall(files, path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return 0n;
    throw toStoreError(error, `reading the fences ${path}`);
  }
  const sound = bytes.length === BYTES && bytes.toString("latin1", 0, 8) === MAGIC;
  if (!sound || crc32(bytes.subarray(0, 20)) !== bytes.readUInt32LE(20) || bytes.readUInt32LE(8) !== FORMAT) {
    const mend =
      `put a good copy there. Or delete it, with no lease holder left: fences then go on from the wall clock, ` +
      `which must not be behind that of the last run`;
    throw new StoreError("CORRUPT", `${path} is damaged, so that fences already given out are not known: ${mend}`);
  }
  return bytes.readBigUInt64LE(12);
}

/** Returns when the number is on the disk. */
export async function writeFences(files: Files, path: string, upTo: bigint): Promise<void> {
  const bytes = Buffer.alloc(BYTES);
  bytes.write(MAGIC, "latin1");
  bytes.writeUInt32LE(FORMAT, 8);
  bytes.writeBigUInt64LE(upTo, 12);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 20)), 20);
  try {
    await writeFile(files, `${path}.tmp`, (file) => writeAll(file, bytes));
    await files.rename(`${path}.tmp`, path);
    await files.syncDirectory(dirname(path));
  } catch (error) {
    throw toStoreError(error, `reserving fences in ${path}`);
  }
}
