import type { FileHandle } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';

/** `closed`: the client has gone. `short`: the file ended before the bytes that were promised. */
export type SendResult = 'sent' | 'closed' | 'short';

/** Bytes that are read and written at a time. */
const CHUNK = 256 * 1024;
/** Slices up to so many bytes are read at once, into memory of their size. */
export const SMALL = 64 * 1024;
const KEPT_BUFFERS = 64;

/** Buffers of 256 KiB that are used again; at most 64 are kept, so that a rush does not leave its memory behind. */
const freeBuffers: Buffer[] = [];

/** Writes the body of one response, never further ahead than the client reads, and counts what went out. */
export class BodyWriter {
  /** Bytes of the body that have left this process. */
  bytes = 0;

  constructor(readonly response: ServerResponse) {}

  /** Writes a chunk and waits until it has left; false when the client has gone. */
  write(chunk: Buffer | string): Promise<boolean> {
    return this.#settle(chunk, (done) => this.response.write(chunk, done));
  }

  /** Ends the response, with a last chunk, and waits until all has left; false when the client has gone. */
  end(chunk: Buffer | string = ''): Promise<boolean> {
    return this.#settle(chunk, (done) => this.response.end(chunk, done));
  }

  /** Writes `length` bytes of the file from `start`, with `head` before them. A file that is too short writes less. */
  async slice(handle: FileHandle, start: number, length: number, head = ''): Promise<SendResult> {
    if (length > SMALL) {
      if (head !== '' && !(await this.write(head))) return 'closed';
      return this.#stream(handle, start, length);
    }
    const content = await readSmall(handle, start, length);
    if (!content) return 'short';
    const chunk = head === '' ? content : Buffer.concat([Buffer.from(head), content]);
    return (await this.write(chunk)) ? 'sent' : 'closed';
  }

  /** Reads one chunk while the one before is on its way: a slow client holds two buffers, however large the file. */
  async #stream(handle: FileHandle, start: number, length: number): Promise<SendResult> {
    const buffers = [takeBuffer(), takeBuffer()] as const;
    const end = start + length;
    let writing = Promise.resolve(true);
    for (let position = start, turn = 0; position < end; turn++) {
      const buffer = buffers[turn % 2 === 0 ? 0 : 1];
      const { bytesRead } = await handle.read(buffer, 0, Math.min(CHUNK, end - position), position);
      // buffers of a broken connection are left to the collector: the kernel may still be reading them
      if (!(await writing)) return 'closed';
      if (bytesRead === 0) return 'short';
      writing = this.write(buffer.subarray(0, bytesRead));
      position += bytesRead;
    }
    if (!(await writing)) return 'closed';
    for (const buffer of buffers) giveBuffer(buffer);
    return 'sent';
  }

  #settle(chunk: Buffer | string, act: (done: (error?: Error | null) => void) => void): Promise<boolean> {
    const { response } = this;
    if (response.destroyed) return Promise.resolve(false);
    return new Promise((resolve) => {
      const closed = (): void => resolve(false);
      response.once('close', closed);
      act((error) => {
        response.off('close', closed);
        if (!error) this.bytes += Buffer.byteLength(chunk);
        resolve(!error);
      });
    });
  }
}

/** Reads exactly `length` bytes, at most 64 KiB, or nothing where the file has fewer. */
export async function readSmall(handle: FileHandle, start: number, length: number): Promise<Buffer | undefined> {
  const buffer = Buffer.allocUnsafe(length);
  for (let filled = 0; filled < length;) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, start + filled);
    if (bytesRead === 0) return undefined;
    filled += bytesRead;
  }
  return buffer;
}

function takeBuffer(): Buffer {
  return freeBuffers.pop() ?? Buffer.allocUnsafeSlow(CHUNK);
}

function giveBuffer(buffer: Buffer): void {
  if (freeBuffers.length < KEPT_BUFFERS) freeBuffers.push(buffer);
}
