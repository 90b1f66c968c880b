import { closeSync, constants, fstatSync, openSync, write as writeWithCallback } from 'node:fs';
import { isDeepStrictEqual, promisify } from 'node:util';
import type { AccessLogSettings } from '../config/settings.js';
import { MillpondError, messageOf, systemCode } from '../core/errors.js';
import { accessLine, type AccessEntry } from './access-line.js';

const write = promisify(writeWithCallback);

/** Lines are written when they are so many characters, or so old. */
const WRITE_CHARACTERS = 64 * 1024;
const WRITE_AFTER_MS = 1_000;
/** Characters that wait for a disk that does not take them; more is dropped and counted. */
const MOST_WAITING = 8 * 1024 * 1024;
const MODE = 0o640;

export interface AccessLogOptions {
  readonly log: { error(context: object, message: string): void; info(context: object, message: string): void };
  /** Characters that wait at most. */
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
  /** Lines that no write has taken yet. */
  #gathered: string[] = [];
  #gatheredCharacters = 0;
  /** Of all lines that are not on the disk. */
  #waiting = 0;
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
    const line = accessLine(entry, this.#target.settings);
    this.#gathered.push(line);
    this.#gatheredCharacters += line.length;
    this.#waiting += line.length;
    if (this.#gatheredCharacters >= WRITE_CHARACTERS) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), WRITE_AFTER_MS).unref();
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
    if (!target || this.#gathered.length === 0) return;
    const lines = this.#gathered;
    const characters = this.#gatheredCharacters;
    this.#gathered = [];
    this.#gatheredCharacters = 0;
    this.#writing = this.#writing.then(async () => {
      await this.#write(target.fd, lines);
      this.#waiting -= characters;
    });
  }

  async #write(fd: number, lines: readonly string[]): Promise<void> {
    const bytes = Buffer.from(`${this.#isTorn ? '\n' : ''}${lines.join('')}`);
    let written = 0;
    try {
      while (written < bytes.length) written += (await write(fd, bytes, written)).bytesWritten;
      this.#isTorn = false;
      if (this.#losing > 0)
        this.options.log.info({ lines: this.#losing }, 'the access log is written again; lines were lost');
      this.#losing = 0;
    } catch (error) {
      this.#isTorn = written > 0;
      this.#lose(lines.length, messageOf(error));
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
