import { DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from '../../core/oci/media-types.js';
import type { FormerTag, Tag } from '../../core/oci/repository.js';
import { countOf, formatBytes, formatCount } from '../../core/units.js';
import type { ImageConfig } from '../image-config.js';
import type { LayerView, ManifestView } from '../image-manifest.js';
import type { RepositoryView } from '../images-view.js';
import { shownText } from '../shown-text.js';
import { pullCommands, type ClientAddress } from './images-use.js';
import { manifestLink, nameParts, tagHref, type DigestLink } from './images-view-parts.js';
import type { PageFrame } from './page-frame.js';
import { timeOrNull } from './time-view.js';
import { renderView } from './view.js';

export interface ManifestPage {
  readonly repository: RepositoryView;
  readonly manifest: ManifestView;
  /** Through which it was asked for; null of a digest. */
  readonly tag: { readonly tag: Tag; readonly history: readonly (FormerTag & { readonly isHere: boolean })[] } | null;
  readonly address: ClientAddress;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  [OCI_INDEX]: 'OCI index',
  [OCI_MANIFEST]: 'OCI manifest',
  [DOCKER_LIST]: 'Docker manifest list',
  [DOCKER_MANIFEST]: 'Docker manifest',
};

/** What refers to a manifest, by what its type tells. The first that fits counts. */
const REFERRER_WORDS: readonly (readonly [RegExp, string])[] = [
  [/cosign.*\.sig\b|signature|notary/, 'signature'],
  [/spdx|cyclonedx|syft|sbom/, 'bill of materials'],
  [/in-toto|attestation|\.att\b|dsse|sigstore\.bundle/, 'attestation'],
];

/** `/images/<repository>/-/manifests/<digest>`, and of a tag also `/images/<repository>/-/tags/<tag>`. */
export function renderManifest(frame: PageFrame, page: ManifestPage): string {
  const { repository, manifest, tag, address } = page;
  const { now } = frame;
  const { name } = repository;
  const reference = tag?.tag.tag ?? manifest.digest;
  return renderView('image-manifest', {
    ...frame,
    ...{ name, path: repository.path, ...nameParts(name) },
    ...{ tag: tag && tagFacts(tag.tag, now), history: tag ? historyRows(name, tag.history, now) : [] },
    ...{ reference: tag ? reference : manifestLink(name, manifest.digest).short, digest: manifest.digest },
    own: manifestLink(name, manifest.digest),
    kind: kindWords(manifest),
    type: { name: manifest.mediaType, words: TYPE_WORDS[manifest.mediaType] ?? manifest.mediaType },
    ...{ size: formatBytes(manifest.size), totalSize: formatBytes(manifest.totalSize) },
    ...{ stored: timeOrNull(manifest.storedAt, now), pulled: timeOrNull(manifest.pulledAt, now) },
    tags: manifest.tags.map((each) => ({ tag: each, href: tagHref(name, each) })),
    subject: manifest.subject && { ...manifestLink(name, manifest.subject.digest), isHere: manifest.subject.isHere },
    annotations: manifest.annotations,
    isIndex: manifest.kind === 'index',
    platforms: manifest.platforms.map((child) => ({
      ...manifestLink(name, child.digest),
      platform: child.platform ?? 'attestation, or of no platform',
      isHere: child.isHere,
      size: child.totalSize === null ? '–' : formatBytes(child.totalSize),
    })),
    ...{ absent: manifest.platforms.filter(({ isHere }) => !isHere).length },
    layers: manifest.layers.map((layer, index) => layerRow(layer, index)),
    config: manifest.config && { ...configFacts(manifest.config), size: formatBytes(manifest.config.size) },
    referrers: manifest.referrers.map((each) => ({
      ...manifestLink(name, each.digest),
      what: referrerWords(each.artifactType),
      type: each.artifactType || 'without a type',
      size: formatBytes(each.size),
    })),
    cut: manifest.cut,
    commands: manifest.kind === 'artifact' ? [] : pullCommands(address, name, reference),
    raw: `/v2/${name}/manifests/${manifest.digest}`,
    json: `/api/v1/images/${name}/-/manifests/${manifest.digest}`,
  });
}

function tagFacts({ tag, movedAt, checkedAt, staleSince, pulledAt, pulls }: Tag, now: number): object {
  return {
    name: tag,
    moved: timeOrNull(movedAt, now),
    checked: timeOrNull(checkedAt, now),
    stale: timeOrNull(staleSince, now),
    pulled: timeOrNull(pulledAt, now),
    pulls: formatCount(pulls),
  };
}

function historyRows(
  name: string,
  history: readonly (FormerTag & { readonly isHere: boolean })[],
  now: number,
): (DigestLink & object)[] {
  return history.map((former) => ({
    ...manifestLink(name, former.digest),
    isHere: former.isHere,
    from: timeOrNull(former.movedAt, now),
    until: timeOrNull(former.replacedAt, now),
  }));
}

function kindWords({ kind, platforms, layers, config, artifactType }: ManifestView): string {
  if (kind === 'index') {
    const named = platforms.filter(({ platform }) => platform !== null);
    const here = named.filter(({ isHere }) => isHere).length;
    const which = here === named.length ? '' : `, ${here} of which ${here === 1 ? 'is' : 'are'} mirrored here`;
    return `An index of ${countOf(named.length, 'platform', 'platforms')}${which}`;
  }
  if (kind === 'artifact') return `An artifact of type ${artifactType ?? 'unknown'}`;
  const of = config?.platform ? ` for ${config.platform}` : '';
  return `An image${of} of ${countOf(layers.length, 'layer', 'layers')}`;
}

function layerRow({ digest, mediaType, size, isHere, isForeign, step }: LayerView, index: number): object {
  return {
    ...{ number: index + 1, digest, short: digest.slice(digest.indexOf(':') + 1, digest.indexOf(':') + 13) },
    type: shownText(mediaType, 120),
    size: formatBytes(size),
    state: isHere ? '' : isForeign ? 'not to be distributed: fetched from elsewhere' : 'not here',
    step: step.replace(/^\/bin\/sh -c (?:#\(nop\) +)?/, ''),
  };
}

function configFacts(config: ImageConfig): object {
  const rows: [string, string][] = [
    ['Created', config.created ?? ''],
    ['Author', config.author ?? ''],
    ['Entrypoint', config.entrypoint.join(' ')],
    ['Command', config.command.join(' ')],
    ['User', config.user ?? ''],
    ['Working directory', config.workingDirectory ?? ''],
    ['Ports', config.ports.join(', ')],
    ['Volumes', config.volumes.join(', ')],
    ['Environment sets', config.environment.join(', ')],
  ];
  return {
    rows: rows.filter(([, value]) => value !== '').map(([label, value]) => ({ label, value: shownText(value, 1000) })),
    labels: config.labels,
  };
}

function referrerWords(artifactType: string): string {
  const type = artifactType.toLowerCase();
  return REFERRER_WORDS.find(([pattern]) => pattern.test(type))?.[1] ?? 'other';
}
