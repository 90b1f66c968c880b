import { shortDigest, type Digest } from '../../core/oci/digest.js';
import { formatBytes, formatCount, formatDuration } from '../../core/units.js';
import { repositoryPath } from '../image-status.js';
import type { RegistryView, RepositoryView } from '../images-view.js';
import { verdictView } from './page-frame.js';
import { timeOrNull, type TimeView } from './time-view.js';

/** Word, shape and tone, as of a verdict. */
export interface Sign {
  readonly label: string;
  readonly shape: string;
  readonly tone: string;
}

/** A manifest as a link. */
export interface DigestLink {
  readonly href: string;
  readonly short: string;
  readonly digest: Digest;
}

const PLAIN_SIGNS: Readonly<Record<RepositoryView['origin'], Sign>> = {
  cached: { label: 'on demand', shape: '◇', tone: 'calm' },
  hosted: { label: 'hosted', shape: '●', tone: 'calm' },
  mirrored: { label: 'followed no more', shape: '‖', tone: 'calm' },
};

const ORIGIN_WORDS: Readonly<Record<RepositoryView['origin'], string>> = {
  cached: 'fetched when clients ask for it',
  hosted: 'pushed here',
  mirrored: 'kept in step with upstream',
};

export function signOf({ status, origin }: RepositoryView, now: number): Sign {
  return status ? verdictView(status.verdict, now) : PLAIN_SIGNS[origin];
}

export function originWords({ status, origin }: RepositoryView): string {
  return origin === 'mirrored' && !status ? 'was kept in step with upstream once' : ORIGIN_WORDS[origin];
}

/** The registry apart from the rest: it is the same in many names. Empty where a name begins with none. */
export function nameParts(name: string): { registry: string; rest: string } {
  const slash = name.indexOf('/');
  const at = name.slice(0, slash).includes('.') ? slash + 1 : 0;
  return { registry: name.slice(0, at), rest: name.slice(at) };
}

export function manifestLink(repository: string, digest: Digest): DigestLink {
  return { href: `${repositoryPath(repository)}/-/manifests/${digest}`, short: shortDigest(digest), digest };
}

export function tagHref(repository: string, tag: string): string {
  return `${repositoryPath(repository)}/-/tags/${tag}`;
}

/** What a table of registries shows. */
export interface RegistryRow {
  readonly name: string;
  readonly alias: string | null;
  readonly onDemand: string;
  readonly left: string;
  readonly full: TimeView | null;
  readonly blocked: TimeView | null;
  /** Since when it cannot be asked. */
  readonly trouble: TimeView | null;
  readonly ratio: string;
  readonly requests: string;
  readonly received: string;
  readonly served: string;
  readonly saved: string;
}

export function registryRow(registry: RegistryView, now: number): RegistryRow {
  const { name, alias, onDemand, use } = registry;
  const isBlocked = use?.blockedUntil !== null && use?.blockedUntil !== undefined && use.blockedUntil > now;
  const isSpent = use !== null && use.remaining !== null && use.limit !== null && use.remaining < use.limit;
  return {
    ...{ name, alias, left: leftWords(registry) },
    onDemand: onDemand ? onDemand.allow.join(', ') || 'nothing' : 'nothing',
    full: isSpent ? futureOnly(use.resetsAt, now) : null,
    blocked: isBlocked ? timeOrNull(use.blockedUntil, now) : null,
    trouble: timeOrNull(use?.troubleSince ?? null, now),
    ratio: use?.hitRatio === null || use === null ? '–' : `${Math.floor(use.hitRatio * 1000) / 10} %`,
    requests: use ? `${formatCount(use.hits)} of ${formatCount(use.hits + use.misses)}` : '',
    received: use ? formatBytes(use.bytesFromUpstream) : '–',
    served: use ? formatBytes(use.bytesServed) : '–',
    saved: use ? formatBytes(use.bytesSaved) : '–',
  };
}

/** `63 of 80 in each 6 h`. */
function leftWords({ use, budget }: RegistryView): string {
  const limit = use?.limit ?? budget?.pulls ?? null;
  const window = use?.window ?? budget?.window ?? null;
  const each = window === null ? '' : ` in each ${formatDuration(window)}`;
  if (use?.remaining === null || use?.remaining === undefined)
    return limit === null ? 'no limit is known' : `${formatCount(limit)}${each}`;
  return limit === null ? formatCount(use.remaining) : `${formatCount(use.remaining)} of ${formatCount(limit)}${each}`;
}

function futureOnly(at: number | null, now: number): TimeView | null {
  return at !== null && at > now ? timeOrNull(at, now) : null;
}
