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
