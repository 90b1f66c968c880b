/** Buffers of one size that are used again; at most `mostFree` are kept: a rush does not leave its memory behind. */
export class BufferPool {
  readonly #free: Buffer[] = [];

  constructor(
    /** Bytes of each. */
    readonly size: number,
    private readonly mostFree: number,
  ) {}

  /** It need not be given back: then it is left to the collector. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.size);
  }

  /** Nobody reads from it or writes to it any more. */
  give(buffer: Buffer): void {
    if (this.#free.length < this.mostFree) this.#free.push(buffer);
  }
}
