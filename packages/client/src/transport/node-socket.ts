// Makes the sockets that lead to nodes, plain or encrypted. Whoever asked for one listens to its data, its error and its
// end. Errors of TLS say in their messages what is the matter; their codes stay Node's.

import { isIP, type Socket, connect as tcpConnect } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { isConnectedToItself } from "./self-connection.ts";
import type { NodeTls } from "./tls-options.ts";

/** Where a node is, and how it is spoken to. */
export interface NodeEndpoint {
  readonly host: string;
  readonly port: number;
  /** Plain without it; never plain with it. */
  readonly tls?: NodeTls;
}

/**
 * Begins to connect. `onConnected` is called once at most: when there is somebody else at the other end and, with TLS,
 * the certificate has been accepted. Before that nothing that is written is sent. With TLS 1.3 only the first answer shows
 * that the node has accepted ours.
 */
export function connectToNode({ host, port, tls }: NodeEndpoint, onConnected: () => void): Socket {
  const socket = tls === undefined ? tcpConnect({ host, port, noDelay: true }) : secured(host, port, tls);
  socket.once("connect", () => {
    if (isConnectedToItself(socket)) socket.destroy(new Error("nobody listens there"));
    else if (tls === undefined) onConnected();
  });
  if (tls !== undefined) socket.once("secureConnect", onConnected);
  return socket;
}

function secured(host: string, port: number, tls: NodeTls): Socket {
  const { secureContext, rejectUnauthorized } = tls;
  // An address is no name to ask for; the certificate is checked for it all the same.
  const servername = tls.servername ?? (isIP(host) === 0 ? host : undefined);
  const socket = tlsConnect({
    host,
    port,
    secureContext,
    rejectUnauthorized,
    ...(servername !== undefined && { servername }),
  });
  socket.setNoDelay(true);
  // Before all other listeners.
  socket.on("error", (error) => {
    error.message = wordsFor(error);
  });
  return socket;
}

/** OpenSSL's answers to a certificate that doesn't hold, and Node's to one for another name. */
const CERTIFICATE_CODES =
  /^(UNABLE_TO_|CERT_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_(CA|PURPOSE)$|PATH_LENGTH_|ERR_TLS_CERT_)/;
/** What is heard from somebody who has taken our first message for one of his own protocol. */
const PLAIN_CODES: readonly string[] = ["ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_PACKET_LENGTH_TOO_LONG"];

function wordsFor(error: Error & { readonly code?: string; readonly reason?: string }): string {
  const { code = "", message, reason = message } = error;
  if (CERTIFICATE_CODES.test(code)) return `the node's certificate was not accepted: ${message}`;
  if (PLAIN_CODES.includes(code)) return "the node speaks no TLS at this port";
  if (code === "ECONNRESET" && /before secure TLS/.test(message))
    return "the node ended the connection instead of agreeing on TLS: does it speak TLS at this port?";
  if (/_ALERT_.*(CERTIFICATE|CA$)/.test(code)) return `the node did not accept our certificate: ${reason}`;
  return code.startsWith("ERR_SSL_") ? `TLS failed: ${reason}` : message;
}
