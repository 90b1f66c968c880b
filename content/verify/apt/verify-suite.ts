import { hash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { displayName } from '../../../core/tree-path.js';
import { bytePath } from '../../byte-path.js';
import { eachLimited } from '../../each-limited.js';
import { RealFolders } from '../../real-folders.js';
import { walk } from '../../walk.js';
import { compressionOf } from '../decompress.js';
import { hashFile } from '../hash-file.js';
import { folderOf, inFolder } from '../named-path.js';
import { algorithmOf, type DigestAlgorithm } from '../reference-record.js';
import type { Index } from '../references.js';
import { MAX_FINDINGS, type Finding, type VerifyRequest } from '../verifier.js';
import { packageIndex, type IndexForm } from './package-index.js';
import type { Release, ReleasedFile } from './release.js';
import { publishedRelease, SIGNED_NAMES, signedRelease } from './signed-release.js';

const UNDER_WAY = 4;
const BY_HASH = /(?:^|\/)by-hash\/(MD5Sum|SHA1|SHA256|SHA512)\/([0-9a-f]+)$/;
const HASH_FOLDERS: Readonly<Record<string, DigestAlgorithm>> = {
  ...{ MD5Sum: 'md5', SHA1: 'sha1', SHA256: 'sha256', SHA512: 'sha512' },
};
/** The cheapest to read first. */
export const FORMS = ['', '.gz', '.zst', '.xz', '.lzma', '.bz2'] as const;

export interface VerifiedSuite {
  readonly findings: readonly Finding[];
  /** Those of its packages that are in the tree. */
  readonly indexes: readonly Index[];
  /** Some of its files are behind links: a list of changes does not tell when those have changed. */
  readonly passesLinks: boolean;
}

export interface SuiteContext {
  readonly request: VerifyRequest;
  /** What differs from the published tree (bytes in latin1); null when everything is looked at. */
  readonly changed: ReadonlySet<string> | null;
  /** The mirror takes from its upstream what it took for the published tree. */
  readonly sameSelection: boolean;
}

/** Verifies the suite in `folder` (below the root; empty is the root): signatures, then every index that they name. */
export async function verifySuite(context: SuiteContext, folder: string): Promise<VerifiedSuite> {
  const { path, release, findings } = await signedRelease(context.request, folder);
  if (!release) return { findings, indexes: [], passesLinks: false };
  const suite = new Suite(context, { folder, path, release });
  await suite.checkFiles();
  await suite.checkByHash();
  const indexes = await suite.packageIndexes();
  return { findings: suite.findings, indexes, passesLinks: await suite.passesLinks() };
}

class Suite {
  readonly findings: Finding[] = [];
  readonly #tree: RealFolders;
  #passesLinks = false;

  constructor(
    private readonly context: SuiteContext,
    private readonly suite: { readonly folder: string; readonly path: string; readonly release: Release },
  ) {
    this.#tree = new RealFolders(context.request.root);
  }

  /**
   * Every file that the Release file names and that is in the tree must be what it names. Which are in it is the
   * mirror's choice: Release files also name what most mirrors leave out.
   */
  async checkFiles(): Promise<void> {
    const { request, changed } = this.context;
    const before = changed && (await publishedRelease(request, this.suite.folder));
    await eachLimited(this.suite.release.files, UNDER_WAY, async ([path, told]) => {
      request.signal.throwIfAborted();
      const mayBeAsBefore = before && !changed.has(path) && isSame(before.files.get(path), told);
      if (mayBeAsBefore && (await this.#tree.at(path))?.isFile()) return;
      await this.#checkFile(path, told);
    });
  }

  async passesLinks(): Promise<boolean> {
    if (this.#passesLinks) return true;
    for (const name of SIGNED_NAMES)
      if ((await this.#tree.at(inFolder(this.suite.folder, name)))?.isSymbolicLink()) return true;
    return false;
  }

  /** Files that are named by their hash. */
  async checkByHash(): Promise<void> {
    const { request, changed } = this.context;
    await eachLimited(changed ?? allBelow(request, this.suite.folder), UNDER_WAY, async (path) => {
      request.signal.throwIfAborted();
      const [, folder = '', hex = ''] = BY_HASH.exec(path) ?? [];
      const algorithm = HASH_FOLDERS[folder];
      if (!algorithm || !isWithin(this.suite.folder, path)) return;
      const digests = await hashFile(bytePath(request.root, path), [algorithm], request.signal);
      if (digests && digests[0] !== `${algorithm}:${hex}`) this.#find(path, 'does not have the hash that is its name');
    });
  }

  /**
   * One form of each Packages and Sources that is in the tree. Clients take any form, by its name or its hash; one that
   * is there in no form is not mirrored, unless the published tree has it and the mirror still takes the same.
   */
  async packageIndexes(): Promise<Index[]> {
    const { request, sameSelection } = this.context;
    const indexes: Index[] = [];
    for (const [plain, forms] of packageForms(this.suite.release)) {
      const form = await this.#firstThere(request.root, forms);
      if (form) indexes.push(this.#indexOf(plain, form));
      else if (sameSelection && request.published !== null && (await this.#firstThere(request.published, forms, 'any')))
        this.#find(plain, `is missing in every form, and "${displayName(this.suite.path)}" names it`, [
          ...forms.map(({ path }) => path),
        ]);
    }
    return indexes;
  }

  async #checkFile(path: string, { size, digest }: ReleasedFile): Promise<void> {
    const { root, signal } = this.context.request;
    const found = await stat(bytePath(root, path)).catch(() => null);
    if (!found) return;
    if (!(await this.#tree.at(path))?.isFile()) this.#passesLinks = true;
    const by = `"${displayName(this.suite.path)}"`;
    const again = [path, ...SIGNED_NAMES.map((name) => inFolder(this.suite.folder, name))];
    if (!found.isFile()) return this.#find(path, `is not a file, and ${by} names it as one`, again);
    if (found.size !== size)
      return this.#find(path, `has ${found.size} bytes instead of the ${size} that ${by} tells`, again);
    const digests = await hashFile(bytePath(root, path), [algorithmOf(digest)], signal);
    if (digests?.[0] !== digest) this.#find(path, `does not have the hash that ${by} tells`, again);
  }

  #indexOf(plain: string, form: IndexForm): Index {
    const { folder, release } = this.suite;
    const key = hash('sha256', Buffer.from(`${folder}\0${form.told.digest}`, 'latin1'), 'hex');
    return packageIndex(this.context.request, {
      part: folder,
      path: plain,
      key,
      form,
      whole: release.files.get(plain),
    });
  }

  /** `any`: also one with other bytes than are told. */
  async #firstThere(root: string, forms: readonly IndexForm[], which?: 'any'): Promise<IndexForm | undefined> {
    for (const form of forms)
      for (const at of [form.at, byHashPath(form)]) {
        if (at !== form.at && !this.suite.release.byHash) continue;
        const found = await stat(bytePath(root, at)).catch(() => null);
        if (found?.isFile() && (which === 'any' || found.size === form.told.size)) return { ...form, at };
      }
    return undefined;
  }

  #find(path: string, problem: string, fetchAgain: readonly string[] = [path]): void {
    if (this.findings.length < MAX_FINDINGS) this.findings.push({ path, problem, fetchAgain });
  }
}

/** By the name without compression, each in the forms that the Release file names. */
function packageForms({ files }: Release): Map<string, IndexForm[]> {
  const groups = new Map<string, IndexForm[]>();
  for (const [path, told] of files) {
    const { plain, compression } = compressionOf(path);
    if (!/(?:^|\/)(?:Packages|Sources)$/.test(plain)) continue;
    const group = groups.get(plain) ?? [];
    group.push({ path, at: path, compression, told });
    groups.set(plain, group);
  }
  for (const group of groups.values())
    group.sort((a, b) => FORMS.indexOf(a.compression) - FORMS.indexOf(b.compression));
  return groups;
}

function byHashPath({ path, told }: IndexForm): string {
  const [algorithm = '', hex = ''] = told.digest.split(':');
  return inFolder(folderOf(path), `by-hash/${algorithm.toUpperCase()}/${hex}`);
}

function isSame(one: ReleasedFile | undefined, other: ReleasedFile): boolean {
  return one?.size === other.size && one.digest === other.digest;
}

function isWithin(folder: string, path: string): boolean {
  return folder === '' || path.startsWith(`${folder}/`);
}

async function* allBelow({ root, signal }: VerifyRequest, folder: string): AsyncGenerator<string> {
  for await (const { path, isFile } of walk(root, signal, folder)) if (isFile) yield path;
}
