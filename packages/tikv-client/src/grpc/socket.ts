import { connect as connectPlain, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/** How to speak TLS. Without it a connection is plain text. */
export interface TlsOptions {
  /** PEM text of the authorities that may sign servers' certificates. Default: those of the system. */
  readonly ca?: string | Uint8Array;
  /** PEM text of the certificate to show servers. Needs `key`. */
  readonly cert?: string | Uint8Array;
  /** PEM text of the key of `cert`. Never printed. */
  readonly key?: string | Uint8Array;
  /** The name that certificates must carry, where it is not the host's. */
  readonly serverName?: string;
}

/** Starts a connection to `host:port`. */
export function openSocket(address: string, tls: TlsOptions | undefined): Socket {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replaceAll(/[[\]]/g, "");
  const port = Number(address.slice(colon + 1));
  if (tls === undefined) return connectPlain({ host, port, noDelay: true });
  const { ca, cert, key } = tls;
  // An address is checked as it is; only names may be told to the server.
  const servername = tls.serverName ?? (isIP(host) === 0 ? host : undefined);
  const socket = connectTls({
    host,
    port,
    ALPNProtocols: ["h2"],
    ...(ca !== undefined && { ca: pem(ca) }),
    ...(cert !== undefined && { cert: pem(cert) }),
    ...(key !== undefined && { key: pem(key) }),
    ...(servername !== undefined && { servername }),
  });
  return socket.setNoDelay(true);
}

/** Tells what OpenSSL means when what it hears is no TLS. */
export function explained(error: Error): Error {
  return /wrong version number|packet length too long/.test(error.message)
    ? new Error("it does not answer in TLS; does it speak plain text?", { cause: error })
    : error;
}

function pem(text: string | Uint8Array): string | Buffer {
  return typeof text === "string" ? text : Buffer.from(text);
}
