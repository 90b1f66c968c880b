import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { CertificateFiles } from '../../config/settings.js';
import { messageOf, MillpondError, systemCode } from '../../core/errors.js';

/** What a TLS server needs to prove who it is. */
export interface Certificate {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly context: SecureContext;
  readonly leaf: X509Certificate;
}

/** Largest file of a certificate or key, bytes. */
const LARGEST = 1024 * 1024;

/** Certificates with their keys, as they were on the disk when they were read. */
export class Certificates {
  private constructor(
    readonly all: readonly [Certificate, ...Certificate[]],
    /** Of the files, as they were before they were read. */
    readonly state: string,
  ) {}

  /** Reads and checks certificates and keys. @throws MillpondError `invalid`: which file, and why */
  static async read(files: readonly CertificateFiles[]): Promise<Certificates> {
    const state = await stateOf(files);
    const [first, ...more] = await Promise.all(files.map(readPair));
    if (!first) throw new MillpondError('invalid', 'listen.https has no certificate');
    return new Certificates([first, ...more], state);
  }

  /** The first that is made for `host`, a name as clients send it (RFC 6066 section 3), else the first of all. */
  for(host: string): Certificate {
    return this.all.find(({ leaf }) => leaf.checkHost(host) !== undefined) ?? this.all[0];
  }
}

/** A text that differs when a file was replaced or written to. Symbolic links are followed. */
export async function stateOf(files: readonly CertificateFiles[]): Promise<string> {
  const paths = files.flatMap(({ cert, key }) => [cert, key]);
  const states = await Promise.all(
    paths.map((path) =>
      stat(path, { bigint: true }).then(
        ({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join(),
        (error: unknown) => systemCode(error) ?? 'unknown',
      ),
    ),
  );
  return states.join(' ');
}

async function readPair(files: CertificateFiles): Promise<Certificate> {
  const [cert, key] = await Promise.all([readPem(files.cert), readPem(files.key)]);
  const leaf = parse(files.cert, 'certificate', () => new X509Certificate(cert));
  const context = parse(files.key, 'private key of this certificate', () => createSecureContext({ cert, key }));
  return { cert, key, context, leaf };
}

async function readPem(path: string): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size > LARGEST) throw new MillpondError('invalid', `listen.https: "${path}" is larger than 1 MiB`);
    return await readFile(path);
  } catch (error) {
    if (error instanceof MillpondError) throw error;
    throw new MillpondError('invalid', `listen.https: "${path}" cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function parse<T>(path: string, what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new MillpondError('invalid', `listen.https: "${path}" holds no ${what} in PEM: ${messageOf(error)}`, {
      hint: 'certbot keeps the two as fullchain.pem and privkey.pem.',
      cause: error,
    });
  }
}
