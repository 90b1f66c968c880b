import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errors, jwtVerify, SignJWT } from 'jose';
import { MillpondError, systemCode } from '../../core/errors.js';
import { syncFolder } from '../../platform/atomic-write.js';

/** The name by which clients know whom a token is for. */
export const SERVICE = 'millpond';
/** Seconds; clients take 60 where nothing is said, and ask anew in time. */
export const ACCESS_SECONDS = 300;
const KEY_BYTES = 32;
const ALGORITHM = 'HS256';

/** What one scope lets its holder do: `repository`, its full name here, and some of `pull`, `push`, `delete`. */
export interface Grant {
  readonly name: string;
  readonly actions: readonly string[];
}

/** The holder of a token of the store; null is anybody. */
export type Subject = { readonly id: number; readonly name: string } | null;

/** What a signed token says, and nothing secret. */
export interface AccessClaims {
  readonly subject: Subject;
  readonly grants: readonly Grant[];
}

/**
 * Access tokens are JWTs (RFC 7519) that say who was let what a few minutes ago; what the named token of the store opens
 * is looked up each time, so that taking it away has effect at once. Refresh tokens stand for a secret that is not kept.
 */
export class AccessTokens {
  #key: Promise<Uint8Array> | undefined;

  constructor(private readonly options: { readonly keyFile: string; clock(): number }) {}

  async issueAccess({ subject, grants }: AccessClaims): Promise<string> {
    const access = grants.map(({ name, actions }) => ({ type: 'repository', name, actions }));
    const now = Math.floor(this.options.clock() / 1000);
    return this.#sign(
      'access',
      subject,
      new SignJWT({ access }).setIssuedAt(now).setExpirationTime(now + ACCESS_SECONDS),
    );
  }

  /** Holds as long as the token of the store does. */
  async issueRefresh(subject: NonNullable<Subject>): Promise<string> {
    return this.#sign('refresh', subject, new SignJWT({}).setIssuedAt(Math.floor(this.options.clock() / 1000)));
  }

  /** Undefined when it is not ours, is no access token, or has expired. */
  async readAccess(token: string): Promise<AccessClaims | undefined> {
    const payload = await this.#verify('access', token);
    if (!payload) return undefined;
    const access = Array.isArray(payload['access']) ? (payload['access'] as Grant[]) : [];
    return { subject: subjectOf(payload), grants: access };
  }

  async readRefresh(token: string): Promise<NonNullable<Subject> | undefined> {
    const payload = await this.#verify('refresh', token);
    return (payload && subjectOf(payload)) ?? undefined;
  }

  async #sign(use: string, subject: Subject, jwt: SignJWT): Promise<string> {
    if (subject) jwt.setSubject(`${subject.id} ${subject.name}`);
    return jwt
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
      .setIssuer(SERVICE)
      .setAudience(`${SERVICE} ${use}`)
      .setJti(randomUUID())
      .sign(await this.#loadKey());
  }

  async #verify(use: string, token: string): Promise<Record<string, unknown> | undefined> {
    try {
      const { payload } = await jwtVerify(token, await this.#loadKey(), {
        algorithms: [ALGORITHM],
        issuer: SERVICE,
        audience: `${SERVICE} ${use}`,
        currentDate: new Date(this.options.clock()),
      });
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }

  #loadKey(): Promise<Uint8Array> {
    return (this.#key ??= loadKey(this.options.keyFile).catch((error: unknown) => {
      this.#key = undefined;
      throw error;
    }));
  }
}

function subjectOf({ sub }: Record<string, unknown>): Subject {
  const [, id, name] = /^(\d+) (.+)$/.exec(typeof sub === 'string' ? sub : '') ?? [];
  return id === undefined || name === undefined ? null : { id: Number(id), name };
}

/** The key in `file`, which is made where there is none. @throws MillpondError corrupt */
async function loadKey(file: string): Promise<Uint8Array> {
  try {
    const key = readFileSync(file);
    if (key.length === KEY_BYTES) return key;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return makeKey(file);
    throw error;
  }
  throw new MillpondError('corrupt', `the key of the registry in "${file}" is not of ${KEY_BYTES} bytes`, {
    hint: 'Remove the file: a new one is made, and clients of the registry log in again.',
  });
}

async function makeKey(path: string): Promise<Uint8Array> {
  const key = randomBytes(KEY_BYTES);
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.chmod(0o600); // one that a crash has left may have been made otherwise
    await file.writeFile(key);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncFolder(dirname(path));
  return key;
}
