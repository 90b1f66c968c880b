import { read as readWithCallback } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { FileSender } from '../../platform/native-sendfile.js';
import { isGone, onceGone } from '../client-gone.js';
import { paceOf } from '../pace.js';
import { BufferPool } from './buffer-pool.js';
import { sendThroughKernel, type KernelResult } from './kernel-road.js';
import { progressOf, SLOW_READERS, watchReader, type SlowReaders } from './slow-readers.js';

const readAt = promisify(readWithCallback);

/** An open file; a FileHandle is one. It stays open until what was asked of it has settled. */
export interface OpenFile {
  readonly fd: number;
}

/** `closed`: the client has gone. `short`: the file ended before the bytes that were promised. */
export type SendResult = 'sent' | 'closed' | 'short';

/** Slices up to so many bytes are read at once, into memory of their size. */
export const SMALL = 64 * 1024;
/** Slices up to so many bytes are offered to the kernel whole, before anything is set up to wait for the client. */
const AT_ONCE = 256 * 1024;
/** What is read and written at a time for a client that takes it slowly, and for one that takes it fast: 16 MiB of each are kept. */
const chunks = new BufferPool(128 * 1024, 128);
const largeChunks = new BufferPool(512 * 1024, 32);
/** A client is fast that takes more than so many bytes a millisecond: the network bounds how many of these there are. */
const FAST = 50_000;
/** Bytes over which that is measured: what the kernel takes at once says nothing of the client. */
const MEASURED = 2 * 1024 * 1024;

const counts = new WeakMap<ServerResponse, { readonly bytes: number }>();

/** From now on `count` tells how many bytes of the body of `response` have left. */
export function setBytesLeft(response: ServerResponse, count: { readonly bytes: number }): void {
  counts.set(response, count);
}

/** Bytes of the body of `response` that have left so far; undefined where nobody counts them as they go. */
export function bytesLeft(response: ServerResponse): number | undefined {
  return counts.get(response)?.bytes;
}

/**
 * Writes the body of one response, never further ahead than the client reads, at the pace that is set for it, and counts
 * what went out. Long slices of files go by sendfile(2) where that can be, else they are read and written.
 */
export class BodyWriter {
  #left = 0;
  /** What sends now. */
  #sender: FileSender | null = null;
  #isFast = false;
  /** Bytes and time since it was measured last how fast the client is. */
  #measured = { bytes: 0, since: 0 };

  constructor(
    readonly response: ServerResponse,
    private readonly slowReaders?: SlowReaders,
  ) {
    setBytesLeft(response, this);
  }

  /** Bytes of the body that have left this process so far. */
  get bytes(): number {
    return this.#left + (this.#sender?.passed() ?? 0);
  }

  /** Writes a chunk and waits until it has left; false when the client has gone. */
  async write(chunk: Buffer | string): Promise<boolean> {
    if (!paceOf(this.response)) return this.#writeNow(chunk);
    const bytes = Buffer.from(chunk);
    for (let done = 0; done < bytes.length;) {
      const allowed = await this.#allow(bytes.length - done);
      if (allowed === 0 || !(await this.#writeNow(bytes.subarray(done, done + allowed)))) return false;
      done += allowed;
    }
    return !isGone(this.response);
  }

  /** Ends the response, with a last chunk, and waits until all has left; false when the client has gone. */
  async end(chunk: Buffer | string = ''): Promise<boolean> {
    if (paceOf(this.response)) {
      for (let left = Buffer.byteLength(chunk); left > 0;) {
        const allowed = await this.#allow(left);
        if (allowed === 0) return false;
        left -= allowed;
      }
    }
    return this.#settle(chunk, (done) => this.response.end(chunk, done));
  }

  /**
   * Writes `length` bytes of the file from `start`, with `head` before them. A file that is too short writes less: the
   * connection is to be broken then. @throws system errors of reading (EIO)
   */
  async slice(file: OpenFile, start: number, length: number, head = ''): Promise<SendResult> {
    if (length > SMALL) {
      if (head !== '' && !(await this.write(head))) return 'closed';
      const reached = this.bytes;
      const result = await this.#sendThroughKernel(file, start, start + length);
      if (result !== 'unable') return result;
      return this.#streamWatched(file, start + this.bytes - reached, start + length);
    }
    const content = await readSmall(file, start, length);
    if (!content) return 'short';
    const chunk = head === '' ? content : Buffer.concat([Buffer.from(head), content]);
    return (await this.write(chunk)) ? 'sent' : 'closed';
  }

  /** Not for bodies in chunks, whose lengths stand between them. */
  async #sendThroughKernel(file: OpenFile, start: number, end: number): Promise<KernelResult> {
    const { response } = this;
    if (!FileSender.isAvailable()) return 'unable';
    if (!(await this.#writeNow(''))) return 'closed'; // the header fields, and all of the responses before this one
    const { socket } = response;
    if (!socket || socket.writableLength > 0 || response.chunkedEncoding) return 'unable';
    if (end - start <= AT_ONCE && !paceOf(response)) {
      const sent = FileSender.sendAtOnce(socket, file.fd, start, end - start);
      this.#left += sent;
      if (sent === end - start) return 'sent';
      start += sent;
    }
    const sender = FileSender.on(socket);
    if (!sender) return 'unable';
    this.#sender = sender;
    try {
      return await sendThroughKernel({ response, sender, file, start, end, slowReaders: this.slowReaders });
    } finally {
      this.#sender = null;
      this.#left += sender.passed();
    }
  }

  async #streamWatched(file: OpenFile, start: number, end: number): Promise<SendResult> {
    const { response } = this;
    const cut = (): void => void response.req.socket.destroy();
    const stopWatching = watchReader(progressOf(response.req.socket), cut, this.slowReaders ?? SLOW_READERS);
    try {
      return await this.#stream(file, start, end);
    } finally {
      stopWatching();
    }
  }

  /** Reads one chunk while the one before is on its way: a slow client holds two small buffers, however large the file. */
  async #stream(file: OpenFile, start: number, end: number): Promise<SendResult> {
    const read = (position: number): Promise<{ bytesRead: number; buffer: Buffer }> => {
      const buffer = (this.#isFast ? largeChunks : chunks).take();
      return readAt(file.fd, buffer, 0, Math.min(buffer.length, end - position), position);
    };
    this.#measured = { bytes: 0, since: performance.now() };
    let reading = read(start);
    let writing = Promise.resolve(true);
    for (let position = start; position < end;) {
      const { bytesRead, buffer } = await reading;
      // buffers of a broken connection are left to the collector: the kernel may still be reading them
      if (!(await writing)) return 'closed';
      if (bytesRead === 0) return 'short';
      position += bytesRead;
      if (position < end) reading = read(position); // before the write, which holds this thread while it copies
      writing = this.#writeFrom(buffer, bytesRead);
    }
    return (await writing) ? 'sent' : 'closed';
  }

  async #writeFrom(buffer: Buffer, length: number): Promise<boolean> {
    if (!(await this.write(buffer.subarray(0, length)))) return false;
    (buffer.length === chunks.size ? chunks : largeChunks).give(buffer);
    this.#measured.bytes += length;
    if (this.#measured.bytes >= MEASURED) {
      const now = performance.now();
      this.#isFast = this.#measured.bytes > (now - this.#measured.since) * FAST;
      this.#measured = { bytes: 0, since: now };
    }
    return true;
  }

  #writeNow(chunk: Buffer | string): Promise<boolean> {
    return this.#settle(chunk, (done) => this.response.write(chunk, done));
  }

  /** How many of `wanted` bytes may leave, after the wait that the pace asks for; 0 when the client has gone. */
  async #allow(wanted: number): Promise<number> {
    return paceOf(this.response)?.take(wanted, this.response) ?? wanted;
  }

  #settle(chunk: Buffer | string, act: (done: (error?: Error | null) => void) => void): Promise<boolean> {
    const { response } = this;
    if (isGone(response)) return Promise.resolve(false);
    return new Promise((resolve) => {
      const stopWaiting = onceGone(response, () => resolve(false));
      act((error) => {
        stopWaiting();
        if (!error) this.#left += Buffer.byteLength(chunk);
        resolve(!error);
      });
    });
  }
}

/** Reads exactly `length` bytes, at most 64 KiB, or nothing where the file has fewer. */
export async function readSmall(file: OpenFile, start: number, length: number): Promise<Buffer | undefined> {
  const buffer = Buffer.allocUnsafe(length);
  for (let filled = 0; filled < length;) {
    const { bytesRead } = await readAt(file.fd, buffer, filled, length - filled, start + filled);
    if (bytesRead === 0) return undefined;
    filled += bytesRead;
  }
  return buffer;
}
