import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { PACKAGE_ROOT } from './package-root.js';

/** What native/addon.c exports. */
interface Addon {
  open(socket: number): object;
  start(sender: object, file: number, offset: number, length: number, done: (status: number) => void): void;
  sendAtOnce(socket: number, file: number, offset: number, length: number): number;
  readAtOnce(file: number, offset: number, length: number, buffer: Buffer): number;
  passed(sender: object): number;
  queued(sender: object): number;
  close(sender: object): void;
}

/** `broken`: the client has gone, or close() was called. `unable`: this file system or socket has no sendfile(2). */
export type SendOutcome = 'sent' | 'end-of-file' | 'broken' | 'unable';

const { EINVAL, ENOSYS, EOPNOTSUPP, EIO } = constants.errno;
const SENT_ALL = 0;
const FILE_ENDED = 1;

/** Null where it cannot be loaded, undefined before that is known. */
let loaded: Addon | null | undefined;

/** Sends bytes of files on one connection with sendfile(2), without a copy in this process. */
export class FileSender {
  readonly #native: object;

  private constructor(
    private readonly addon: Addon,
    descriptor: number,
  ) {
    this.#native = addon.open(descriptor);
  }

  /** False without the addon, on another system than Linux, and with `MILLPOND_SENDFILE=off`. */
  static isAvailable(): boolean {
    return addonInUse() !== null;
  }

  /**
   * Undefined where it is not available, and for TLS or where no descriptors are left. What was
   * written to the socket before must have left this process, and nothing else may be written until close().
   */
  static on(socket: Socket): FileSender | undefined {
    const [addon, descriptor] = [addonInUse(), descriptorOf(socket)];
    if (!addon || descriptor === undefined) return undefined;
    try {
      return new FileSender(addon, descriptor);
    } catch {
      return undefined; // EMFILE and the like: the ordinary road needs no descriptor more
    }
  }

  /**
   * Sends of at most 4 MiB of the file what the socket takes now, where all of it is in memory; gives the bytes that were
   * sent, 0 also where send() is to be asked. As for on(), what was written before must have left.
   */
  static sendAtOnce(socket: Socket, file: number, offset: number, length: number): number {
    const [addon, descriptor] = [addonInUse(), descriptorOf(socket)];
    if (!addon || descriptor === undefined) return 0;
    return Math.max(0, addon.sendAtOnce(descriptor, file, offset, length)); // send() meets the same failure
  }

  /**
   * Sends `length` bytes of the file from `offset` as the client takes them, in turn with all other senders: in the thread
   * pool what is not in memory. The file must stay open until then. How many were sent, passed() tells, also meanwhile.
   * @throws Error EIO where the disk fails
   */
  async send(file: number, offset: number, length: number): Promise<SendOutcome> {
    const status = await new Promise<number>((resolve) => {
      this.addon.start(this.#native, file, offset, length, resolve);
    });
    return outcomeOf(status);
  }

  /** Bytes that the kernel has taken so far. */
  passed(): number {
    return this.addon.passed(this.#native);
  }

  /** Of those, the ones that the client has not acknowledged. */
  queued(): number {
    return this.addon.queued(this.#native);
  }

  /** What is being sent ends as `broken`. */
  close(): void {
    this.addon.close(this.#native);
  }
}

/**
 * Fills the first `length` bytes of `buffer` from `offset` of a file, where all of them are in memory. False where that
 * cannot be told without waiting for a disk, and where the addon is not used.
 */
export function readAtOnce(file: number, offset: number, length: number, buffer: Buffer): boolean {
  return addonInUse()?.readAtOnce(file, offset, length, buffer) === length;
}

function outcomeOf(status: number): SendOutcome {
  if (status === SENT_ALL) return 'sent';
  if (status === FILE_ENDED) return 'end-of-file';
  if (status === -EINVAL || status === -ENOSYS || status === -EOPNOTSUPP) return 'unable';
  if (status === -EIO) throw Object.assign(new Error('EIO: the file cannot be read'), { code: 'EIO' });
  return 'broken';
}

/** Of a plain TCP or Unix socket. The handle is Node's own affair: where it looks different, there is none. */
function descriptorOf(socket: Socket): number | undefined {
  if (Object.getPrototypeOf(socket) !== Socket.prototype) return undefined; // TLSSocket
  const handle = (socket as unknown as { readonly _handle?: { readonly fd?: unknown } | null })._handle;
  return typeof handle?.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined;
}

function addonInUse(): Addon | null {
  if (process.env['MILLPOND_SENDFILE'] === 'off') return null;
  if (loaded === undefined) loaded = loadAddon();
  return loaded;
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
