import { readFileSync } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { replaceFile } from '../../platform/atomic-write.js';

export interface FollowerParts {
  /** The log that is followed now; null is none. It is asked each time. */
  readonly file: () => string | null;
  /** File in which is remembered how far it was read. */
  readonly place: string;
  /** Without its end; one character a byte. */
  readonly onLine: (line: string) => void;
  /** What keeps it from reading; told again only when that has changed. */
  readonly onTrouble: (error: unknown) => void;
}

/** How far a log was read: the next byte of the file that is this one by name and number. */
interface Place {
  readonly file: string;
  readonly inode: number;
  readonly offset: number;
}

const POLL_EVERY_MS = 1_000;
const CHUNK = 256 * 1024;
/** Bytes that are read in one go, so that a log of days does not hold up the rest. */
const MOST_AT_A_TIME = 16 * 1024 * 1024;

/**
 * Reads the lines that another program appends to a log, each of them once: it goes on where it was after a restart, and
 * follows the log when that is renamed and begun anew, or cut to nothing. What is told of is remembered before more is
 * read: lines may be lost by a crash, none is told of twice.
 */
export class LogFollower {
  #open: { readonly handle: FileHandle; readonly file: string; readonly inode: number } | null = null;
  #offset = 0;
  /** The log has another file already; who writes may not have noticed for a moment. */
  #isLeft = false;
  #timer: NodeJS.Timeout | undefined;
  #polling: Promise<void> = Promise.resolve();
  #trouble = '';

  constructor(private readonly parts: FollowerParts) {}

  start(): void {
    this.#timer ??= setInterval(() => void this.poll(), POLL_EVERY_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.poll();
    await this.#close();
  }

  /** Reads what is new. Calls follow each other. */
  poll(): Promise<void> {
    this.#polling = this.#polling
      .then(() => this.#poll())
      .then(
        () => void (this.#trouble = ''),
        (error: unknown) => {
          if (String(error) !== this.#trouble) this.parts.onTrouble(error);
          this.#trouble = String(error);
        },
      );
    return this.#polling;
  }

  async #poll(): Promise<void> {
    const file = this.parts.file();
    if (this.#open && this.#open.file !== file) await this.#close();
    if (file === null || !(await this.#isOpened(file))) return;
    const isAtEnd = await this.#read();
    if (!isAtEnd || !this.#open) return;
    const now = await inodeOf(file);
    if (now === null || now === this.#open.inode) return;
    if (this.#isLeft) {
      this.#remember({ file, inode: now, offset: 0 });
      await this.#close();
    }
    this.#isLeft = !this.#isLeft;
  }

  async #isOpened(file: string): Promise<boolean> {
    if (this.#open) return true;
    const inode = await inodeOf(file);
    if (inode === null) return false;
    const known = this.#remembered();
    const isKnown = known?.file === file;
    // what was not read of the log that logrotate has just renamed
    const isRenamed = isKnown && known.inode !== inode && (await inodeOf(`${file}.1`)) === known.inode;
    const handle = await open(isRenamed ? `${file}.1` : file, 'r');
    const opened = (await handle.stat()).ino;
    this.#offset = isKnown && known.inode === opened ? known.offset : 0;
    this.#isLeft = false;
    this.#open = { handle, file, inode: opened };
    return true;
  }

  /** Whether all was read. */
  async #read(): Promise<boolean> {
    const from = this.#offset;
    while (this.#open && this.#offset - from < MOST_AT_A_TIME) {
      const { handle, file, inode } = this.#open;
      const { size } = await handle.stat();
      if (size < this.#offset) this.#offset = 0;
      const buffer = Buffer.allocUnsafe(Math.min(CHUNK, size - this.#offset));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, this.#offset);
      const text = buffer.toString('latin1', 0, bytesRead);
      // a line longer than a chunk is none of ours
      const end = text.lastIndexOf('\n') + 1 || (bytesRead === CHUNK ? CHUNK : 0);
      if (end === 0) return true;
      this.#offset += end;
      this.#remember({ file, inode, offset: this.#offset });
      for (const line of text.slice(0, end).split('\n')) if (line !== '') this.parts.onLine(line);
    }
    return false;
  }

  #remember(place: Place): void {
    replaceFile(this.parts.place, JSON.stringify(place));
  }

  #remembered(): Place | null {
    try {
      return JSON.parse(readFileSync(this.parts.place, 'utf8')) as Place;
    } catch {
      return null; // nothing was read yet
    }
  }

  async #close(): Promise<void> {
    await this.#open?.handle.close();
    this.#open = null;
  }
}

async function inodeOf(file: string): Promise<number | null> {
  return stat(file).then(
    ({ ino }) => ino,
    () => null,
  );
}
