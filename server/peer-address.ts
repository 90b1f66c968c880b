import type { Socket } from 'node:net';

/** Where the other end of a connection is. */
export interface PeerAddress {
  /** An IPv4 or IPv6 address; undefined when the connection is gone, or comes through a Unix socket. */
  readonly address: string | undefined;
  readonly port: number | undefined;
}

const told = new WeakMap<object, PeerAddress>();

/** From now on the peer of `socket` is what a trusted proxy in front has said (PROXY protocol). */
export function setPeerAddress(socket: Socket, address: string, port: number): void {
  told.set(socket, { address, port });
}

/** What was said of the peer of `carrier` holds for the connection that it carries. */
export function passPeerAddress(carrier: Socket, carried: Socket): void {
  const said = told.get(carrier);
  if (said) told.set(carried, said);
}

/** The peer of a connection: what a trusted proxy in front has said of it, else the other end of the socket. */
export function peerAddress(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): PeerAddress {
  return told.get(socket) ?? { address: socket.remoteAddress, port: socket.remotePort };
}
