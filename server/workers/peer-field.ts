import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Denial } from '../limits/admission.js';
import { peerAddress, setPeerAddress } from '../peer-address.js';

/** In small letters. What clients send under this name never gets past a worker. */
export const PEER_FIELD = 'millpond-peer';

/** What a worker knows of the client of a request that it passes on. */
export interface PassedOn {
  /** Why it is to be refused. */
  readonly denial?: Denial | undefined;
  /** Its connections to that worker, where these are counted. */
  readonly connections: number;
}

interface Peer extends PassedOn {
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  readonly isSecure: boolean;
}

/** Tells whose a request is that a worker passes on: the other end of its connection, and whether that is over TLS. */
export function peerField({ socket }: IncomingMessage, known: PassedOn): string {
  const peer: Peer = { ...peerAddress(socket), isSecure: 'encrypted' in socket, ...known };
  return JSON.stringify(peer);
}

/** Makes the connection of a request that a worker has passed on that of its client. */
export function takePeerField(request: IncomingMessage): PassedOn {
  const field = request.headers[PEER_FIELD];
  delete request.headers[PEER_FIELD];
  const { address, port, isSecure, denial, connections } = JSON.parse(String(field)) as Peer;
  if (address !== undefined) setPeerAddress(request.socket, address, port ?? 0);
  if (isSecure) markSecure(request.socket);
  return { denial, connections };
}

/** As TLS connections of Node are marked; Express asks for it as well. */
function markSecure(socket: Socket): void {
  Object.assign(socket, { encrypted: true });
}
