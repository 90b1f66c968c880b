import type { FileHandle } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { EngineEvent, EngineView } from '../core/engine.js';
import { MillpondError, systemCode } from '../core/errors.js';
import { openLog } from './open-log.js';

const POLL_MS = 200;
const CHUNK_BYTES = 64 * 1024;
/** Bytes that may wait for a reader before it is dropped. */
const BACKLOG_BYTES = 1024 * 1024;

export interface FollowedLog {
  readonly file: string;
  readonly runId: number;
  /** Whether to go on until the run has ended, or to stop at what is there now. */
  readonly follow: boolean;
  /** Whether nothing more is written to the file. */
  hasEnded(): boolean;
}

/**
 * Answers with the log of a run as text, byte for byte.
 * @throws MillpondError `not-found` when there is no log and none will come; nothing is written then
 */
export async function sendLog(res: ServerResponse, log: FollowedLog): Promise<void> {
  const closed = new AbortController();
  res.once('close', () => closed.abort());
  const waits = log.follow && !log.hasEnded();
  const handle = await openLog(log.file);
  if (!handle && !waits)
    throw new MillpondError('not-found', `the log of run ${log.runId} is not there`, {
      hint: 'It was removed with age, or the run ended before it wrote anything.',
    });
  res.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' }).flushHeaders();
  await answer(res, Readable.from(logChunks(log, handle, closed.signal)));
}

/** Answers with one JSON object a line for each event, those of one mirror when `mirror` is given, until either side ends. */
export function sendEvents(res: ServerResponse, engine: EngineView, mirror: string | null): void {
  const stop = engine.subscribe((event: EngineEvent) => {
    if (mirror !== null && event.mirror !== mirror) return;
    res.write(`${JSON.stringify(event)}\n`);
    if (res.writableLength > BACKLOG_BYTES) res.destroy();
  });
  res.once('close', stop);
  res.writeHead(200, { 'Content-Type': 'application/x-ndjson' }).flushHeaders();
}

async function* logChunks(log: FollowedLog, opened: FileHandle | null, signal: AbortSignal): AsyncGenerator<Buffer> {
  let handle = opened;
  try {
    while (!signal.aborted) {
      // asked before reading, so that all that was written before the end is read
      const isLast = !log.follow || log.hasEnded();
      handle ??= await openLog(log.file);
      if (handle) yield* unreadChunks(handle);
      if (isLast) return;
      await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    await handle?.close();
  }
}

async function* unreadChunks(handle: FileHandle): AsyncGenerator<Buffer> {
  for (;;) {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

async function answer(res: ServerResponse, body: Readable): Promise<void> {
  try {
    await pipeline(body, res);
  } catch (error) {
    // the reader has gone: nobody is left to be told
    if (systemCode(error) !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}
