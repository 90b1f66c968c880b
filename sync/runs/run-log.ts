import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { dirname } from 'node:path';

const MAX_BYTES = 32 * 1024 * 1024;

/** The log of one run, for people: a line a step, and what rsync said. Bounded; secrets never get here. */
export class RunLog {
  readonly #stream: WriteStream;
  #bytes = 0;
  #error: Error | null = null;

  constructor(
    file: string,
    private readonly clock: () => number,
  ) {
    // a full disk must end the run with its own clear failure, not here
    try {
      mkdirSync(dirname(file), { recursive: true });
    } catch {
      // the stream finds the same, and says so
    }
    this.#stream = createWriteStream(file, { flags: 'a' });
    this.#stream.on('error', (error) => (this.#error = error));
  }

  write(line: string): void {
    if (this.#bytes > MAX_BYTES || this.#error) return;
    const text = `${new Date(this.clock()).toISOString()} ${line}\n`;
    this.#bytes += text.length;
    this.#stream.write(this.#bytes > MAX_BYTES ? 'The log has reached its limit; the rest is left out.\n' : text);
  }

  async close(): Promise<void> {
    if (this.#error) return;
    await new Promise<void>((resolve) => {
      this.#stream.once('error', () => resolve());
      this.#stream.end(resolve);
    });
  }
}
