import { join } from 'node:path';
import { isPublished, readSmall } from '../files-of-tree.js';
import { inFolder } from '../named-path.js';
import { isOneSignedText, isSameText, verifySignature, type SignatureResult } from '../openpgp.js';
import { IndexFault } from '../index-fault.js';
import type { Finding, VerifyRequest } from '../verifier.js';
import { LARGEST_RELEASE } from './find-suites.js';
import { parseRelease, type Release } from './release.js';

/** The Release file of a suite, as far as it can be trusted. */
export interface SignedRelease {
  /** The file that holds it: `InRelease` or `Release`, below the root. */
  readonly path: string;
  /** Null where something was found that forbids to read on. */
  readonly release: Release | null;
  readonly findings: readonly Finding[];
}

/** All that makes a suite signed; what upstream replaces one by one, so that all may have to be fetched again. */
export const SIGNED_NAMES = ['InRelease', 'Release', 'Release.gpg'] as const;

/**
 * Verifies the signatures of the suite in `folder`, and reads what they sign: `InRelease`, else `Release` with
 * `Release.gpg`; where all are there, all must be good and say the same. Time is held only against what is new: whoever
 * has the published suite is told by apt already, and the other suites must go on.
 */
export async function signedRelease(request: VerifyRequest, folder: string): Promise<SignedRelease> {
  const findings: Finding[] = [];
  const all = SIGNED_NAMES.map((name) => inFolder(folder, name));
  const find = (path: string, problem: string, fetchAgain: readonly string[] = all): void =>
    void findings.push({ path, problem, fetchAgain });
  const [inRelease, release, signature] = await Promise.all(
    all.map((path) => readSmall(request.root, path, LARGEST_RELEASE)),
  );
  const [inReleasePath = '', releasePath = '', signaturePath = ''] = all;
  const path = inRelease ? inReleasePath : releasePath;
  if (inRelease === 'too large' || release === 'too large' || signature === 'too large') {
    find(path, `or its signature has more than ${LARGEST_RELEASE} bytes`, []);
    return { path, release: null, findings };
  }
  const judge = async (at: string, signed: Buffer, detached: Buffer | null): Promise<Buffer | null> => {
    const { content, expired, problem } = await verified(request, signed, detached);
    if (content && !detached && !isOneSignedText(signed))
      find(at, 'is not one clearsigned text and nothing else, which apt refuses');
    if (problem !== null && !(expired && (await isPublished(request, at, LARGEST_RELEASE)))) find(at, problem);
    return content;
  };
  const inner = inRelease ? await judge(inReleasePath, inRelease, null) : null;
  const outer = release && signature ? await judge(signaturePath, release, signature) : (release ?? null);
  if (!inRelease && release && !signature) find(path, 'is not signed: there is neither InRelease nor Release.gpg', all);
  if (inner && outer && !isSameText(inner, outer)) find(inReleasePath, `and "Release" beside it differ`);
  const content = inner ?? (inRelease ? null : outer);
  if (!content || findings.length > 0) return { path, release: null, findings };
  try {
    const parsed = parseRelease(content, folder);
    if (
      parsed.validUntil !== null &&
      parsed.validUntil < request.clock() &&
      !(await isPublished(request, path, LARGEST_RELEASE))
    )
      find(path, `was valid until ${new Date(parsed.validUntil).toISOString().slice(0, 16)}Z: upstream is too old`);
    return { path, release: findings.length > 0 ? null : parsed, findings };
  } catch (error) {
    if (!(error instanceof IndexFault)) throw error;
    find(path, error.problem);
    return { path, release: null, findings };
  }
}

/** What the published suite in `folder` names, which was verified when it was published; null where there is none. */
export async function publishedRelease({ published }: VerifyRequest, folder: string): Promise<Release | null> {
  if (published === null) return null;
  for (const name of ['InRelease', 'Release']) {
    const content = await readSmall(published, inFolder(folder, name), LARGEST_RELEASE);
    if (content === null) continue;
    try {
      return content === 'too large' ? null : parseRelease(content, folder);
    } catch (error) {
      if (!(error instanceof IndexFault)) throw error;
      return null;
    }
  }
  return null;
}

function verified(
  { keyrings, records, env, signal }: VerifyRequest,
  signed: Buffer,
  detached: Buffer | null,
): Promise<SignatureResult> {
  return verifySignature(signed, detached, { keyrings, work: join(records, 'gpgv'), env, signal });
}
