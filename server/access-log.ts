import { closeSync, constants, fstatSync, openSync, writev as writevWithCallback } from 'node:fs';
import { isDeepStrictEqual, promisify } from 'node:util';
import type { AccessLogSettings } from '../config/settings.js';
import { MillpondError, messageOf, systemCode } from '../core/errors.js';
import { accessLine, type AccessEntry } from './access-line.js';

const writev = promisify(writevWithCallback);

/** Lines are written when they are so many bytes, or so old. */
const PIECE = 64 * 1024;
const WRITE_AFTER_MS = 1_000;
/** Bytes that wait for a disk that does not take them; more is dropped and counted. */
const MOST_WAITING = 8 * 1024 * 1024;
/** Of one writev(2): IOV_MAX is 1024. */
const MOST_PIECES = 512;
const MODE = 0o640;

export interface AccessLogOptions {
  readonly log: { error(context: object, message: string): void; info(context: object, message: string): void };
  /** Bytes that wait at most. */
  readonly most?: number;
}

interface Target {
  readonly settings: AccessLogSettings;
  readonly fd: number;
}

/**
 * The log of what was asked for, where the operator wants one. Nobody waits for it: lines gather in memory, which is
 * bounded, and are lost where the disk does not take them; that is told once, and how many when it is over.
 */
export class AccessLog {
  #target: Target | null = null;
  /** Lines that no write has taken yet: whole pieces, and the one that is being filled. */
  #pieces: Buffer[] = [];
  #piece = Buffer.alloc(0);
  #filled = 0;
  #lines = 0;
  /** Bytes of all lines that are not on the disk. */
  #waiting = 0;
  #writesUnderWay = 0;
  /** Writes follow each other. */
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #dropped = 0;
  /** Since it was told that lines are lost; 0 when none are. */
  #losing = 0;
  /** The last write ended within a line. */
  #isTorn = false;

  constructor(private readonly options: AccessLogOptions) {}

  get isOn(): boolean {
    return this.#target !== null;
  }

  /** Lines that were lost since the program began. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Logs as these settings say from now on; null is not at all. @throws MillpondError unavailable, and nothing has changed */
  apply(settings: AccessLogSettings | null): void {
    if (!isDeepStrictEqual(settings, this.#target?.settings ?? null)) this.#turnTo(settings);
  }

  /** Opens the file by its name again, after it was moved away. Where that fails the old one is written on. */
  reopen(): void {
    if (!this.#target) return;
    try {
      this.#turnTo(this.#target.settings);
    } catch (error) {
      this.options.log.error(
        { err: error },
        `the access log was not opened again, it goes on as it was: ${messageOf(error)}`,
      );
    }
  }

  add(entry: AccessEntry): void {
    if (!this.#target) return;
    if (this.#waiting >= (this.options.most ?? MOST_WAITING)) return this.#lose(1, 'the disk does not keep up');
    this.#gather(accessLine(entry, this.#target.settings));
    // what comes during a write is written together after it
    if (this.#pieces.length > 0 && this.#writesUnderWay === 0) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), WRITE_AFTER_MS).unref();
  }

  #gather(line: string): void {
    const most = 3 * line.length; // a UTF-16 unit is three bytes of UTF-8 at most
    if (this.#filled + most > this.#piece.length) {
      this.#seal();
      this.#piece = Buffer.allocUnsafeSlow(Math.max(PIECE, most));
    }
    const bytes = this.#piece.write(line, this.#filled);
    this.#filled += bytes;
    this.#waiting += bytes;
    this.#lines++;
  }

  #seal(): void {
    if (this.#filled > 0) this.#pieces.push(this.#piece.subarray(0, this.#filled));
    this.#piece = Buffer.alloc(0);
    this.#filled = 0;
  }

  /** Writes what waits; resolves when the disk has it, or it is lost. */
  async stop(): Promise<void> {
    this.apply(null);
    await this.#writing;
  }

  #turnTo(settings: AccessLogSettings | null): void {
    const next = settings && { settings, fd: openLog(settings.file) };
    const old = this.#target;
    this.#flush();
    this.#target = next;
    if (old) this.#writing = this.#writing.then(() => this.#close(old));
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const target = this.#target;
    if (!target || this.#lines === 0) return;
    this.#seal();
    const [pieces, lines] = [this.#pieces, this.#lines];
    this.#pieces = [];
    this.#lines = 0;
    this.#writesUnderWay++;
    this.#writing = this.#writing.then(async () => {
      await this.#write(target.fd, pieces, lines);
      this.#waiting -= bytesOf(pieces);
      this.#writesUnderWay--;
      if (this.#pieces.length > 0) this.#flush();
    });
  }

  async #write(fd: number, pieces: readonly Buffer[], lines: number): Promise<void> {
    let left = this.#isTorn ? [Buffer.from('\n'), ...pieces] : pieces;
    let written = 0;
    try {
      while (left.length > 0) {
        const { bytesWritten } = await writev(fd, left.slice(0, MOST_PIECES));
        written += bytesWritten;
        left = without(left, bytesWritten);
      }
      this.#isTorn = false;
      if (this.#losing > 0)
        this.options.log.info({ lines: this.#losing }, 'the access log is written again; lines were lost');
      this.#losing = 0;
    } catch (error) {
      this.#isTorn = written > 0;
      this.#lose(lines, messageOf(error));
    }
  }

  #lose(lines: number, reason: string): void {
    if (this.#losing === 0) this.options.log.error({}, `lines of the access log are lost: ${reason}`);
    this.#losing += lines;
    this.#dropped += lines;
  }

  #close({ fd, settings }: Target): void {
    try {
      closeSync(fd);
    } catch (error) {
      this.options.log.error(
        { err: error },
        `the access log "${settings.file}" was not closed well: ${messageOf(error)}`,
      );
    }
  }
}

function bytesOf(pieces: readonly Buffer[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

/** What is left of the pieces after their first `bytes`. */
function without(pieces: readonly Buffer[], bytes: number): Buffer[] {
  let skip = bytes;
  return pieces.flatMap((piece) => {
    const skipped = Math.min(skip, piece.length);
    skip -= skipped;
    return skipped === piece.length ? [] : [piece.subarray(skipped)];
  });
}

/** Never waits for a reader of a pipe: what is no file is refused. */
function openLog(file: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = constants;
  let fd: number | undefined;
  try {
    fd = openSync(file, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, MODE);
    const stats = fstatSync(fd);
    if (stats.isFile() || stats.isCharacterDevice()) return fd;
  } catch (error) {
    throw cannotOpen(file, REASONS[systemCode(error) ?? ''] ?? messageOf(error), error);
  }
  closeSync(fd);
  throw cannotOpen(file, 'it is no file');
}

function cannotOpen(file: string, reason: string, cause?: unknown): MillpondError {
  return new MillpondError('unavailable', `the access log "${file}" cannot be written: ${reason}`, {
    hint: 'Choose another file in access_log.file, or leave access_log out.',
    cause,
  });
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'its folder does not exist',
  EACCES: 'this user may not',
  EISDIR: 'it is a folder',
  ENXIO: 'it is no file',
  EROFS: 'its file system is read-only',
};
