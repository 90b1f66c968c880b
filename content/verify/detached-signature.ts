import { join } from 'node:path';
import { displayName } from '../../core/tree-path.js';
import { isClearsigned, isSameText, verifySignature, type SignatureResult } from './openpgp.js';
import { isFileIn, isPublished, readSmall } from './files-of-tree.js';
import type { Finding, VerifyRequest } from './verifier.js';

const LARGEST_SIGNATURE = 1024 * 1024;
/** Of what is published and may hold its signature itself. */
const LARGEST_SIGNED = 16 * 1024 * 1024;

/** What is signed, with the names that its signature may have: what is added to its own. */
export interface DetachedlySigned {
  /** Below the root, bytes in latin1. */
  readonly path: string;
  readonly content: Buffer;
  readonly suffixes: readonly string[];
}

/**
 * What is wrong with the detached signatures beside a file. All that are there must be good; that there is none matters
 * only where the published tree has one, since upstreams sign some of their indexes and not others. Time is held only
 * against what is new. Without keyrings nothing is looked at.
 */
export async function detachedSignatureFindings(
  { request, sameSelection }: { request: VerifyRequest; sameSelection: boolean },
  { path, content, suffixes }: DetachedlySigned,
): Promise<Finding[]> {
  const keyrings = openPgpKeyrings(request);
  if (keyrings.length === 0) return [];
  const findings: Finding[] = [];
  const find = (at: string, problem: string): void => void findings.push({ path: at, problem, fetchAgain: [path, at] });
  let isSigned = false;
  for (const suffix of suffixes) {
    const at = path + suffix;
    const signature = await readSmall(request.root, at, LARGEST_SIGNATURE);
    if (signature === null) continue;
    isSigned = true;
    if (signature === 'too large') find(at, `has more than ${LARGEST_SIGNATURE} bytes, which is no signature`);
    else {
      const { problem, expired } = await judge(request, { path, content }, signature);
      if (problem !== null && !(expired && (await isPublished(request, at, LARGEST_SIGNATURE)))) find(at, problem);
    }
  }
  if (isSigned || !sameSelection) return findings;
  for (const suffix of suffixes)
    if (await isFileIn(request.published, path + suffix))
      find(path + suffix, `is gone, and "${displayName(path)}" is not signed without it`);
  const before = request.published === null ? null : await readSmall(request.published, path, LARGEST_SIGNED);
  if (Buffer.isBuffer(before) && isClearsigned(before)) find(path, 'is no longer signed, and what was published is');
  return findings;
}

/** A signature, or a copy of what is signed that holds it. */
async function judge(
  request: VerifyRequest,
  { path, content }: Pick<DetachedlySigned, 'path' | 'content'>,
  signature: Buffer,
): Promise<Pick<SignatureResult, 'problem' | 'expired'>> {
  if (!isClearsigned(signature)) return verifySignature(content, signature, gpgvOptions(request));
  const { content: copy, ...result } = await verifySignature(signature, null, gpgvOptions(request));
  if (!copy || isSameText(copy, content)) return result;
  return { problem: `is signed, and is not what is in "${displayName(path)}"`, expired: false };
}

/** For `verifySignature`. */
export function gpgvOptions(request: VerifyRequest) {
  const { records, env, signal } = request;
  return { keyrings: openPgpKeyrings(request), work: join(records, 'gpgv'), env, signal };
}

/** Files of keys that are not the bare keys (`*.pub`) of apk. */
export function openPgpKeyrings({ keyrings }: Pick<VerifyRequest, 'keyrings'>): readonly string[] {
  return keyrings.filter((file) => !file.endsWith('.pub'));
}
