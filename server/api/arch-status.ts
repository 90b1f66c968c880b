import type { Settings } from '../../config/settings.js';
import { isReadByPublic } from '../../core/zone.js';
import { lagSeconds } from '../lag.js';
import type { MirrorStatus } from '../mirror-status.js';

export interface ArchStatusParts {
  readonly settings: Pick<Settings, 'site' | 'mirrors'>;
  /** Public address of this server, without a trailing slash. */
  readonly origin: string;
  readonly statuses: readonly MirrorStatus[];
  /** Seconds since the epoch: when the statuses were made. */
  readonly now: number;
}

/** Seconds after which Arch Linux calls a mirror out of date. */
const CUTOFF = 24 * 3600;
const CHECK_FREQUENCY = 15;
/** Below this share of good checks the score grows no further (archweb, mirrors/utils.py). */
const LEAST_COMPLETION = 0.005;
/** Only trees of pacman have these. */
const MARKERS: ReadonlySet<string | null> = new Set(['lastupdate', 'lastsync']);

/**
 * `/static/status/arch.json`: the mirrors of pacman repositories of this one server in the form of Arch Linux's mirror
 * status, version 3; only those that everybody may read, since clients choose from it. What only somebody elsewhere can measure (how fast it answers) is null; where it is is left empty.
 */
export function archStatus({ settings, origin, statuses, now }: ArchStatusParts): object {
  const pacman = statuses.filter(({ name, marker, published }) => {
    const readers = settings.mirrors.get(name)?.read ?? null;
    return published && MARKERS.has(marker) && isReadByPublic(readers);
  });
  return {
    cutoff: CUTOFF,
    last_check: new Date(now * 1000).toISOString(),
    num_checks: 1,
    check_frequency: CHECK_FREQUENCY,
    urls: pacman.map((status) => urlRow(status, { origin, families: settings.site.mirrorz?.families ?? ['v4'] })),
    version: 3,
  };
}

function urlRow(
  status: MirrorStatus,
  { origin, families }: { origin: string; families: readonly ('v4' | 'v6')[] },
): object {
  const delay = Math.round(lagSeconds(status) ?? 0);
  const { markerTime, confirmedAt } = status.published ?? {};
  const completion = status.verdict.tone === 'bad' ? 0 : 1;
  return {
    url: `${origin}${status.path}`,
    protocol: new URL(origin).protocol.slice(0, -1),
    last_sync: new Date(markerTime ?? confirmedAt ?? 0).toISOString().replace(/\.\d+Z$/, 'Z'),
    completion_pct: completion,
    delay,
    duration_avg: null,
    duration_stddev: null,
    score: delay / 3600 / Math.max(completion, LEAST_COMPLETION),
    active: status.paused === null,
    country: '',
    country_code: '',
    isos: false,
    ipv4: families.includes('v4'),
    ipv6: families.includes('v6'),
    details: `${origin}${status.statusPath}`,
  };
}
