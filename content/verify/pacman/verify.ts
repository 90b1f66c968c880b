import { hash } from 'node:crypto';
import { readlink } from 'node:fs/promises';
import { bytePath } from '../../byte-path.js';
import { RealFolders } from '../../real-folders.js';
import { compressionByContent, decompressed, type Compression } from '../decompress.js';
import { detachedSignatureFindings } from '../detached-signature.js';
import { namesIn, readSmall } from '../files-of-tree.js';
import { verifyFolders, type FolderContext, type FolderKind, type VerifiedFolder } from '../folders.js';
import { throughLinks } from '../linked-files.js';
import { folderOf, inFolder } from '../named-path.js';
import { orFetchAgain } from '../or-fetch-again.js';
import type { Reference } from '../reference-record.js';
import type { Index } from '../references.js';
import type { Finding, Verified, VerifyRequest } from '../verifier.js';
import { packagesIn, type DatabasePackage } from './database.js';

const DATABASE = /\.db$/;
/** Arch Linux's largest has under 10 MB, and under 100 MB when it is decompressed. */
const LARGEST_DATABASE = 64 * 1024 * 1024;
const LARGEST_PLAIN = 512 * 1024 * 1024;

/**
 * Repositories of pacman, wherever they are in the tree: each `*.db` is signed where it has a signature, and each package
 * that it names is there, with its signature where the database tells one or the tree had one.
 */
export function verify(request: VerifyRequest): Promise<Verified> {
  return verifyFolders(request, REPOSITORIES);
}

const REPOSITORIES: FolderKind = {
  none: 'the tree holds no database of pacman ("*.db")',
  folderOfIndex: (path) => (DATABASE.test(path) ? folderOf(path) : null),
  hasIndex: async (root, folder) => (await namesIn(root, folder)).some((name) => DATABASE.test(name)),
  verifyFolder: verifyRepository,
};

async function verifyRepository(context: FolderContext, folder: string): Promise<VerifiedFolder> {
  const { request, sameSelection } = context;
  const findings: Finding[] = [];
  const indexes: Index[] = [];
  const links = await changedLinks(context, folder);
  const names = await namesIn(request.root, folder);
  const before = sameSelection && request.published !== null ? await namesIn(request.published, folder) : [];
  const signatures = new Set([...names, ...before].filter((name) => name.endsWith('.sig')));
  for (const name of names) {
    if (!DATABASE.test(name)) continue;
    const path = inFolder(folder, name);
    const content = await readSmall(request.root, path, LARGEST_DATABASE);
    if (content === 'too large')
      findings.push({ path, problem: `has more than ${LARGEST_DATABASE} bytes`, fetchAgain: [path] });
    if (!Buffer.isBuffer(content)) continue;
    findings.push(...(await detachedSignatureFindings(context, { path, content, suffixes: ['.sig'] })));
    const key = hash('sha256', Buffer.concat([Buffer.from(`${path}\0${links}\0`, 'latin1'), content]), 'hex');
    const compression = compressionByContent(content);
    indexes.push({
      part: folder,
      path,
      key,
      references: () => orFetchAgain(path, referencesIn(request, { path, compression, signatures })),
    });
  }
  return { findings, indexes };
}

/** Packages may be links to a pool: an index of links that lead elsewhere than before is another one. */
async function changedLinks({ request, changed }: FolderContext, folder: string): Promise<string> {
  const lines: string[] = [];
  for (const path of changed ?? []) {
    if (folderOf(path) !== folder) continue;
    const target = await readlink(bytePath(request.root, path), { encoding: 'buffer' }).catch(() => null);
    if (target) lines.push(`${path} ${target.toString('latin1')}`);
  }
  return lines.sort().join('\n');
}

async function* referencesIn(
  { root, signal, env }: VerifyRequest,
  { path, compression, signatures }: { path: string; compression: Compression; signatures: ReadonlySet<string> },
): AsyncGenerator<Reference[]> {
  const plain = decompressed(bytePath(root, path), compression, { most: LARGEST_PLAIN, signal, env });
  const tree = new RealFolders(root);
  for await (const packages of packagesIn(plain, folderOf(path)))
    yield throughLinks(root, tree, [...packages, ...signaturesOf(packages, signatures)]);
}

/** Most databases do not tell which packages upstream has signed: it is told by what is there, or was. */
function signaturesOf(packages: readonly DatabasePackage[], signatures: ReadonlySet<string>): Reference[] {
  return packages.flatMap(({ path: file, isSigned }) => {
    const path = `${file}.sig`;
    const isExpected = isSigned || signatures.has(path.slice(path.lastIndexOf('/') + 1));
    return isExpected ? [{ path, size: null, digest: null }] : [];
  });
}
