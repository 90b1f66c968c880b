import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

interface SoakFile {
  readonly path: string;
  /** Bytes; a file of another generation has some more or less. */
  readonly size: number;
  /** It is written anew in each generation that this divides. */
  readonly every: number;
}

const KIB = 1024;
const MIB = 1024 * KIB;

/** Small, and with all that is answered in another way: from memory, in one piece, by the kernel. */
const FILES: readonly SoakFile[] = [
  ...files('dists/index', 12, { size: 300, every: 1 }),
  ...files('pool/small', 12, { size: 4 * KIB, every: 2 }),
  ...files('pool/medium', 8, { size: 60 * KIB, every: 3 }),
  ...files('pool/large', 4, { size: 300 * KIB, every: 2 }),
  ...files('iso/disk', 2, { size: 2 * MIB, every: 5 }),
  ...files('iso/huge', 1, { size: 12 * MIB, every: 10 }),
];
/** There in every other generation alone. */
const PASSING = 'pool/passing';
/** Contents that are kept, since making one takes longer than comparing it. */
const KEPT = 100;

/** A tree whose files say of which generation they are; nobody but the writer knows which is the newest. */
export class SoakTree {
  /** The one that was written last. */
  newest = -1;
  readonly #contents = new Map<string, Buffer>();

  constructor(private readonly folder: string) {}

  readonly paths = FILES.map(({ path }) => path);
  readonly largePaths = FILES.filter(({ size }) => size >= MIB).map(({ path }) => path);
  readonly passingPath = PASSING;

  /** Writes what another generation has anew. */
  writeNext(): void {
    const generation = ++this.newest;
    for (const { path, every } of FILES)
      if (generation % every === 0) this.#write(path, this.#contentOf(path, generation));
    if (generation % 2 === 0) this.#write(PASSING, this.#contentOf(PASSING, generation));
    else rmSync(join(this.folder, PASSING));
  }

  /** The whole file that begins so, by what it says of itself; undefined where there never was such a one. */
  contentOf(path: string, beginning: Buffer): { generation: number; content: Buffer } | undefined {
    const [, named, digits] = /^soak (\S+) (\d+)\n/.exec(beginning.toString('latin1', 0, 100)) ?? [];
    const generation = Number(digits);
    if (named !== path || !(generation <= this.newest)) return undefined;
    return { generation, content: this.#contentOf(path, generation) };
  }

  /** In which generation the file of another generation was written. */
  writtenIn(path: string, generation: number): number {
    const every = FILES.find((file) => file.path === path)?.every ?? 2;
    return generation - (generation % every);
  }

  #contentOf(path: string, generation: number): Buffer {
    const key = `${path} ${generation}`;
    const known = this.#contents.get(key);
    if (known) return known;
    const size = FILES.find((file) => file.path === path)?.size ?? KIB;
    const head = Buffer.from(`soak ${key}\n`);
    // sizes repeat: only the time and the content tell some generations apart
    const rest = createHash('shake256', { outputLength: size + (generation % 3) })
      .update(key)
      .digest();
    const content = Buffer.concat([head, rest]);
    this.#contents.set(key, content);
    for (const oldest of this.#contents.keys()) {
      if (this.#contents.size <= KEPT) break;
      this.#contents.delete(oldest);
    }
    return content;
  }

  #write(path: string, content: Buffer): void {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), content);
  }
}

function files(name: string, count: number, kind: Omit<SoakFile, 'path'>): SoakFile[] {
  return Array.from({ length: count }, (_, index) => ({ path: `${name}-${index}`, ...kind }));
}
