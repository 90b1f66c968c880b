import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { haveTools, runTool } from './run-tool.js';
import { signRelease, type SigningKey } from './signing-key.js';

/** A signed apt archive with one suite, `stable main`. */
export interface AptArchive {
  /** What clients see. */
  readonly folder: string;
  /** A folder of ours beside it, on the same file system. */
  readonly work: string;
  readonly key: SigningKey;
  /** Origin and Label of its Release file. */
  readonly origin: string;
}

export interface PublishedIndexes {
  /** Paths below the archive's folder of the index copies that this publication names, by their hash. */
  readonly byHash: readonly string[];
}

/** The programs without which no archive can be made. */
export const ARCHIVE_TOOLS = ['dpkg-deb', 'apt-ftparchive', 'gpg', 'gpgconf'] as const;

const SUITE = join('dists', 'stable');
const ARCHITECTURES = ['amd64', 'arm64', 'all'];
/** SHA-256 is all that apt needs; the other hashes would only cost time. */
const HASHES = ['MD5', 'SHA1', 'SHA512'].flatMap((name) => ['-o', `APT::FTPArchive::${name}=false`]);

export interface Publication {
  /** Makes the trace unique. */
  readonly serial: number;
  /**
   * Milliseconds since the epoch, UTC; becomes the time of the files and must be a second later each time: rsync takes
   * two files of one size and one second for equal.
   */
  readonly now: number;
  /** Files of the pool, relative to the archive's folder, that are no longer named; the caller removes them afterwards. */
  readonly withdrawn?: readonly string[];
}

/**
 * Indexes and signs what is below `pool/`. At every moment a client finds all that the indexes it has name: copies by
 * hash come first, then the indexes, each by rename, then their signatures, and the trace last. Nothing is removed.
 */
export async function publishArchive(archive: AptArchive, publication: Publication): Promise<PublishedIndexes> {
  const staged = join(archive.work, 'suite');
  await rm(staged, { recursive: true, force: true });
  const indexes = await writeIndexes(archive, staged, new Set(publication.withdrawn));
  await writeRelease(archive, staged);
  await signRelease(archive.key, staged);

  const suite = join(archive.folder, SUITE);
  const { now, serial } = publication;
  const byHash: string[] = [];
  for (const index of indexes) byHash.push(join(SUITE, await placeByHash(join(staged, index), suite, index)));
  for (const name of [...indexes, 'Release', 'Release.gpg', 'InRelease']) {
    await utimes(join(staged, name), now / 1000, now / 1000);
    await placeFile(staged, suite, name);
  }
  await writeTrace(archive.folder, archive.work, serial, now);
  return { byHash };
}

/** The file by which mirrors see that something has changed, in the form of Debian's own master. */
export async function writeTrace(folder: string, work: string, serial: number, now: number): Promise<void> {
  const trace = join('project', 'trace', 'master');
  await mkdir(join(work, dirname(trace)), { recursive: true });
  const date = new Date(now).toUTCString().replace('GMT', 'UTC');
  await writeFile(join(work, trace), `Date: ${date}\nArchive serial: ${String(serial).padStart(10, '0')}\n`);
  await utimes(join(work, trace), now / 1000, now / 1000);
  await placeFile(work, folder, trace);
}

/** Moves `<from>/<name>` to `<to>/<name>` in one step. */
export async function placeFile(from: string, to: string, name: string): Promise<void> {
  await mkdir(dirname(join(to, name)), { recursive: true });
  await rename(join(from, name), join(to, name));
}

async function writeIndexes(archive: AptArchive, staged: string, withdrawn: ReadonlySet<string>): Promise<string[]> {
  const withXz = await haveTools(['xz']);
  const written: string[] = [];
  for (const architecture of ARCHITECTURES) {
    const index = join('main', `binary-${architecture}`, 'Packages');
    const file = join(staged, index);
    await mkdir(dirname(file), { recursive: true });
    const printed = await runTool('apt-ftparchive', ['--arch', architecture, ...HASHES, 'packages', 'pool'], {
      cwd: archive.folder,
    });
    const text = withoutPackages(printed.toString('utf8'), withdrawn);
    await writeFile(file, text);
    await writeFile(`${file}.gz`, gzipSync(text, { level: 9 }));
    if (withXz) await runTool('xz', ['--keep', '--force', file]);
    written.push(index, `${index}.gz`, ...(withXz ? [`${index}.xz`] : []));
  }
  return written;
}

/** A Packages file without the paragraphs of these files. */
function withoutPackages(text: string, withdrawn: ReadonlySet<string>): string {
  return text
    .split(/(?<=\n\n)/)
    .filter((paragraph) => !withdrawn.has(/^Filename: (.*)$/m.exec(paragraph)?.[1] ?? ''))
    .join('');
}

async function writeRelease(archive: AptArchive, staged: string): Promise<void> {
  const fields = {
    Origin: archive.origin,
    Label: archive.origin,
    Suite: 'stable',
    Codename: 'stable',
    Architectures: ARCHITECTURES.join(' '),
    Components: 'main',
    'Acquire-By-Hash': 'yes',
  };
  const options = Object.entries(fields).flatMap(([name, value]) => [
    '-o',
    `APT::FTPArchive::Release::${name}=${value}`,
  ]);
  // into memory first: a Release file inside the folder would list itself
  const text = await runTool('apt-ftparchive', [...HASHES, ...options, 'release', '.'], { cwd: staged });
  await writeFile(join(staged, 'Release'), text);
}

async function placeByHash(source: string, suite: string, index: string): Promise<string> {
  const hash = createHash('sha256')
    .update(await readFile(source))
    .digest('hex');
  const name = join(dirname(index), 'by-hash', 'SHA256', hash);
  const target = join(suite, name);
  if (await isThere(target)) return name;
  await mkdir(dirname(target), { recursive: true });
  await copyFile(source, `${source}.copy`);
  await rename(`${source}.copy`, target);
  return name;
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
