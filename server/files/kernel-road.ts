import type { ServerResponse } from 'node:http';
import type { FileSender, SendOutcome } from '../../platform/native-sendfile.js';
import { paceOf } from '../pace.js';
import { pause } from './pause.js';
import { SLOW_READERS, watchReader, type SlowReaders } from './slow-readers.js';
import { askTurn } from './turns.js';

/** Bytes a call: small enough that those who wait for their turn get it soon. */
const PIECE = 256 * 1024;

export interface KernelSlice {
  readonly response: ServerResponse;
  readonly sender: FileSender;
  readonly file: { readonly fd: number };
  readonly start: number;
  readonly end: number;
  /** Told of bytes as the kernel takes them. */
  readonly onBytes: (bytes: number) => void;
  readonly slowReaders?: SlowReaders | undefined;
}

/** `unable`: the rest is to be read and written, from the byte reached. */
export type KernelResult = 'sent' | 'closed' | 'short' | 'unable';

/**
 * Sends a slice with sendfile(2), as the client takes it. The sender is closed in the end. @throws Error EIO where the
 * disk fails
 */
export async function sendThroughKernel(slice: KernelSlice): Promise<KernelResult> {
  const { response, sender } = slice;
  const { socket } = response;
  const stop = (): void => sender.close();
  response.once('close', stop);
  // the socket's own timer sees nothing move: how slow a reader may be is watched here
  const idleTimeout = socket?.timeout ?? 0;
  socket?.setTimeout(0);
  const progress = { passed: 0, queued: () => sender.queued() };
  const onBytes = (bytes: number): void => {
    progress.passed += bytes;
    slice.onBytes(bytes);
  };
  const stopWatching = watchReader(progress, () => response.destroy(), slice.slowReaders ?? SLOW_READERS);
  try {
    const result = await sendPieces({ ...slice, onBytes });
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

async function sendPieces(slice: KernelSlice): Promise<KernelResult> {
  const { response, sender, file, start, end } = slice;
  const pace = paceOf(response);
  for (let position = start; position < end;) {
    const wanted = Math.min(PIECE, end - position);
    const allowed = pace?.take(wanted) ?? { bytes: wanted, waitMs: 0 };
    if (allowed.bytes === 0) {
      await pause(response, allowed.waitMs);
      if (response.destroyed) return 'closed';
      continue;
    }
    const turn = askTurn(allowed.bytes);
    if (turn) await turn;
    const outcome = response.destroyed ? 'broken' : await sender.send(file.fd, position, allowed.bytes);
    const sent = bytesOf(outcome);
    if (sent < allowed.bytes) pace?.giveBack(allowed.bytes - sent);
    slice.onBytes(sent);
    position += sent;
    if (outcome === 'broken' || (response.destroyed && position < end)) return 'closed';
    if (outcome === 'end-of-file') return 'short';
    if (outcome === 'unable') return 'unable';
    if (sent < allowed.bytes) {
      await sender.writable();
      if (response.destroyed) return 'closed';
    }
  }
  return 'sent';
}

function bytesOf(outcome: SendOutcome): number {
  return typeof outcome === 'object' ? outcome.sent : 0;
}
