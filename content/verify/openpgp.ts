import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runChild } from '../../platform/child.js';

/** What gpgv says of signed bytes. */
export interface SignatureResult {
  /** The end of a sentence that begins with the file that holds the signature; null when it is good. */
  readonly problem: string | null;
  /** Only the time is against it. */
  readonly expired: boolean;
  /** The bytes that are signed, and no other; only where it is good, or was. */
  readonly content: Buffer | null;
}

export interface GpgvOptions {
  /** Absolute paths of binary or armoured keys; nothing else is trusted. */
  readonly keyrings: readonly string[];
  /** Missing folder, which is made, and removed afterwards. */
  readonly work: string;
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

const TIMEOUT_MS = 60_000;
const LARGEST_KEYRING = 16 * 1024 * 1024;
const BEGIN_TEXT = '-----BEGIN PGP SIGNED MESSAGE-----';
/** It is looked for in so many bytes, behind whatever a project writes above it. */
const BEGINS_WITHIN = 1000;
const BEGIN_SIGNATURE = '-----BEGIN PGP SIGNATURE-----';
const END_SIGNATURE = '-----END PGP SIGNATURE-----';
const ARMOUR =
  /-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+: [^\r\n]*\r?\n)*\s*([A-Za-z0-9+/=\s]+?)(?:=[A-Za-z0-9+/]{4}\s*)?-----END/g;

/**
 * Verifies with gpgv(1) the signature that `signed` holds itself (clearsigned), or the detached `signature` of it.
 * @throws MillpondError unavailable when gpgv is missing, the signal's reason, system errors
 */
export async function verifySignature(
  signed: Buffer,
  signature: Buffer | null,
  { keyrings, work, env, signal }: GpgvOptions,
): Promise<SignatureResult> {
  const start = signature ? 0 : startOfSignedText(signed);
  if (start < 0) return { problem: 'holds no signed text', expired: false, content: null };
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true, mode: 0o700 });
  const [signedFile, signatureFile, output] = [join(work, 'signed'), join(work, 'signature'), join(work, 'content')];
  try {
    const keys = await Promise.all(keyrings.map((file, index) => binaryKeyring(file, join(work, `keys-${index}.gpg`))));
    await writeFile(signedFile, signed.subarray(start));
    if (signature) await writeFile(signatureFile, signature);
    const args = [
      ...['--homedir', work, '--status-fd', '1', '--ignore-time-conflict'],
      ...keys.flatMap((file) => ['--keyring', file]),
      ...(signature ? ['--', signatureFile, signedFile] : ['--output', output, '--', signedFile]),
    ];
    const end = await runChild('gpgv', args, { timeoutMs: TIMEOUT_MS, env, signal });
    signal.throwIfAborted();
    const fault = faultOf(end.stdout.toString('utf8'), end.endedBecause);
    if (fault && !fault.expired) return { ...fault, content: null };
    const content = signature ? signed : await readFile(output);
    return { problem: null, expired: false, ...fault, content };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * As apt does: one good signature is enough, unless there is also a bad one. Keys that are unknown do not matter then,
 * since archives sign with old and new keys. (GnuPG's doc/DETAILS, "Format of the --status-fd output")
 */
function faultOf(status: string, endedBecause: string | null): { problem: string; expired: boolean } | null {
  const fault = (problem: string, expired = false) => ({ problem, expired });
  if (endedBecause !== null) return fault(`could not be verified: gpgv ${endedBecause}`);
  const said = (keyword: string): string | undefined =>
    new RegExp(`^\\[GNUPG:\\] ${keyword} (\\S+)`, 'm').exec(status)?.[1];
  const bad = said('BADSIG');
  if (bad) return fault(`has a bad signature of the key ${bad}: it is not what was signed`);
  if (said('GOODSIG') && said('VALIDSIG')) return null;
  const expiredKey = said('EXPKEYSIG');
  if (expiredKey) return fault(`is signed with the key ${expiredKey}, which has expired`, true);
  const expired = said('EXPSIG');
  if (expired) return fault(`has a signature of the key ${expired} that has expired`, true);
  const revoked = said('REVKEYSIG');
  if (revoked) return fault(`is signed with the key ${revoked}, which was revoked`);
  const unknown = said('NO_PUBKEY');
  if (unknown) return fault(`is signed with the key ${unknown}, which is in none of the keyrings`);
  const unusable = said('ERRSIG');
  if (unusable) return fault(`has a signature of the key ${unusable} that cannot be verified`);
  return fault('holds no signature');
}

/** gpgv reads binary keyrings only. */
async function binaryKeyring(file: string, target: string): Promise<string> {
  if ((await stat(file)).size > LARGEST_KEYRING) return file; // gpgv will say what is wrong with it
  const bytes = await readFile(file);
  const blocks = [...bytes.toString('latin1').matchAll(ARMOUR)];
  if (blocks.length === 0) return file;
  await writeFile(target, Buffer.concat(blocks.map(([, base64 = '']) => Buffer.from(base64, 'base64'))));
  return target;
}

/** Whether the bytes hold their signature themselves, as text (RFC 9580 section 7). */
export function isClearsigned(bytes: Buffer): boolean {
  return startOfSignedText(bytes) >= 0;
}

/** gpgv would unpack a message that is not signed, or stands before the text, and write out all that it holds. */
function startOfSignedText(bytes: Buffer): number {
  return bytes
    .subarray(0, BEGINS_WITHIN)
    .toString('latin1')
    .search(/^-----BEGIN PGP SIGNED MESSAGE-----\r?\n/m);
}

/** Whether there is one clearsigned text and nothing else: gpgv passes over what stands before and behind it. */
export function isOneSignedText(bytes: Buffer): boolean {
  let part: 'start' | 'text' | 'signature' | 'end' = 'start';
  for (const line of linesOf(bytes)) {
    if (part === 'start' ? line !== BEGIN_TEXT : part === 'text' && line === BEGIN_TEXT) return false;
    if (part === 'end' && line !== '' && line !== BEGIN_SIGNATURE) return false;
    if (part === 'start') part = 'text';
    else if (line === BEGIN_SIGNATURE) part = 'signature';
    else if (part === 'signature' && line === END_SIGNATURE) part = 'end';
  }
  return part === 'end';
}

/** What is clearsigned has lost blanks at the ends of its lines (RFC 9580 section 7.2), and may have lost empty lines. */
export function isSameText(one: Buffer, other: Buffer): boolean {
  const plain = (text: Buffer): string => linesOf(text).join('\n').trim();
  return plain(one) === plain(other);
}

/** In latin1, without blanks at their ends. Of unknown origin: an expression would take a square of their number. */
function linesOf(text: Buffer): string[] {
  return text
    .toString('latin1')
    .split('\n')
    .map((line) => {
      let end = line.length;
      while (end > 0 && ' \t\r'.includes(line[end - 1] ?? '')) end--;
      return line.slice(0, end);
    });
}
