import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Denial } from '../limits/admission.js';
import { peerAddress, setPeerAddress } from '../peer-address.js';

/** In small letters. What clients send under this name never gets past a worker. */
export const PEER_FIELD = 'millpond-peer';

interface Peer {
  /** Why it is to be refused. */
  readonly denial?: Denial | undefined;
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  readonly isSecure: boolean;
}

/** Tells whose a request is that a worker passes on: the other end of its connection, and whether that is over TLS. */
export function peerField({ socket }: IncomingMessage, denial?: Denial): string {
  const peer: Peer = { ...peerAddress(socket), isSecure: 'encrypted' in socket, denial };
  return JSON.stringify(peer);
}

/** Makes the connection of a request that a worker has passed on that of its client; returns why it is to be refused. */
export function takePeerField(request: IncomingMessage): Denial | undefined {
  const field = request.headers[PEER_FIELD];
  delete request.headers[PEER_FIELD];
  const { address, port, isSecure, denial } = JSON.parse(String(field)) as Peer;
  if (address !== undefined) setPeerAddress(request.socket, address, port ?? 0);
  if (isSecure) markSecure(request.socket);
  return denial;
}

/** As TLS connections of Node are marked; Express asks for it as well. */
function markSecure(socket: Socket): void {
  Object.assign(socket, { encrypted: true });
}
