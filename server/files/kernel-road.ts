import type { ServerResponse } from 'node:http';
import type { FileSender } from '../../platform/native-sendfile.js';
import { paceOf } from '../pace.js';
import { pause } from './pause.js';
import { SLOW_READERS, watchReader, type SlowReaders } from './slow-readers.js';

/** Bytes for which a pace is asked at a time. */
const PIECE = 256 * 1024;

export interface KernelSlice {
  readonly response: ServerResponse;
  readonly sender: FileSender;
  readonly file: { readonly fd: number };
  readonly start: number;
  readonly end: number;
  readonly slowReaders?: SlowReaders | undefined;
}

/** `unable`: the rest is to be read and written, from the byte reached. */
export type KernelResult = 'sent' | 'closed' | 'short' | 'unable';

/**
 * Sends a slice with sendfile(2), as the client takes it: how far it came, the sender tells, which is closed in the end.
 * @throws Error EIO where the disk fails
 */
export async function sendThroughKernel(slice: KernelSlice): Promise<KernelResult> {
  const { response, sender } = slice;
  const { socket } = response;
  const stop = (): void => sender.close();
  response.once('close', stop);
  // the socket's own timer sees nothing move: how slow a reader may be is watched here
  const idleTimeout = socket?.timeout ?? 0;
  socket?.setTimeout(0);
  const stopWatching = watchReader(sender, () => response.destroy(), slice.slowReaders ?? SLOW_READERS);
  try {
    const result = await sendAtPace(slice);
    // the stream itself learns only later that the connection has gone
    if (result === 'closed') response.destroy();
    return result;
  } finally {
    stopWatching();
    response.off('close', stop);
    sender.close();
    if (!response.destroyed) socket?.setTimeout(idleTimeout);
  }
}

/** All in one, or piece by piece where there is a pace. */
async function sendAtPace(slice: KernelSlice): Promise<KernelResult> {
  const { response, start, end } = slice;
  const pace = paceOf(response);
  if (!pace) return sendPart(slice, start, end - start);
  for (let position = start; position < end;) {
    const { bytes, waitMs } = pace.take(Math.min(PIECE, end - position));
    if (bytes > 0) {
      const before = slice.sender.passed();
      const result = await sendPart(slice, position, bytes);
      pace.giveBack(bytes - (slice.sender.passed() - before));
      if (result !== 'sent') return result;
      position += bytes;
    } else await pause(response, waitMs);
    if (response.destroyed && position < end) return 'closed';
  }
  return 'sent';
}

async function sendPart({ response, sender, file }: KernelSlice, start: number, length: number): Promise<KernelResult> {
  const outcome = response.destroyed ? 'broken' : await sender.send(file.fd, start, length);
  if (outcome === 'end-of-file') return 'short';
  return outcome === 'broken' ? 'closed' : outcome;
}
