import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { appendFile, chmod, mkdir, rename, rm, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { bytePath, lstatOrNull, parentPath } from '../../content/byte-path.js';
import { changeRecord, readChanges } from '../../content/change-list.js';
import { RealFolders } from '../../content/real-folders.js';
import { MillpondError, systemCode } from '../../core/errors.js';
import { FileListReader, Fingerprints, linesOf, type ListedEntry } from '../../core/file-list.js';
import type { Generation } from '../../core/generation.js';
import { isWhole, type Stage, type TreeMirror } from '../../core/mirror.js';
import { formatCount, formatFiles } from '../../core/units.js';
import type { Upstream } from '../../core/upstream.js';
import type { Staging } from './prepare.js';
import type { TreeRunContext } from './run-context.js';
import { RunFailure } from './run-failure.js';
import { childMark, upstreamRequest } from './upstream-request.js';

/** Bytes of a list of files. */
const LARGEST_LIST = 2 ** 30;
/** A list that names less than this share of the files of the one before is taken for a mistake. */
const LEAST_SHARE = 0.5;

/** Upstream's list of its files, as it was before a pull: whatever changes meanwhile is in the next one. */
export interface FetchedList {
  /** Absolute path. */
  readonly file: string;
  /** What is to be fetched, a NUL behind each path; null where all has to be compared. */
  readonly filesFrom: string | null;
}

/**
 * Fetches upstream's list of files. What differs from the list of the published tree is all that has to be fetched, as
 * long as that tree was made with the same filters and the staging slot holds nothing unknown. Null where the mirror has
 * no list, or upstream has none.
 * @throws RunFailure when the list is torn, shrunken or leads out of the tree, or upstream cannot be asked
 */
export async function fetchList(
  context: TreeRunContext,
  upstream: Upstream,
  staging: Staging,
): Promise<FetchedList | null> {
  const { mirror, layout, log, source, signal } = context;
  if (mirror.fileList === null) return null;
  const folder = layout.lists(mirror.name);
  const file = join(folder, 'new');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const request = { path: mirror.fileList, target: file, largest: LARGEST_LIST };
  const result = await source.fetch({ ...upstreamRequest(context, upstream), ...request });
  signal.throwIfAborted();
  if (!result.ok) throw new RunFailure(result.failure, result.message, result.exitCode);
  if (!result.found) {
    log.write(`Upstream has no list of files ${mirror.fileList}; going on without.`);
    return null;
  }
  const before = await listOfLive(context, staging);
  if (before === null) {
    await checkList(mirror.fileList, file);
    return { file, filesFrom: null };
  }
  const differing = join(folder, 'differing');
  const counted = await writeDifference(mirror.fileList, { before, after: file, differing });
  if (counted.after < counted.before * LEAST_SHARE && !context.run.force)
    throw new RunFailure(
      'partial',
      `The list ${mirror.fileList} names ${formatFiles(counted.after)} where it named ${formatCount(counted.before)} ` +
        'before: it is taken for a mistake, unless a person forces the run.',
    );
  log.write(
    `${formatFiles(counted.differ)} of ${formatCount(counted.after)} are new or changed by ${mirror.fileList}.`,
  );
  return { file, filesFrom: await withoutHidden(context, folder, differing) };
}

/** After all stages: removes what the list no longer names, and then puts the list itself into the tree. */
export async function finishByList(context: TreeRunContext, staging: Staging, list: FetchedList): Promise<void> {
  const { mirror } = context;
  if (mirror.fileList === null) return;
  if (list.filesFrom !== null) await removeUnlisted(context, mirror.fileList, staging, list);
  await placeList(context, mirror.fileList, staging, list);
}

/** What is fetched by a list is filtered by the mirror's own patterns alone. */
export function stageOfList({ stages }: TreeMirror): Stage {
  const options = stages.at(-1)?.options ?? [];
  return { name: 'list', include: [], exclude: [], delete: false, options };
}

/**
 * A generation, and the choice of files that it is made with: after another choice, or a rollback, a list of what has
 * changed upstream does not tell what is missing.
 */
export function madeWith(mirror: TreeMirror, { id }: Pick<Generation, 'id'>): string {
  const { stages, exclude, selection, fileList, trace } = mirror;
  const choice = JSON.stringify([stages, exclude, selection, fileList, trace]);
  return `${id} ${createHash('sha256').update(choice).digest('hex')}`;
}

/** The list in the published tree, where the difference from it is all that the staging slot lacks. */
async function listOfLive(context: TreeRunContext, { live, state }: Staging): Promise<string | null> {
  const { mirror, store, layout, run } = context;
  if (!live || mirror.fileList === null || mirror.publish === 'in-place' || run.force) return null;
  // only rsync knows what a pattern protects from being removed
  if (!mirror.stages.some(isWhole) || mirror.protect.length > 0) return null;
  // a killed run may have left something that no list names
  if (state === 'uncertain' || store.mirrors.madeWith(mirror.name) !== madeWith(mirror, live)) return null;
  const file = join(layout.slot(mirror.name, live.slot), mirror.fileList);
  return (await lstatOrNull(Buffer.from(file)))?.isFile() ? file : null;
}

async function* entriesOf(name: string, file: string): AsyncGenerator<ListedEntry> {
  const reader = new FileListReader(name);
  for await (const line of linesOf(createReadStream(file, { encoding: 'latin1' }))) {
    const entry = reader.push(line);
    if (entry && entry.path !== name) yield entry;
  }
  reader.end();
}

/** @throws RunFailure */
async function checkList(name: string, file: string): Promise<void> {
  for await (const entry of trusted(entriesOf(name, file))) void entry;
}

/** What is wrong with a list is upstream's failure, which may be over the next time. */
async function* trusted<T>(entries: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    yield* entries;
  } catch (error) {
    if (error instanceof MillpondError && error.code === 'invalid') throw new RunFailure('partial', error.message);
    throw error;
  }
}

async function writeDifference(
  name: string,
  { before, after, differing }: { before: string; after: string; differing: string },
): Promise<{ before: number; after: number; differ: number }> {
  const known = new Fingerprints();
  const counted = { before: 0, after: 0, differ: 0 };
  for await (const { line } of trusted(entriesOf(name, before))) {
    known.add(line);
    counted.before++;
  }
  async function* paths(): AsyncGenerator<Buffer> {
    for await (const { line, path, restricted } of trusted(entriesOf(name, after))) {
      counted.after++;
      if (restricted || known.has(line)) continue;
      counted.differ++;
      yield Buffer.from(`${path}\0`, 'latin1');
    }
  }
  await pipeline(paths, createWriteStream(differing));
  return counted;
}

/**
 * The file of those paths whose folders the mirror wants: rsync looks at each path that it is given by itself, and not
 * at the folders above it. So it is asked which of these, as empty folders, it would copy.
 */
async function withoutHidden(context: TreeRunContext, folder: string, differing: string): Promise<string> {
  const { mirror, source, signal } = context;
  if (mirror.exclude.length === 0 && mirror.selection.length === 0) return differing;
  const [from, to, filesFrom] = [join(folder, 'folders'), join(folder, 'wanted'), join(folder, 'fetch')];
  await Promise.all([mkdir(from), mkdir(to)]);
  const made = new RealFolders(from);
  for await (const path of pathsIn(differing)) {
    signal.throwIfAborted();
    await made.make(parentPath(path));
  }
  const request = { mirror, signal, env: childMark(context), onLine: (line: string) => context.log.write(line) };
  const copied = await source.copyFolders({ ...request, stage: stageOfList(mirror), from, to });
  signal.throwIfAborted();
  if (!copied.ok) throw new RunFailure(copied.failure, copied.message, copied.exitCode);
  const wanted = new RealFolders(to);
  async function* kept(): AsyncGenerator<Buffer> {
    for await (const path of pathsIn(differing))
      if (await wanted.has(parentPath(path))) yield Buffer.from(`${path}\0`, 'latin1');
  }
  await pipeline(kept, createWriteStream(filesFrom));
  return filesFrom;
}

/** Of a file of paths, a NUL behind each. */
async function* pathsIn(file: string): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of createReadStream(file, { encoding: 'latin1' })) {
    const paths = (rest + (chunk as string)).split('\0');
    rest = paths.pop() ?? '';
    yield* paths;
  }
}

/** Removes what the list of the live tree names and the new one does not, and what an earlier run had brought too much. */
async function removeUnlisted(
  context: TreeRunContext,
  name: string,
  { root, changes, live, state }: Staging,
  { file }: FetchedList,
): Promise<void> {
  const { layout, mirror, signal, log } = context;
  if (!live) return;
  const wanted = new Fingerprints();
  for await (const { path } of trusted(entriesOf(name, file))) wanted.add(path);
  const removal = new Removal(context, root, changes);
  const before = join(layout.slot(mirror.name, live.slot), name);
  for await (const { path } of trusted(entriesOf(name, before))) {
    signal.throwIfAborted();
    if (!wanted.has(path)) await removal.remove(path);
  }
  if (state === 'continued')
    for await (const { path, created, kind } of readChanges(changes))
      if (created && kind !== 'folder' && path !== name && !wanted.has(path)) await removal.remove(path);
  await removal.finish();
  log.write(`${formatCount(removal.count)} paths that ${name} no longer names were removed.`);
}

/** Removes paths of a tree, each recorded in the list of changes before it is done. */
class Removal {
  count = 0;
  readonly #folders: string[] = [];
  readonly #real: RealFolders;

  constructor(
    private readonly context: TreeRunContext,
    private readonly root: string,
    private readonly changes: string,
  ) {
    this.#real = new RealFolders(root);
  }

  async remove(path: string): Promise<void> {
    const found = await this.#real.at(path);
    if (!found) return;
    if (found.isDirectory()) {
      this.#folders.push(path);
      return;
    }
    await this.#record(path, false);
    await unlink(bytePath(this.root, path));
    this.count++;
  }

  /** Folders that are empty by now; the others hold something that no list names. */
  async finish(): Promise<void> {
    this.#folders.sort((a, b) => b.length - a.length);
    for (const path of this.#folders) {
      try {
        await rmdir(bytePath(this.root, path));
      } catch (error) {
        if (['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(systemCode(error) ?? '')) continue;
        throw error;
      }
      await this.#record(path, true);
      this.count++;
    }
  }

  async #record(path: string, folder: boolean): Promise<void> {
    const record = { kind: 'deleted', created: false, size: 0, folder, path } as const;
    await appendFile(this.changes, changeRecord(record, this.context.clock()));
  }
}

/** The list itself, last of all: it tells of a tree that is there. */
async function placeList(
  { clock, log }: TreeRunContext,
  name: string,
  { root, changes }: Staging,
  { file }: FetchedList,
): Promise<void> {
  const target = Buffer.from(join(root, name));
  const [present, fetched] = await Promise.all([lstatOrNull(target), lstatOrNull(Buffer.from(file))]);
  if (!fetched || present?.isDirectory()) {
    log.write(`The list ${name} cannot be put into the tree: a folder has its name.`);
    return;
  }
  if (present?.isFile() && present.size === fetched.size && present.mtimeMs === fetched.mtimeMs) return;
  const path = Buffer.from(name).toString('latin1');
  const record = { kind: 'file', created: present === null, size: fetched.size, folder: false, path } as const;
  await appendFile(changes, changeRecord(record, clock()));
  await chmod(file, 0o644);
  await rename(file, target);
}
