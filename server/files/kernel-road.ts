import type { ServerResponse } from 'node:http';
import type { FileSender } from '../../platform/native-sendfile.js';
import { paceOf } from '../pace.js';
import { SLOW_READERS, watchReader, type SlowReaders } from './slow-readers.js';

/** Bytes for which a pace is asked at a time. */
const PIECE = 256 * 1024;
/** Milliseconds that a part takes which is sent without a pace, by what the client has taken so far. */
const PART_MS = 500;
/** Bytes of the first such part, and of the largest. */
const FIRST_PART = 4 * 1024 * 1024;
const LARGEST_PART = 256 * 1024 * 1024;

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

/** Piece by piece where there is a pace; else in parts of half a second, since a pace may come meanwhile. */
async function sendAtPace(slice: KernelSlice): Promise<KernelResult> {
  const { response, sender, start, end } = slice;
  const since = performance.now();
  let part = FIRST_PART;
  for (let position = start; position < end;) {
    const pace = paceOf(response);
    const wanted = Math.min(pace ? PIECE : part, end - position);
    const bytes = pace ? await pace.take(wanted, response) : wanted;
    if (bytes === 0) return 'closed';
    const before = sender.passed();
    const result = await sendPart(slice, position, bytes);
    pace?.giveBack(bytes - (sender.passed() - before));
    if (result !== 'sent') return result;
    position += bytes;
    if (response.destroyed && position < end) return 'closed';
    const taken = (sender.passed() - sender.queued()) / (performance.now() - since);
    part = Math.max(PIECE, Math.min(4 * part, LARGEST_PART, Math.floor(taken * PART_MS)));
  }
  return 'sent';
}

async function sendPart({ response, sender, file }: KernelSlice, start: number, length: number): Promise<KernelResult> {
  const outcome = response.destroyed ? 'broken' : await sender.send(file.fd, start, length);
  if (outcome === 'end-of-file') return 'short';
  return outcome === 'broken' ? 'closed' : outcome;
}
