import type { FileHandle } from 'node:fs/promises';
import type { OpenFile } from './body-writer.js';

/** An open file that several responses read from. It is closed when the last of its holders has released it. */
export class SharedHandle implements OpenFile {
  readonly fd: number;
  /** Whoever makes it holds it. */
  #holders = 1;

  constructor(private readonly handle: FileHandle) {
    this.fd = handle.fd;
  }

  /** False when it is closed already. */
  hold(): boolean {
    if (this.#holders === 0) return false;
    this.#holders++;
    return true;
  }

  /** Once for each time it was held. */
  release(): void {
    this.#holders--;
    // it was only read: closing has nothing to tell
    if (this.#holders === 0) this.handle.close().catch(() => undefined);
  }
}
