import type { Server } from "node:net";

import { StoreError } from "@orbit/persistence";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** What it is for, such as `gRPC`, and the option that moves it, such as `port`. */
  readonly what: string;
  readonly option: string;
}

/** Listens, and returns the port that was taken. Throws one sentence that says how to mend what stands in the way. */
export function listen(server: Server, { host, port, what, option }: Endpoint): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (cause: NodeJS.ErrnoException): void => {
      const reason = `${what} can't listen on ${host}:${port}: ${mend(cause, port, option)}`;
      reject(new StoreError("INVALID_CONFIG", reason, { cause }));
    };
    server.once("error", onError);
    server.listen({ host, port }, () => {
      server.off("error", onError);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function mend(cause: NodeJS.ErrnoException, port: number, option: string): string {
  const variable = `ORBIT_${option.toUpperCase()}`;
  switch (cause.code) {
    case "EADDRINUSE":
      return `the port is in use; stop the other program or set ${option} (${variable}) to a free one`;
    case "EACCES":
      return `ports below 1024 need a privilege; set ${option} (${variable}) to one above, found ${port}`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `this host has no such address; set ${option.replace("port", "host")} to one that it has`;
    default:
      return cause.message;
  }
}

/** Writes a host and a port as they stand in a URL. */
export function authority(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
