// How a connection is to be encrypted.

/** As in node:tls. Without any of them, the certificate of a node is checked against the system's authorities. */
export interface TlsOptions {
  /** Authorities in PEM, in place of the system's. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[];
  /** Our own certificate and key in PEM, for nodes that ask for one. */
  readonly cert?: string | Buffer;
  /** The key that belongs to `cert`. */
  readonly key?: string | Buffer;
  /** Of the key, if it has one. */
  readonly passphrase?: string;
  /** The name that the certificate must be for. Default: the host, unless that is an address. */
  readonly servername?: string;
  /** False: any certificate will do. Then anybody may stand in between. Default true. */
  readonly rejectUnauthorized?: boolean;
}
