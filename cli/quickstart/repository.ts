import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillpondError, messageOf, systemCode } from '../../core/errors.js';
import { ARCHIVE_TOOLS, placeFile, publishArchive, writeTrace, type AptArchive } from './apt-archive.js';
import { buildDeb, poolPath } from './deb-package.js';
import { helloAt, packagesAt } from './packages.js';
import { haveTools } from './run-tool.js';
import { createSigningKey, exportPublicKey } from './signing-key.js';

/** `apt`: a signed archive. `plain`: a few files, where Debian's tools are missing. */
export type RepositoryKind = 'apt' | 'plain';

export interface RepositoryOptions {
  readonly now?: () => number;
  /** Marks the processes that work on it, as long as they live. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What is known of a complete repository; kept in a file that is written last. */
interface State {
  readonly kind: RepositoryKind;
  readonly revision: number;
  /** Time of the last publication, milliseconds since the epoch. */
  readonly publishedAt: number;
  /** By-hash paths of the last publications, the newest first. */
  readonly byHash: readonly (readonly string[])[];
}

/** Publications whose by-hash files stay: a client may still hold an index from a moment ago. */
const KEPT_INDEXES = 3;
/** Versions of a package that stay in the pool. */
const KEPT_VERSIONS = 2;

/**
 * Builds the repository that the quick start mirrors: at `folder` what is exported, at `<folder>.private` its key and
 * working files. One that is complete stays as it is; one that is half built, or plain where there could be an archive,
 * is thrown away first.
 */
export async function buildRepository(
  folder: string,
  options: RepositoryOptions = {},
): Promise<{ kind: RepositoryKind }> {
  const known = await readState(folder);
  const kind: RepositoryKind = (await haveTools(ARCHIVE_TOOLS)) ? 'apt' : 'plain';
  // a plain one was made when the tools were missing
  if (known !== null && (known.kind === 'apt' || kind === 'plain')) return { kind: known.kind };
  await rm(folder, { recursive: true, force: true });
  await rm(privateFolder(folder), { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await mkdir(workFolder(folder), { recursive: true, mode: 0o700 });
  const now = options.now ?? Date.now;
  await writeState(
    folder,
    kind === 'apt' ? await buildApt(folder, now(), options.env) : await buildPlain(folder, now()),
  );
  return { kind };
}

/**
 * Changes a complete repository a little: a new version of a package and all that follows from it.
 * @throws MillpondError conflict (there is none), unavailable (a program fails); the repository stays usable
 */
export async function refreshRepository(folder: string, options: RepositoryOptions = {}): Promise<void> {
  const known = await readState(folder);
  if (known === null) throw new MillpondError('conflict', `there is no complete repository at "${folder}"`);
  // rsync compares whole seconds
  const now = Math.max((options.now ?? Date.now)(), known.publishedAt + 1000);
  const revision = known.revision + 1;
  if (known.kind === 'plain') {
    await writePlainNews(folder, revision, now);
    return writeState(folder, { ...known, revision, publishedAt: now });
  }
  const withdrawn = revision > KEPT_VERSIONS ? [poolPath(helloAt(revision - KEPT_VERSIONS))] : [];
  const archive = archiveAt(folder, options.env);
  await buildDeb(helloAt(revision), join(folder, poolPath(helloAt(revision))), archive.work);
  const published = await publishArchive(archive, { serial: revision, now, withdrawn });
  const byHash = [published.byHash, ...known.byHash];
  await removeOld(folder, withdrawn, byHash);
  await writeState(folder, { ...known, revision, publishedAt: now, byHash: byHash.slice(0, KEPT_INDEXES) });
}

async function buildApt(folder: string, now: number, env: RepositoryOptions['env']): Promise<State> {
  const archive = archiveAt(folder, env);
  await createSigningKey(archive.key);
  await exportPublicKey(archive.key, join(folder, 'millpond-quickstart.gpg'), join(folder, 'key.asc'));
  for (const spec of packagesAt(1)) await buildDeb(spec, join(folder, poolPath(spec)), archive.work);
  const { byHash } = await publishArchive(archive, { serial: 1, now });
  return { kind: 'apt', revision: 1, publishedAt: now, byHash: [byHash] };
}

async function buildPlain(folder: string, now: number): Promise<State> {
  const readme = 'A few files for the quick start of Millpond: this machine has no tools to make a package archive.\n';
  await writeFile(join(folder, 'README'), readme);
  await writePlainNews(folder, 1, now);
  return { kind: 'plain', revision: 1, publishedAt: now, byHash: [] };
}

async function writePlainNews(folder: string, revision: number, now: number): Promise<void> {
  const work = workFolder(folder);
  await writeFile(join(work, 'NEWS'), `Revision ${revision} of the quick start's files.\n`);
  await utimes(join(work, 'NEWS'), now / 1000, now / 1000);
  await placeFile(work, folder, 'NEWS');
  await writeTrace(folder, work, revision, now);
}

async function removeOld(
  folder: string,
  withdrawn: readonly string[],
  byHash: readonly (readonly string[])[],
): Promise<void> {
  const kept = new Set(byHash.slice(0, KEPT_INDEXES).flat());
  const gone = byHash.slice(KEPT_INDEXES).flat();
  for (const path of [...withdrawn, ...gone]) if (!kept.has(path)) await rm(join(folder, path), { force: true });
}

function archiveAt(folder: string, env: RepositoryOptions['env'] = {}): AptArchive {
  const home = join(privateFolder(folder), 'gnupg');
  const key = { home, userId: 'Millpond quick start <millpond@localhost>', env };
  return { folder, work: workFolder(folder), key, origin: 'Millpond quick start' };
}

function privateFolder(folder: string): string {
  return `${folder}.private`;
}

function workFolder(folder: string): string {
  return join(privateFolder(folder), 'work');
}

function stateFile(folder: string): string {
  return join(privateFolder(folder), 'complete.json');
}

async function writeState(folder: string, state: State): Promise<void> {
  const file = stateFile(folder);
  await writeFile(`${file}.new`, `${JSON.stringify(state)}\n`);
  await rename(`${file}.new`, file);
}

/** The state of a complete repository; null when there is none, or what is there cannot be read. */
async function readState(folder: string): Promise<State | null> {
  try {
    const state = JSON.parse(await readFile(stateFile(folder), 'utf8')) as State;
    await stat(join(folder, 'project', 'trace', 'master'));
    return state;
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === 'ENOENT') return null;
    throw new MillpondError('unavailable', `the repository at "${folder}" cannot be read: ${messageOf(error)}`);
  }
}
