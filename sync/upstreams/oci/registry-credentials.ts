import { statSync } from 'node:fs';
import { readPrivateFile } from '../../../config/secrets.js';
import { MillpondError } from '../../../core/errors.js';
import type { Registry } from '../../../core/oci/image-mirror.js';
import { canonicalRegistry } from '../../../core/oci/names.js';

/** What is shown to a registry or its token server. */
export type Credential =
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  | { readonly kind: 'identity-token'; readonly token: string };

const LARGEST_FILE = 1024 * 1024;

/** The credentials of one registry, from a file in the form of Docker's config.json. Read again when it has changed. */
export class RegistryCredentials {
  #read: { readonly stamp: string; readonly credential: Credential } | null = null;

  constructor(private readonly registry: Registry) {}

  /**
   * Null where none are configured.
   * @throws MillpondError `invalid`, naming the file and never what is in it
   */
  get(): Credential | null {
    const path = this.registry.credentials;
    if (path === null) return null;
    const stamp = stampOf(path);
    if (this.#read === null || this.#read.stamp !== stamp)
      this.#read = { stamp, credential: readCredential(path, this.registry) };
    return this.#read.credential;
  }

  /** Whose limits apply: the name of the user, empty for nobody. Reads the file as `get` does. */
  account(): string {
    const credential = this.get();
    if (credential === null) return '';
    return credential.kind === 'password' ? credential.user : '<token>';
  }
}

/** Changes with the file. One that cannot be looked at has none: reading it then says why. */
function stampOf(path: string): string {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(path);
    return `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
  } catch {
    return '';
  }
}

function readCredential(path: string, registry: Registry): Credential {
  const place = `the credentials file "${path}"`;
  const text = readPrivateFile(path, place, LARGEST_FILE);
  if (text.length > LARGEST_FILE) throw refusal(`${place} holds more than ${LARGEST_FILE} bytes`);
  const entry = findEntry(authsOf(text, place), registry);
  if (entry === undefined) throw refusal(`${place} has no entry for ${registry.name}`);
  const credential = toCredential(entry);
  if (credential === undefined)
    throw new MillpondError('invalid', `${place} has no user and password in the entry for ${registry.name}`, {
      hint: 'Write it by "docker login" without a credential helper, which keeps passwords elsewhere.',
    });
  return credential;
}

function authsOf(text: string, place: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw refusal(`${place} is not JSON`); // the message of the parser would quote the file
  }
  const auths = isObject(json) ? json['auths'] : undefined;
  if (!isObject(auths)) throw refusal(`${place} has no "auths"`);
  return auths;
}

/** Keys are hosts, or addresses with a scheme and a path; one without a path of its own is preferred. */
function findEntry(auths: Record<string, unknown>, registry: Registry): Record<string, unknown> | undefined {
  const hosts = new Set([canonicalRegistry(registry.name), canonicalRegistry(new URL(registry.url).host)]);
  const found = Object.entries(auths)
    .map(([key, entry]) => ({ ...partsOf(key), entry }))
    .filter(({ host, entry }) => hosts.has(canonicalRegistry(host)) && isObject(entry))
    .sort((a, b) => a.path.length - b.path.length);
  return found[0]?.entry as Record<string, unknown> | undefined;
}

function partsOf(key: string): { host: string; path: string } {
  const [, host = '', path = ''] = /^(?:https?:\/\/)?([^/]*)(.*)$/s.exec(key) ?? [];
  return { host, path: path.replace(/^\/v[12]\/?$|^\/$/, '') };
}

/** `auth` is base64 of `user:password`; a token of identity counts more than a password beside it, as in Docker. */
function toCredential(entry: Record<string, unknown>): Credential | undefined {
  const { auth, username, password, identitytoken } = entry;
  if (typeof identitytoken === 'string' && identitytoken !== '')
    return { kind: 'identity-token', token: identitytoken };
  if (typeof username === 'string' && username !== '' && typeof password === 'string')
    return { kind: 'password', user: username, password };
  if (typeof auth !== 'string') return undefined;
  const decoded = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = decoded.indexOf(':');
  return colon > 0
    ? { kind: 'password', user: decoded.slice(0, colon), password: decoded.slice(colon + 1) }
    : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refusal(sentence: string): MillpondError {
  return new MillpondError('invalid', sentence);
}
