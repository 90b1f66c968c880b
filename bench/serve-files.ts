import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Paths below the mirror, by what they are for. Sizes are bytes. */
export interface ServedFiles {
  readonly big: string;
  readonly bigSize: number;
  /** 1,000 of 4 KB each. */
  readonly small: readonly string[];
  /** 1,000 of 100 KB each. */
  readonly medium: readonly string[];
  /** A folder of 10,000 entries. */
  readonly listing: string;
  /** What clients look at again and again to see whether it has changed. */
  readonly indexes: readonly string[];
  /** Log-normal around 100 KB. */
  readonly packages: readonly string[];
}

const MIB = 1024 ** 2;
const COUNT = 1_000;
const ENTRIES = 10_000;
const INDEXES = 50;
const PACKAGES = 500;
const MEDIAN_PACKAGE = 100_000;
/** Of the logarithm: one package in forty is over 1 MB. */
const SPREAD = 1.2;
const LARGEST_PACKAGE = 20 * MIB;

/** Writes what is served into `root`. */
export function writeServedFiles(root: string, bigSize: number): ServedFiles {
  mkdirSync(join(root, 'images'), { recursive: true });
  const big = 'images/large.iso';
  const file = openSync(join(root, big), 'w');
  const chunk = randomBytes(MIB);
  for (let written = 0; written < bigSize; written += MIB) writeSync(file, chunk);
  closeSync(file);
  const random = sequence();
  return {
    ...{ big, bigSize },
    small: write(root, 'small', COUNT, () => 4096),
    medium: write(root, 'medium', COUNT, () => 100_000),
    listing: (write(root, 'many', ENTRIES, () => 0), 'many/'),
    indexes: write(root, 'dists/stable/main', INDEXES, (index) => 2_000 * (index + 1)),
    packages: write(root, 'pool', PACKAGES, () => packageSize(random), '.deb'),
  };
}

/** Between 0 and 1, the same in every run, so that runs can be compared. */
export function sequence(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function write(root: string, folder: string, count: number, sizeOf: (index: number) => number, end = ''): string[] {
  mkdirSync(join(root, folder), { recursive: true });
  return Array.from({ length: count }, (_, index) => {
    const path = `${folder}/file-${String(index).padStart(5, '0')}${end}`;
    writeFileSync(join(root, path), randomBytes(sizeOf(index)));
    return path;
  });
}

/** Box and Muller's way from two even numbers to a normal one. */
function packageSize(random: () => number): number {
  const normal = Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
  return Math.min(LARGEST_PACKAGE, Math.round(MEDIAN_PACKAGE * Math.exp(SPREAD * normal)));
}
