import type { Socket } from 'node:net';
import { setPeerAddress } from '../peer-address.js';
import { LONGEST_PROXY_HEADER, readProxyHeader } from './proxy-protocol.js';

/** Who waits longer for it has no proxy before it. */
const HEADER_TIMEOUT_MS = 5_000;

/**
 * Reads the header of the PROXY protocol from the begin of a connection, and gives the connection to `begin` as if it
 * had come from whom the header names. Without a header in time, `refused` is told why it is to be closed.
 */
export function receiveProxyHeader(socket: Socket, begin: () => void, refused: (why: string) => void): void {
  let read = Buffer.alloc(0);
  const timer = setTimeout(() => refuse('no header of the PROXY protocol came in time'), HEADER_TIMEOUT_MS);

  function finish(): void {
    clearTimeout(timer);
    socket.off('readable', onReadable).off('end', onEnd).off('close', finish).off('error', onError);
  }

  function refuse(why: string): void {
    finish();
    socket.on('error', onError);
    refused(why);
  }

  function onReadable(): void {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    read = Buffer.concat([read, chunk]);
    const header = readProxyHeader(read);
    if (header.kind === 'more' && read.length < LONGEST_PROXY_HEADER) return;
    if (header.kind !== 'whole') return refuse('it does not begin with a header of the PROXY protocol');
    finish();
    if (header.source) setPeerAddress(socket, header.source.address, header.source.port);
    if (read.length > header.length) socket.unshift(read.subarray(header.length));
    begin();
  }

  function onEnd(): void {
    socket.destroy();
  }

  function onError(): void {
    // the connection has broken, and 'close' follows
  }

  socket.on('readable', onReadable).on('end', onEnd).on('close', finish).on('error', onError);
}
