import type { MirrorzSite, Settings } from '../../config/settings.js';
import { isReadByPublic } from '../../core/zone.js';
import { isPublicAddress } from '../../platform/address-rules.js';
import type { MirrorStatus } from '../mirror-status.js';
import type { DownloadGroup } from './isoinfo.js';
import { epochSeconds, sizeText, syncWords } from './sync-words.js';

export interface MirrorzParts {
  readonly settings: Pick<Settings, 'site' | 'zones' | 'mirrors'>;
  readonly mirrorz: MirrorzSite;
  /** Public address of this server, without a trailing slash. */
  readonly origin: string;
  readonly statuses: readonly MirrorStatus[];
  /** What can be downloaded to install from. */
  readonly downloads: readonly DownloadGroup[];
  /** Use of the disk in words; empty where it is not known. */
  readonly disk: string;
}

const VERSION = 1.7;

/** `/mirrorz.json`: MirrorZ 1.7, with the extension D for its redirecting service in the same document. */
export function mirrorzDocument(parts: MirrorzParts): object {
  const { settings, statuses, downloads, mirrorz } = parts;
  return {
    version: VERSION,
    extension: 'D',
    site: siteOf(parts),
    info: downloads,
    mirrors: statuses.map((status) => ({
      cname: mirrorz.names.get(status.name) ?? status.name,
      desc: status.description,
      url: `/${status.name}`,
      status: mirrorzStatus(status),
      help: status.helpPath ?? '',
      upstream: status.upstreams[0] ?? '',
      size: status.published ? sizeText(status.published.bytes) : '',
      // the redirecting service of MirrorZ sends clients from everywhere
      disable: !isReadByPublic(settings.mirrors.get(status.name)?.read ?? null),
    })),
    endpoints: endpointsOf(parts),
  };
}

/**
 * One main letter and its auxiliaries, each with seconds since the epoch where there are any: `S1787170507X1787177707`.
 * X: the next fetch; O: the last good one, where the main letter does not tell it.
 */
export function mirrorzStatus(status: MirrorStatus): string {
  const { published, verdict } = status;
  const good = part('O', published?.confirmedAt);
  const next = part('X', verdict.nextAt);
  const tried = (status.running ?? status.lastRun)?.startedAt;
  switch (syncWords(status).mirrorz) {
    case 'S':
      return `${part('S', published?.confirmedAt) || 'S'}${next}`;
    case 'D':
      return `${part('D', status.queued?.queuedAt) || 'D'}${good}`;
    case 'Y':
      return `${part('Y', tried) || 'Y'}${good}`;
    case 'F':
      return `${part('F', tried) || 'F'}${good}${next}`;
    case 'P':
      return `${part('P', status.paused?.at) || 'P'}${good}`;
    case 'C':
      return 'C';
    case 'R':
      return 'R';
    case 'U':
      return 'U';
  }
}

function part(letter: string, at: number | null | undefined): string {
  const seconds = epochSeconds(at);
  return seconds === null ? '' : `${letter}${seconds}`;
}

function siteOf({ settings, mirrorz, origin, disk }: MirrorzParts): object {
  const { name, contact } = settings.site;
  return {
    url: origin,
    abbr: mirrorz.abbr,
    name,
    logo: mirrorz.logo ?? '',
    logo_darkmode: mirrorz.logoDark ?? '',
    homepage: mirrorz.homepage ?? origin,
    issue: mirrorz.issues ?? '',
    request: mirrorz.requests ?? '',
    email: contact !== null && /^[^\s@:/]+@[^\s@:/]+$/.test(contact) ? contact : '',
    group: mirrorz.group ?? '',
    disk,
    note: mirrorz.note ?? '',
    big: mirrorz.big ?? '',
    disable: false,
  };
}

/** This one address; it is the best for the clients of all zones, as far as their networks are of the public internet. */
function endpointsOf({ settings, mirrorz, origin }: MirrorzParts): object[] {
  const url = new URL(origin);
  const networks = [...settings.zones.values()].flatMap(({ networks: each }) => each);
  return [
    {
      label: mirrorz.abbr.toLowerCase(),
      public: true,
      resolve: url.host,
      filter: [...mirrorz.families.map((family) => family.toUpperCase()), url.protocol === 'https:' ? 'SSL' : 'NOSSL'],
      range: networks.filter((network) => isPublicAddress(network.replace(/\/\d+$/, ''))),
    },
  ];
}
