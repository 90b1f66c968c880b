import { link, rmdir, unlink } from 'node:fs/promises';
import { MillpondError, messageOf, systemCode } from '../core/errors.js';
import { bytePath, parentPath } from './byte-path.js';
import { readChanges, type Change } from './change-list.js';
import { eachLimited } from './each-limited.js';
import { RealFolders } from './real-folders.js';

const UNDER_WAY = 16;

/**
 * Replays `list` as far as each change is what it mostly is: a file that was replaced or has gone, a folder that is
 * new. Two system calls a file instead of six. Not `complete`: something was in the way, and needs a closer look.
 * @throws MillpondError no-space
 */
export async function replayPlainly(
  list: string,
  source: string,
  target: string,
): Promise<{ paths: number; complete: boolean }> {
  const replay = new PlainReplay(source, target);
  await eachLimited(readChanges(list), UNDER_WAY, (change) => replay.apply(change));
  await replay.removeGoneFolders();
  return { paths: replay.paths, complete: replay.complete };
}

class PlainReplay {
  paths = 0;
  complete = true;
  readonly #from: RealFolders;
  readonly #to: RealFolders;
  readonly #goneFolders: string[] = [];

  constructor(
    private readonly source: string,
    private readonly target: string,
  ) {
    this.#from = new RealFolders(source);
    this.#to = new RealFolders(target);
  }

  async apply(change: Change): Promise<void> {
    const { path, kind } = change;
    if (change.attributesOnly || path === '.') return;
    this.paths++;
    try {
      if (kind === 'file' || kind === 'link') await this.#relink(path);
      else if (kind === 'deleted') await this.#remove(path, change.folder);
      else if (kind !== 'folder' || !(await this.#isFolderAtBoth(path))) this.complete = false;
    } catch (error) {
      if (['ENOSPC', 'EDQUOT'].includes(systemCode(error) ?? ''))
        throw new MillpondError('no-space', messageOf(error), { cause: error });
      this.complete = false;
    }
  }

  /** A folder comes after those within it. */
  async removeGoneFolders(): Promise<void> {
    this.#goneFolders.sort((a, b) => b.length - a.length);
    for (const path of this.#goneFolders)
      await rmdir(bytePath(this.target, path)).catch(unlessMissing(() => (this.complete = false)));
  }

  /** link(2) makes a second name of a symbolic link itself, as of a file. */
  async #relink(path: string): Promise<void> {
    if (!(await this.#isFolderAtBoth(parentPath(path)))) {
      this.complete = false;
      return;
    }
    const to = bytePath(this.target, path);
    await unlink(to).catch(unlessMissing());
    // a later change may have deleted it again
    await link(bytePath(this.source, path), to).catch(unlessMissing());
  }

  async #remove(path: string, folder: boolean): Promise<void> {
    if (await this.#from.at(path)) this.complete = false;
    else if (folder) this.#goneFolders.push(path);
    else if (await this.#to.has(parentPath(path))) await unlink(bytePath(this.target, path)).catch(unlessMissing());
  }

  async #isFolderAtBoth(path: string): Promise<boolean> {
    return (await this.#from.has(path)) && (await this.#to.make(path));
  }
}

function unlessMissing(otherwise?: () => void): (error: unknown) => void {
  return (error) => {
    if (systemCode(error) === 'ENOENT') return;
    if (!otherwise) throw error;
    otherwise();
  };
}
