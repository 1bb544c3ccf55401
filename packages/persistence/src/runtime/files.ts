import { constants, open } from "node:fs/promises";

/** Reading files as a parameter. Errors are those of `node:fs`, with their `code`. */
export interface Files {
  /** Reads a regular file. Throws `EISDIR` for a directory and `EFBIG` above `maxBytes`. */
  read(path: string, maxBytes: number): Promise<Uint8Array>;
}

export const systemFiles: Files = {
  async read(path, maxBytes) {
    // Without O_NONBLOCK, opening a pipe would wait for its writer.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await file.stat();
    if (!stats.isFile()) throw systemError(stats.isDirectory() ? "EISDIR" : "EINVAL", path);
    // One byte more than allowed tells a file that is too large, whatever its size claims to be.
    const buffer = new Uint8Array(maxBytes + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      length += bytesRead;
      if (length > maxBytes) throw systemError("EFBIG", path);
      if (bytesRead === 0) return buffer.slice(0, length);
    }
  },
};

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
