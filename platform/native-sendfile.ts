import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { PACKAGE_ROOT } from './package-root.js';

/** What native/sendfile.c exports. Results are bytes, 0 at the end of the file, or a negative errno. */
interface Addon {
  open(socket: number): object;
  send(sender: object, file: number, offset: number, length: number): number | undefined;
  sendInPool(sender: object, file: number, offset: number, length: number, done: (result: number) => void): void;
  onWritable(sender: object, done: () => void): void;
  queued(sender: object): number;
  close(sender: object): void;
}

/** `sent` bytes, 0 where the socket is full. `unable`: this file system or socket has no sendfile(2). */
export type SendOutcome = { readonly sent: number } | 'end-of-file' | 'broken' | 'unable';

const { EAGAIN, EINVAL, ENOSYS, EOPNOTSUPP, EIO } = constants.errno;
const FULL: SendOutcome = { sent: 0 };

let addon: Addon | null | undefined;

/** Sends bytes of files on one connection with sendfile(2), without a copy in this process. */
export class FileSender {
  readonly #native: object;
  #done: (() => void) | undefined;

  private constructor(
    private readonly addon: Addon,
    descriptor: number,
  ) {
    this.#native = addon.open(descriptor);
  }

  /** False without the addon, on another system than Linux, and with `MILLPOND_SENDFILE=off`. */
  static isAvailable(): boolean {
    if (process.env['MILLPOND_SENDFILE'] === 'off') return false;
    if (addon === undefined) addon = loadAddon();
    return addon !== null;
  }

  /**
   * Undefined where it is not available, and for TLS or where no descriptors are left. What was
   * written to the socket before must have left this process, and nothing else may be written until close().
   */
  static on(socket: Socket): FileSender | undefined {
    const descriptor = descriptorOf(socket);
    if (!FileSender.isAvailable() || !addon || descriptor === undefined) return undefined;
    try {
      return new FileSender(addon, descriptor);
    } catch {
      return undefined; // EMFILE and the like: the ordinary road needs no descriptor more
    }
  }

  /**
   * Sends at most `length` bytes (4 MiB are the most) of the file from `offset`: at once where they are in memory, else
   * in the thread pool, as a promise. The file must stay open until then. @throws Error EIO where the disk fails
   */
  send(file: number, offset: number, length: number): SendOutcome | Promise<SendOutcome> {
    const result = this.addon.send(this.#native, file, offset, length);
    if (result !== undefined) return outcomeOf(result);
    return new Promise<number>((resolve) => {
      this.addon.sendInPool(this.#native, file, offset, length, resolve);
    }).then(outcomeOf);
  }

  /** Waits until the socket takes bytes again, or is broken, or close() is called. */
  writable(): Promise<void> {
    return new Promise((resolve) => {
      this.#done = resolve;
      this.addon.onWritable(this.#native, resolve);
    });
  }

  /** Bytes that the kernel holds and the client has not acknowledged. */
  queued(): number {
    return this.addon.queued(this.#native);
  }

  close(): void {
    this.addon.close(this.#native);
    this.#done?.();
  }
}

function outcomeOf(result: number): SendOutcome {
  if (result > 0) return { sent: result };
  if (result === 0) return 'end-of-file';
  if (result === -EAGAIN) return FULL;
  if (result === -EINVAL || result === -ENOSYS || result === -EOPNOTSUPP) return 'unable';
  if (result === -EIO) throw Object.assign(new Error('EIO: the file cannot be read'), { code: 'EIO' });
  return 'broken';
}

/** Of a plain TCP or Unix socket. The handle is Node's own affair: where it looks different, there is none. */
function descriptorOf(socket: Socket): number | undefined {
  if (Object.getPrototypeOf(socket) !== Socket.prototype) return undefined; // TLSSocket
  const handle = (socket as unknown as { readonly _handle?: { readonly fd?: unknown } | null })._handle;
  return typeof handle?.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined;
}

/** Built by scripts/native.mjs. Its handles belong to the main thread's loop. */
function loadAddon(): Addon | null {
  if (process.platform !== 'linux' || !isMainThread) return null;
  try {
    return createRequire(import.meta.url)(join(PACKAGE_ROOT, 'native', 'build', 'sendfile.node')) as Addon;
  } catch {
    return null; // the set-up has said why
  }
}
