// Changes a record of a database beneath the driver, as another process or a defect could: rewrite.ts PATH KEY JSON,
// where an object is merged into the record and a string replaces it.
import { open } from "lmdb";

const [path = "", key = "", json = ""] = process.argv.slice(2);
const root = open<Buffer, Buffer>({
  path,
  noSubdir: false,
  overlappingSync: false,
  encoding: "binary",
  keyEncoding: "binary",
});
const change: unknown = JSON.parse(json);
const before = root.get(Buffer.from(key));
const after =
  typeof change === "string"
    ? change
    : JSON.stringify({ ...JSON.parse(before?.toString() ?? "{}"), ...(change as object) });
await root.put(Buffer.from(key), Buffer.from(after));
await root.close();
process.stdout.write("done\n");
