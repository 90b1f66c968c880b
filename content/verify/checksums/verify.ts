import { createHash } from 'node:crypto';
import { RealFolders } from '../../real-folders.js';
import { detachedSignatureFindings, gpgvOptions, openPgpKeyrings } from '../detached-signature.js';
import { isFileIn, isPublished, namesIn, readSmall } from '../files-of-tree.js';
import { verifyFolders, type FolderContext, type FolderKind, type VerifiedFolder } from '../folders.js';
import { throughLinks } from '../linked-files.js';
import { folderOf, inFolder } from '../named-path.js';
import { isClearsigned, verifySignature } from '../openpgp.js';
import type { Reference } from '../reference-record.js';
import type { Index } from '../references.js';
import type { Finding, Verified, VerifyRequest } from '../verifier.js';
import { sumsIn, sumsKind, withoutSignature } from './sums-file.js';

const SIGNATURES = ['.asc', '.gpg', '.sign', '.sig'];
/** Others are also written with MD5 alone. */
const SHA_LIST = /^sha(?:256|512)sum/i;
/** A hundred thousand names. */
const LARGEST_SUMS = 16 * 1024 * 1024;

/**
 * Files of SHA-256 and SHA-512 sums, wherever they are in the tree: each is signed where it has a signature, and each
 * file that it names, and that is in the tree, has the hash that it tells. What it names besides is not mirrored, unless
 * the published tree has it.
 */
export function verify(request: VerifyRequest): Promise<Verified> {
  return verifyFolders(request, FILES_OF_SUMS);
}

const FILES_OF_SUMS: FolderKind = {
  none: null,
  folderOfIndex: (path) => (sumsKind(path.slice(path.lastIndexOf('/') + 1)) ? folderOf(path) : null),
  hasIndex: async (root, folder) => (await namesIn(root, folder)).some((name) => sumsKind(name) !== null),
  verifyFolder,
};

/** Those that tell of one file each are one index together: there may be thousands. */
async function verifyFolder(context: FolderContext, folder: string): Promise<VerifiedFolder> {
  const findings: Finding[] = [];
  const indexes: Index[] = [];
  const beside = new SumsOfFolder(folder, '*.sha256');
  const tree = new RealFolders(context.request.root);
  for (const name of await namesIn(context.request.root, folder)) {
    const kind = sumsKind(name);
    if (!kind) continue;
    const { findings: found, text } = await sumsText(context, inFolder(folder, name));
    findings.push(...found);
    if (text === null) continue;
    const named = sumsIn(text, folder, name);
    if (SHA_LIST.test(name) && !/[0-9a-f]{64}/i.test(text)) findings.push(withoutSums(inFolder(folder, name)));
    const sums = kind === 'list' ? new SumsOfFolder(folder, name) : beside;
    const expected = [];
    for (const reference of named) if (await isExpected(context, reference)) expected.push(reference);
    for (const reference of await throughLinks(context.request.root, tree, expected)) sums.add(reference);
    if (sums !== beside) indexes.push(sums.index());
  }
  if (!beside.isEmpty) indexes.push(beside.index());
  return { findings, indexes };
}

/** What files of sums in one folder name of what must be in the tree. */
class SumsOfFolder {
  readonly #references: Reference[] = [];
  readonly #hash = createHash('sha256');

  constructor(
    private readonly folder: string,
    private readonly name: string,
  ) {}

  get isEmpty(): boolean {
    return this.#references.length === 0;
  }

  add(reference: Reference): void {
    this.#references.push(reference);
    this.#hash.update(Buffer.from(`${reference.path}\0${reference.digest}\n`, 'latin1'));
  }

  /** Once what is there is another part of what is named, it is another index. */
  index(): Index {
    const path = inFolder(this.folder, this.name);
    const references = this.#references;
    const key = this.#hash.update(Buffer.from(path, 'latin1')).digest('hex');
    return { part: this.folder, path, key, references: () => inOne(references) };
  }
}

async function* inOne(references: readonly Reference[]): AsyncGenerator<readonly Reference[]> {
  yield await Promise.resolve(references);
}

function withoutSums(path: string): Finding {
  return { path, problem: 'tells no SHA-256 or SHA-512 of any file', fetchAgain: [path] };
}

/** The lines of a file of sums as far as they can be trusted; null where they cannot. */
async function sumsText(
  context: FolderContext,
  path: string,
): Promise<{ findings: readonly Finding[]; text: string | null }> {
  const { request } = context;
  const content = await readSmall(request.root, path, LARGEST_SUMS);
  const faulty = (problem: string) => ({ findings: [{ path, problem, fetchAgain: [path] }], text: null });
  if (content === null) return { findings: [], text: null };
  if (content === 'too large') return faulty(`has more than ${LARGEST_SUMS} bytes`);
  if (!isClearsigned(content) || openPgpKeyrings(request).length === 0) {
    const findings = await detachedSignatureFindings(context, { path, content, suffixes: SIGNATURES });
    return { findings, text: withoutSignature(content.toString('latin1')) };
  }
  const { content: signed, problem, expired } = await verifySignature(content, null, gpgvOptions(request));
  if (problem !== null && !(expired && (await isPublished(request, path, LARGEST_SUMS)))) return faulty(problem);
  return { findings: [], text: signed?.toString('latin1') ?? null };
}

async function isExpected({ request, sameSelection }: FolderContext, { path }: Reference): Promise<boolean> {
  return (await isFileIn(request.root, path)) || (sameSelection && (await isFileIn(request.published, path)));
}
