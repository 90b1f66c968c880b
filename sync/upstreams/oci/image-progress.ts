import type { RunProgress } from '../../../core/run.js';

/** The rate is that of the last so many milliseconds. */
const WINDOW = 5_000;

/** How far a run of images is: what it has to bring becomes known while it reads manifests. */
export class ImageProgress {
  #knownBlobs = 0;
  #knownBytes = 0;
  #blobs = 0;
  #bytes = 0;
  #received = 0;
  readonly #samples: { at: number; received: number }[] = [];

  constructor(
    private readonly clock: () => number,
    private readonly tell: (progress: RunProgress) => void,
  ) {}

  /** Bytes that came over the wire. */
  get received(): number {
    return this.#received;
  }

  expect(blobs: number, bytes: number): void {
    this.#knownBlobs += blobs;
    this.#knownBytes += bytes;
    this.#tell();
  }

  onBytes(bytes: number): void {
    this.#received += bytes;
    this.#tell();
  }

  /** One blob is whole, whether it had to be fetched or not. */
  arrived(bytes: number): void {
    this.#blobs++;
    this.#bytes += bytes;
    this.#tell();
  }

  #tell(): void {
    const rate = this.#rate();
    const left = this.#knownBytes - this.#bytes;
    this.tell({
      ...{ stage: 'images', stageIndex: 1, stageCount: 1, pass: 1, rate },
      files: this.#blobs,
      bytes: this.#bytes,
      percent: this.#knownBytes === 0 ? 0 : Math.min(100, Math.floor((this.#bytes / this.#knownBytes) * 100)),
      toCheck: this.#knownBlobs - this.#blobs,
      known: this.#knownBlobs,
      eta: rate > 0 ? Math.ceil(left / rate) : null,
    });
  }

  #rate(): number {
    const now = this.clock();
    const last = this.#samples.at(-1);
    if (!last || now - last.at >= WINDOW / 20) this.#samples.push({ at: now, received: this.#received });
    while ((this.#samples[0]?.at ?? now) < now - WINDOW) this.#samples.shift();
    const first = this.#samples[0];
    if (!first || now === first.at) return 0;
    return Math.round(((this.#received - first.received) / (now - first.at)) * 1000);
  }
}
