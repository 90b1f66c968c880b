/** A package as the name of its file tells it. */
export interface PackageFile {
  readonly name: string;
  /** Without the epoch, which names of files do not have. */
  readonly version: string;
  /** Empty where the name does not tell it. */
  readonly arch: string;
}

/**
 * Names of package files: Debian Policy 5.6.12 and dpkg-name(1) for deb, the NVRA of rpm, makepkg(8) for pacman, and
 * apk-package(5) for apk. Each has the groups name, version and, if it tells one, arch.
 */
const PATTERNS: readonly RegExp[] = [
  /^(?<name>[a-z0-9][a-z0-9+.-]+)_(?<version>[^_/]+)_(?<arch>[a-z0-9-]+)\.(?:u?deb|ddeb)$/,
  /^(?<name>.+)-(?<version>[^-]+-[^-]+)\.(?<arch>[^.-]+)\.rpm$/,
  /^(?<name>.+)-(?<version>[^-]+-[^-]+)-(?<arch>[^-.]+)\.pkg\.tar\.\w+$/,
  /^(?<name>.+)-(?<version>[^-]+-r\d+)\.apk$/,
];

/** Null for the name of anything else. */
export function parsePackageFile(fileName: string): PackageFile | null {
  for (const pattern of PATTERNS) {
    const { name, version, arch = '' } = pattern.exec(fileName)?.groups ?? {};
    if (name !== undefined && version !== undefined) return { name, version: version.replace(/%3a/gi, ':'), arch };
  }
  return null;
}
