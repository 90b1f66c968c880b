import { createPublicKey, hash, verify as verifySigned, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { isFileIn, readSmall } from '../files-of-tree.js';
import { verifyFolders, type FolderContext, type FolderKind, type VerifiedFolder } from '../folders.js';
import { folderOf, inFolder } from '../named-path.js';
import { orFetchAgain } from '../or-fetch-again.js';
import { IndexFault } from '../index-fault.js';
import type { Verified, VerifyRequest } from '../verifier.js';
import { divideIndex, packagesIn, type IndexSignature } from './index-file.js';

const INDEX = 'APKINDEX.tar.gz';
/** Alpine's largest has under 3 MB. */
const LARGEST_INDEX = 64 * 1024 * 1024;

/**
 * Repositories of apk, wherever they are in the tree: each `APKINDEX.tar.gz` is signed by one of the operator's keys
 * where there are any, and each package that it names is there.
 */
export function verify(request: VerifyRequest): Promise<Verified> {
  return verifyFolders(request, REPOSITORIES);
}

const REPOSITORIES: FolderKind = {
  none: `the tree holds no "${INDEX}"`,
  folderOfIndex: (path) => (path === INDEX || path.endsWith(`/${INDEX}`) ? folderOf(path) : null),
  hasIndex: (root, folder) => isFileIn(root, inFolder(folder, INDEX)),
  verifyFolder: verifyRepository,
};

async function verifyRepository({ request }: FolderContext, folder: string): Promise<VerifiedFolder> {
  const path = inFolder(folder, INDEX);
  const faulty = (problem: string): VerifiedFolder => ({
    findings: [{ path, problem, fetchAgain: [path] }],
    indexes: [],
  });
  const bytes = await readSmall(request.root, path, LARGEST_INDEX);
  if (bytes === null) return { findings: [], indexes: [] };
  if (bytes === 'too large') return faulty(`has more than ${LARGEST_INDEX} bytes`);
  try {
    const { signatures, content } = await divideIndex(bytes);
    const problem = await signatureProblem(request, signatures, content);
    if (problem !== null) return faulty(problem);
    const key = hash('sha256', Buffer.concat([Buffer.from(`${folder}\0`, 'latin1'), content]), 'hex');
    return {
      findings: [],
      indexes: [{ part: folder, path, key, references: () => orFetchAgain(path, packagesIn(content, folder)) }],
    };
  } catch (error) {
    if (!(error instanceof IndexFault)) throw error;
    return faulty(error.problem);
  }
}

/**
 * As apk does: a signature names the file of its key, and one that is good is enough. Without keys nothing is looked at.
 */
async function signatureProblem(
  { keyrings }: VerifyRequest,
  signatures: readonly IndexSignature[],
  content: Buffer,
): Promise<string | null> {
  const keys = keyrings.filter((file) => file.endsWith('.pub'));
  if (keys.length === 0) return null;
  if (signatures.length === 0) return 'is not signed';
  const known = signatures.filter(({ key }) => keys.some((file) => basename(file) === key));
  if (known.length === 0)
    return `is signed with the key ${JSON.stringify(signatures[0]?.key)}, which is in none of the keyrings`;
  for (const { algorithm, key, signature } of known) {
    const publicKey = await publicKeyIn(keys.find((file) => basename(file) === key) ?? '');
    if (!publicKey) return `cannot be verified: the keyring ${JSON.stringify(key)} holds no public key`;
    if (verifySigned(algorithm, content, publicKey, signature)) return null;
  }
  return `has a bad signature of the key ${JSON.stringify(known[0]?.key)}: it is not what was signed`;
}

async function publicKeyIn(file: string): Promise<KeyObject | null> {
  const pem = await readFile(file, 'utf8');
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'rsa' ? key : null;
  } catch {
    return null;
  }
}
