import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { Stage, TreeMirror } from '../core/mirror.js';
import { parseUpstream } from '../core/upstream.js';
import { resolveGuard, resolveKeep } from './guard-schema.js';
import { imageConflicts } from './image-conflicts.js';
import { listenProblems, resolveListen } from './listen-schema.js';
import { resolveMarkers } from './marker-schema.js';
import { stageName, type RawMirror, type RawStage } from './mirror-schema.js';
import type { RawMirrorz } from './mirrorz-schema.js';
import { findPreset } from './presets.js';
import { resolvePace } from './pace-schema.js';
import type { Problem } from './problems.js';
import { resolveImages } from './resolve-images.js';
import type { RawSettings } from './schema.js';
import type { MirrorzSite, Settings } from './settings.js';
import { resolveTarget } from './target-schema.js';
import { selectionRules } from './use-preset.js';
import { resolveTrace } from './trace-schema.js';
import { resolveVerify } from './verify-schema.js';
import { resolveZones, zoneConflicts } from './zones.js';

/**
 * Packages before the indexes that name them, and deletion last: so an index never names a file that is not there.
 * The patterns are those of Debian's own ftpsync; includes are tried first.
 */
const APT_STAGES: readonly Stage[] = [
  {
    name: 'content',
    include: ['*.diff/', 'by-hash/'],
    exclude: [
      ...['*.diff/Index', 'Contents*', 'Packages*', 'Sources*', 'Release*', 'InRelease'],
      ...['i18n/*', 'dep11/*', 'installer-*/current', 'ls-lR*'],
    ],
    delete: false,
    options: [],
  },
  { name: 'indexes', include: [], exclude: [], delete: true, options: [] },
];
const ONE_STAGE: readonly Stage[] = [{ name: 'all', include: [], exclude: [], delete: true, options: [] }];

/** What can only be seen when all is there and paths are absolute. */
export function resolveProblems(raw: RawSettings, file: string): Problem[] {
  const data = resolve(dirname(file), raw.data);
  if (data === '/') return [{ path: ['data'], sentence: '"/" is not a data folder: choose one of its own' }];
  const ownFolder = Object.entries(raw.mirrors).flatMap(([name, mirror]) =>
    (mirror.upstream ?? []).flatMap((text): Problem[] => {
      const folder = absoluteUpstream(text, file);
      if (!folder.startsWith('/') || !`${data}/`.startsWith(folder)) return [];
      return [{ path: ['mirrors', name, 'upstream'], sentence: `"${folder}" holds the data folder "${data}" itself` }];
    }),
  );
  return [
    ...ownFolder,
    ...listenProblems(raw.listen, raw.proxies.trusted, file),
    ...globalModule(raw),
    ...imageConflicts(raw),
    ...zoneConflicts(raw),
  ];
}

/** rsyncd.conf(5) takes a module of this name for its own settings. */
function globalModule({ listen, mirrors }: RawSettings): Problem[] {
  if (!listen.rsync || !('global' in mirrors)) return [];
  const sentence = '"global" cannot be served over rsync: rename the mirror, or take listen.rsync out';
  return [{ path: ['mirrors', 'global'], sentence }];
}

/** Fills in what depends on the file's place and on this machine: paths, processor cores, time zone, names. */
export function resolveSettings(raw: RawSettings, file: string): Settings {
  const { site, sync, access_log: accessLog } = raw;
  const mirrors = Object.entries(raw.mirrors).map(
    ([name, mirror]) =>
      [name, resolveMirror(name, mirror, { file, siteUrl: site.url, keyrings: raw.keyrings })] as const,
  );
  return {
    file,
    site: {
      name: site.name,
      url: site.url ?? null,
      contact: site.contact ?? null,
      mirrorz: resolveMirrorz(site.mirrorz),
    },
    data: resolve(dirname(file), raw.data),
    listen: resolveListen(raw.listen, file),
    workers: raw.workers === 'auto' ? availableParallelism() : raw.workers,
    sync: {
      concurrency: sync.concurrency,
      perHost: sync.per_host,
      jitter: sync.jitter,
      reserve: sync.reserve,
      bandwidth: sync.bandwidth ?? null,
      keep: sync.keep,
    },
    help: raw.help,
    accessLog: accessLog ? { ...accessLog, file: resolve(dirname(file), accessLog.file) } : null,
    frontLog: raw.statistics.front_log === undefined ? null : resolve(dirname(file), raw.statistics.front_log),
    files: { hashOver: raw.files.hash_over.bytes, hashRate: raw.files.hash_rate },
    zones: resolveZones(raw.zones),
    proxies: raw.proxies,
    mirrors: new Map(mirrors),
    ...resolveImages(raw, file),
    grace: raw.grace,
  };
}

function resolveMirrorz(raw: RawMirrorz | undefined): MirrorzSite | null {
  if (!raw) return null;
  const { abbr, logo, logo_dark: logoDark, homepage, issues, requests, group, note, big, families, names } = raw;
  return {
    ...{ abbr, logo: logo ?? null, logoDark: logoDark ?? null, homepage: homepage ?? null, issues: issues ?? null },
    ...{ requests: requests ?? null, group: group ?? null, note: note ?? null, big: big ?? null },
    ...{ families: [...new Set(families)], names: new Map(Object.entries(names)) },
  };
}

function resolveMirror(
  name: string,
  raw: RawMirror,
  { file, siteUrl, keyrings }: { file: string; siteUrl: string | undefined; keyrings: string },
): TreeMirror {
  const { password } = raw;
  const preset = raw.preset === undefined ? null : findPreset(raw.preset);
  return {
    ...resolveTarget(name, raw),
    kind: 'rsync',
    preset: preset?.id ?? null,
    selected: raw.select ?? {},
    confirmed: raw.confirmed,
    upstreams: (raw.upstream ?? []).map((text) => absoluteUpstream(text, file)),
    sshKey: raw.ssh_key === undefined ? null : resolve(dirname(file), raw.ssh_key),
    sshPort: raw.ssh_port ?? null,
    password: password === undefined ? null : resolvePassword(password, file),
    stages: raw.stages === 'apt' ? APT_STAGES : raw.stages === 'one' ? ONE_STAGE : raw.stages.map(resolveStage),
    exclude: raw.exclude,
    selection: preset ? selectionRules(preset, raw.select ?? {}) : [],
    protect: raw.protect,
    frozen: raw.frozen,
    publish: raw.publish,
    verify: resolveVerify(raw.verify, resolve(dirname(file), keyrings)),
    guard: resolveGuard(raw.guard),
    keep: resolveKeep(raw.keep),
    ...resolveMarkers(raw),
    pace: resolvePace(raw.pace),
    trace: resolveTrace(raw.trace, siteUrl),
    sources: raw.sources,
    read: raw.read ?? null,
  };
}

/** The source as rsync is given it; a folder of this machine counts from the file. */
function absoluteUpstream(text: string, file: string): string {
  const { kind, rsync, path } = parseUpstream(text);
  if (kind !== 'local') return rsync;
  const folder = resolve(dirname(file), path);
  return folder === '/' ? folder : `${folder}/`;
}

function resolvePassword(raw: NonNullable<RawMirror['password']>, file: string): TreeMirror['password'] {
  if (raw.file !== undefined) return { file: resolve(dirname(file), raw.file) };
  return raw.env === undefined ? null : { env: raw.env };
}

function resolveStage(raw: RawStage, index: number, all: readonly RawStage[]): Stage {
  return {
    name: stageName(raw, index),
    include: raw.include,
    exclude: raw.exclude,
    delete: raw.delete ?? index === all.length - 1,
    options: raw.options,
  };
}
