import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import type { TreeMirror } from '../core/mirror.js';
import type { Keyring } from '../core/verify.js';
import { quote } from './fields.js';

/** Where Debian packages put the keys of archives; looked at after the operator's own folder. */
const SYSTEM_FOLDERS = ['/usr/share/keyrings', '/usr/share/distribution-gpg-keys', '/usr/share/pacman/keyrings'];

/** Debian packages that hold keyrings of this name. */
const PACKAGES: readonly { readonly keyring: RegExp; readonly package: string }[] = [
  { keyring: /^debian-archive-.*\.gpg$/, package: 'debian-archive-keyring' },
  { keyring: /^debian-ports-archive-keyring.*\.gpg$/, package: 'debian-ports-archive-keyring' },
  { keyring: /^ubuntu-(?:archive|master)-.*\.gpg$/, package: 'ubuntu-keyring' },
  { keyring: /^archlinux\.gpg$/, package: 'archlinux-keyring' },
  { keyring: /\//, package: 'distribution-gpg-keys' },
];

/** The keyring of that name: in `own`, a folder of the operator, or where Debian packages put keyrings. */
export function keyringNamed(name: string, own: string): Keyring {
  return { name, candidates: [own, ...SYSTEM_FOLDERS].map((folder) => join(folder, name)) };
}

/** The first of its files that can be read, or null. */
export function keyringFile({ candidates }: Keyring): string | null {
  return candidates.find(isReadable) ?? null;
}

/** What to do about a keyring that is not there, as a sentence. */
export function keyringRemedy({ name, candidates }: Keyring): string {
  const known = PACKAGES.find(({ keyring }) => keyring.test(name))?.package;
  const copy = `put it at "${candidates[0] ?? name}"`;
  return known ? `Install it (apt-get install ${known}), or ${copy}.` : `Get it from the upstream and ${copy}.`;
}

/** The keyrings of a mirror that are needed and not there. */
export function missingKeyrings({ verify }: Pick<TreeMirror, 'verify'>): Keyring[] {
  if (verify.mode === 'off' || verify.kinds.length === 0) return [];
  return verify.keyrings.filter((keyring) => keyringFile(keyring) === null);
}

/** Why `name` is not the name of a keyring, or undefined. */
export function keyringNameProblem(name: string): string | undefined {
  const isPlain = name.split('/').every((part) => /^[A-Za-z0-9][A-Za-z0-9._+@-]*$/.test(part));
  if (isPlain && name.length <= 200) return undefined;
  return `${quote(name)} is not the name of a keyring: write that of a file in "keyrings:" or /usr/share/keyrings`;
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
