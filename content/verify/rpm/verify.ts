import { hash } from 'node:crypto';
import { bytePath } from '../../byte-path.js';
import { eachLimited } from '../../each-limited.js';
import { compressionOf, decompressed, Undecompressable } from '../decompress.js';
import { detachedSignatureFindings } from '../detached-signature.js';
import { verifyFolders, type FolderContext, type FolderKind, type VerifiedFolder } from '../folders.js';
import { folderOf, inFolder } from '../named-path.js';
import { isFileIn, readSmall } from '../files-of-tree.js';
import type { Reference } from '../reference-record.js';
import { IndexFault } from '../index-fault.js';
import type { Index } from '../references.js';
import { toldFileProblem } from '../told-file.js';
import type { Finding, Verified, VerifyRequest } from '../verifier.js';
import { packagesIn } from './primary.js';
import { parseRepomd, type Metadata } from './repomd.js';

const REPOMD = 'repodata/repomd.xml';
const SIGNATURES = ['.asc'];
/** Those of Fedora have under 10,000 bytes. */
const LARGEST_REPOMD = 4 * 1024 * 1024;
/** Fedora's largest primary.xml has about 200 MB; where repomd.xml tells the size, that counts. */
const LARGEST_PRIMARY = 4 * 1024 ** 3;
const UNDER_WAY = 4;

/**
 * Repositories of RPM packages, wherever they are in the tree: each `repodata/repomd.xml` is signed where it has a
 * signature, each file that it names is there as it tells, and each package that primary.xml names is there.
 */
export function verify(request: VerifyRequest): Promise<Verified> {
  return verifyFolders(request, REPOSITORIES);
}

const REPOSITORIES: FolderKind = {
  none: `the tree holds no "${REPOMD}"`,
  folderOfIndex: (path) => (path === REPOMD || path.endsWith(`/${REPOMD}`) ? folderOf(folderOf(path)) : null),
  hasIndex: (root, folder) => isFileIn(root, inFolder(folder, REPOMD)),
  verifyFolder: verifyRepository,
};

async function verifyRepository(context: FolderContext, folder: string): Promise<VerifiedFolder> {
  const { request } = context;
  const path = inFolder(folder, REPOMD);
  const content = await readSmall(request.root, path, LARGEST_REPOMD);
  const again = [path, ...SIGNATURES.map((suffix) => path + suffix)];
  const faulty = (problem: string): VerifiedFolder => ({
    findings: [{ path, problem, fetchAgain: again }],
    indexes: [],
  });
  if (content === null) return { findings: [], indexes: [] };
  if (content === 'too large') return faulty(`has more than ${LARGEST_REPOMD} bytes`);
  const signature = await detachedSignatureFindings(context, { path, content, suffixes: SIGNATURES });
  if (signature.length > 0) return { findings: signature, indexes: [] };
  try {
    const files = await parseRepomd(content, folder);
    const primary = files.find(({ type }) => type === 'primary');
    if (!primary) return faulty('names no primary.xml, in which the packages are');
    const findings = await metadataFindings(context, { path, folder, files, again });
    return { findings, indexes: [primaryIndex(request, folder, primary)] };
  } catch (error) {
    if (!(error instanceof IndexFault)) throw error;
    return faulty(error.problem);
  }
}

/** Every file that repomd.xml names must be there: clients load them all. */
async function metadataFindings(
  { request, changed }: FolderContext,
  repository: { path: string; folder: string; files: readonly Metadata[]; again: readonly string[] },
): Promise<Finding[]> {
  const { path: repomd, folder, files, again } = repository;
  const before = changed && (await publishedMetadata(request, folder));
  const findings: Finding[] = [];
  await eachLimited(files, UNDER_WAY, async (file) => {
    request.signal.throwIfAborted();
    const wasSame = before?.some(({ path, size, digest }) => {
      return path === file.path && size === file.size && digest === file.digest;
    });
    if (wasSame && !changed?.has(file.path)) return;
    const problem = await toldFileProblem(request, file, repomd);
    if (problem !== null) findings.push({ path: file.path, problem, fetchAgain: [file.path, ...again] });
  });
  return findings;
}

/** What was verified when it was published. */
async function publishedMetadata({ published }: VerifyRequest, folder: string): Promise<readonly Metadata[]> {
  if (published === null) return [];
  const content = await readSmall(published, inFolder(folder, REPOMD), LARGEST_REPOMD);
  if (!Buffer.isBuffer(content)) return [];
  try {
    return await parseRepomd(content, folder);
  } catch (error) {
    if (!(error instanceof IndexFault)) throw error;
    return [];
  }
}

function primaryIndex(request: VerifyRequest, folder: string, primary: Metadata): Index {
  return {
    part: folder,
    path: withoutChecksum(primary.path),
    key: hash('sha256', Buffer.from(`${folder}\0${primary.digest}`, 'latin1'), 'hex'),
    references: () => referencesIn(request, folder, primary),
  };
}

/** `<checksum>-primary.xml.gz` has another name each time: without it, an index is known to follow the one before. */
function withoutChecksum(path: string): string {
  return path.replace(/(^|\/)[0-9a-f]{32,128}-([^/]+)$/, '$1$2');
}

async function* referencesIn(
  { root, signal, env }: VerifyRequest,
  folder: string,
  { path, openSize }: Metadata,
): AsyncGenerator<Reference[]> {
  const most = Math.min(LARGEST_PRIMARY, openSize ?? LARGEST_PRIMARY);
  try {
    yield* packagesIn(
      decompressed(bytePath(root, path), compressionOf(path).compression, { most, signal, env }),
      folder,
    );
  } catch (error) {
    if (error instanceof Undecompressable) throw new IndexFault(error.message, [path]);
    throw error;
  }
}
