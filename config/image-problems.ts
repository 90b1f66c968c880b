import { distance } from 'fastest-levenshtein';
import { validRange } from 'semver';
import { canonicalRegistry, isRepositoryName } from '../core/oci/names.js';
import { parsePlatform } from '../core/oci/platform.js';
import { pathProblem, quote } from './fields.js';

/** Why a value of a registry or an image cannot be used: a whole sentence each, or undefined when it can. */

export const NO_TAGS = 'is missing: list tags or patterns, or write ["*"] for all';
export const EMPTY_SELECTION =
  'chooses no tag: give "include", "semver", "latest" or "pulled_within"; all of them is include: ["*"]';

const HOST = /^(?=.{1,128}$)[a-z0-9]+(?:-+[a-z0-9]+)*(?:\.[a-z0-9]+(?:-+[a-z0-9]+)*)*$/;
const PORT = /:\d+$/;

/** What people write for the architectures of Go, which images are named by. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  ...{ x86_64: 'amd64', x64: 'amd64', aarch64: 'arm64', arm64v8: 'arm64', armv8: 'arm64', i386: '386', i686: '386' },
  ...{ x86: '386', armhf: 'arm/v7', armv7: 'arm/v7', armv7l: 'arm/v7', arm32v7: 'arm/v7', armel: 'arm/v5' },
  ...{ armv6: 'arm/v6', ppc64el: 'ppc64le', mips64el: 'mips64le' },
};
const COMMON_PLATFORM = /^(?:(linux|windows)[/_-])?(386|amd64|arm|arm64|ppc64le|riscv64|s390x)$/;

export function registryName(value: string): string | undefined {
  const begin = `${quote(value)} is not the name of a registry`;
  if (value.includes('/')) return `${begin}: write its host name alone, and the address under "url"`;
  if (PORT.test(value))
    return `${begin}: names of repositories begin with it, and they cannot hold ":"; leave the port to "url"`;
  return HOST.test(canonicalRegistry(value)) ? undefined : `${begin}: write the host name that clients use, as quay.io`;
}

/** A password may stand in it: the value is quoted only when there is none. */
export function registryUrl(value: string): string | undefined {
  if (/^[^/?#]*\/*[^/?#]*@/.test(value))
    return 'holds a user or a password: they belong into the file of "credentials"';
  const begin = `${quote(value)} is not the address of a registry`;
  if (!URL.canParse(value)) return `${begin}: write it as https://quay.io`;
  const url = new URL(value);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return `${begin}: it begins with https:// or http://`;
  if (url.pathname !== '/' || url.search || url.hash)
    return `${begin}: a path is not allowed; write ${quote(url.origin)}`;
  return undefined;
}

/** Credentials themselves end up here by mistake: the value is never quoted. */
export function credentialsFile(value: string): string | undefined {
  return pathProblem(value) && 'is not the path of a file';
}

export function alias(value: string): string | undefined {
  const begin = `${quote(value)} is not a host name`;
  if (PORT.test(value)) return `${begin}: leave the port away`;
  return HOST.test(value.toLowerCase()) ? undefined : `${begin}: write it as docker.mirror.example.edu`;
}

export function zoneName(value: string): string | undefined {
  if (/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/.test(value)) return undefined;
  return `${quote(value)} is not the name of a zone: 1 to 32 of a-z, 0-9 and "-"`;
}

export function sourceName(value: string): string | undefined {
  if (value.includes('://'))
    return `${quote(value)} is an address: write registry and repository alone, as quay.io/a/b`;
  const slash = value.indexOf('/');
  if (slash < 0) return `${quote(value)} has no registry before it: write it as docker.io/library/debian`;
  const registry = registryName(value.slice(0, slash));
  if (registry !== undefined) return `${quote(value)}: ${registry}`;
  return repositoryName(value, value.slice(slash + 1));
}

export function ownName(value: string): string | undefined {
  if (!value.includes('/')) return `${quote(value)} has one part only: write two or more, as base/debian`;
  return repositoryName(value, value);
}

function repositoryName(value: string, repository: string): string | undefined {
  if (/[:@]/.test(repository)) return `${quote(value)} holds a tag or a digest: write tags under "tags"`;
  if (isRepositoryName(repository) && value.length <= 200) return undefined;
  return `${quote(value)} is not the name of a repository: parts of a-z, 0-9, ".", "_" and "-" with "/" between them`;
}

export function semverRange(value: string): string | undefined {
  if (value.trim() === '') return 'the range is empty; "*" stands for all versions';
  if (value.length <= 256 && validRange(value, { loose: true }) !== null) return undefined;
  return `${quote(value)} is not a range of versions: write it as ">=11", "^1.2", "1.x || >=3" or "11 - 13"`;
}

export function platform(value: string): string | undefined {
  const parsed = parsePlatform(value);
  if (parsed && !Object.hasOwn(ARCHITECTURES, parsed.architecture)) return undefined;
  const begin = `${quote(value)} is not a platform`;
  const meant = meantPlatform(value.toLowerCase());
  return meant === undefined
    ? `${begin}: write system and architecture, as linux/amd64 or linux/arm/v7`
    : `${begin}; did you mean "${meant}"?`;
}

function meantPlatform(text: string): string | undefined {
  const [, system = 'linux', other = ''] = /^(?:(linux|windows)[/_-])?(\w+)$/.exec(text) ?? [];
  if (Object.hasOwn(ARCHITECTURES, other)) return `${system}/${ARCHITECTURES[other]}`;
  const [, os = 'linux', architecture] = COMMON_PLATFORM.exec(text) ?? [];
  return architecture && `${os}/${architecture}`;
}

/** In a list of tags YAML makes numbers of some, and 12.10 would become 12.1. */
export function tagText(value: unknown): string | undefined {
  return typeof value === 'number' ? `${value} is a number to YAML: write the tag in quotes, as "12.10"` : undefined;
}

/** What is to be done about a registry that is not known: take the nearest one, or add it. */
export function registryHint(name: string, known: readonly string[]): string {
  const near = known
    .map((each) => ({ each, away: distance(each, name) }))
    .sort((a, b) => a.away - b.away)
    .find(({ away }) => away <= Math.max(2, Math.floor(name.length / 3)));
  return near ? `did you mean "${near.each}"?` : 'add it';
}
