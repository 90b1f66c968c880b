import { Counter, Gauge, type Registry } from 'prom-client';
import type { ImageStatistics, RegistryStatistics } from '../core/oci/image-statistics.js';
import { imageStatuses } from './image-status.js';
import type { StatusDeps } from './mirror-status.js';
import type { PullTotals } from './oci/pull-counter.js';

/** A gauge of each upstream registry. A value of null is not known, and no series is shown. */
const REGISTRY_GAUGES: readonly {
  readonly name: string;
  readonly help: string;
  readonly value: (registry: RegistryStatistics) => number | null;
}[] = [
  {
    name: 'millpond_images_upstream_remaining',
    help: 'Manifests that may still be fetched from an upstream registry in this window.',
    value: ({ remaining }) => remaining,
  },
  {
    name: 'millpond_images_upstream_limit',
    help: 'Manifests that may be fetched from an upstream registry in each window.',
    value: ({ limit }) => limit,
  },
  {
    name: 'millpond_images_upstream_blocked_until_timestamp_seconds',
    help: 'Until when an upstream registry has asked to be left alone.',
    value: ({ blockedUntil }) => (blockedUntil === null ? null : blockedUntil / 1000),
  },
  {
    name: 'millpond_images_upstream_trouble_since_timestamp_seconds',
    help: 'Since when an upstream registry cannot be asked; no series while it can.',
    value: ({ troubleSince }) => (troubleSince === null ? null : troubleSince / 1000),
  },
];

/** The sum over all blobs is made once in so many milliseconds, however often it is asked for. */
const TOTAL_KEPT = 60_000;

/** Returns what sets all of them anew; called once a scrape. No label has more values than the configuration names. */
export function addImageMetrics(
  registry: Registry,
  deps: StatusDeps & {
    readonly imageStatistics?: ImageStatistics | null;
    readonly imagePulls: { readonly totals: PullTotals };
  },
): () => void {
  const setStored = addStored(registry, deps);
  const setStates = addStates(registry, deps);
  const setPulls = addPulls(registry);
  const setUse = addUse(registry);
  return () => {
    setPulls(deps.imagePulls.totals);
    setStored();
    setStates();
    setUse(deps.imageStatistics?.registries() ?? []);
  };
}

function addStored(registry: Registry, deps: StatusDeps): () => void {
  const registers = [registry];
  const repositories = new Gauge({
    name: 'millpond_images_repositories',
    help: 'Repositories of images by where they come from.',
    labelNames: ['origin'],
    registers,
  });
  const blobs = new Gauge({ name: 'millpond_images_blobs', help: 'Blobs and manifests on the disk.', registers });
  const bytes = new Gauge({ name: 'millpond_images_blob_bytes', help: 'Bytes of all of them.', registers });
  let total: { count: number; bytes: number; at: number } | null = null;
  return () => {
    for (const origin of ['mirrored', 'cached', 'hosted']) repositories.labels(origin).set(0);
    for (const { origin, count } of deps.store.imagePages.origins()) repositories.labels(origin).set(count);
    const now = deps.clock();
    if (!total || now - total.at >= TOTAL_KEPT || now < total.at) total = { ...deps.store.blobs.total(), at: now };
    blobs.set(total.count);
    bytes.set(total.bytes);
  };
}

function addStates(registry: Registry, deps: StatusDeps): () => void {
  const registers = [registry];
  const labelNames = ['repo'];
  const states = new Gauge({
    name: 'millpond_images_state',
    help: 'The verdict on a mirrored repository of images: 1 for the one that holds.',
    labelNames: ['repo', 'state'],
    registers,
  });
  const confirmed = new Gauge({
    name: 'millpond_images_confirmed_timestamp_seconds',
    help: 'When all tags of a mirrored repository were last in step with upstream.',
    ...{ labelNames, registers },
  });
  const tags = new Gauge({
    name: 'millpond_images_tags',
    help: 'Tags of a mirrored repository.',
    ...{ labelNames, registers },
  });
  return () => {
    for (const gauge of [states, confirmed, tags]) gauge.reset();
    for (const status of imageStatuses(deps)) {
      states.labels(status.name, status.verdict.word).set(1);
      tags.labels(status.name).set(status.tags);
      if (status.confirmedAt !== null) confirmed.labels(status.name).set(status.confirmedAt / 1000);
    }
  };
}

/** Counted elsewhere, from the start of the program on. */
function addPulls(registry: Registry): (totals: PullTotals) => void {
  const pulls = new Counter({
    name: 'millpond_images_pulls_total',
    help: 'Manifests that clients got, by where the repository comes from and whether a tag or a digest was asked for.',
    labelNames: ['origin', 'by'],
    registers: [registry],
  });
  return (totals) => {
    pulls.reset();
    for (const [origin, { tag, digest }] of Object.entries(totals)) {
      pulls.labels(origin, 'tag').inc(tag);
      pulls.labels(origin, 'digest').inc(digest);
    }
  };
}

/** What is counted elsewhere is shown as it stands there, from the start of the program on. */
function addUse(registry: Registry): (registries: readonly RegistryStatistics[]) => void {
  const registers = [registry];
  const gauges = REGISTRY_GAUGES.map(({ name, help }) => {
    return new Gauge({ name, help, labelNames: ['registry'], registers });
  });
  const requests = new Counter({
    name: 'millpond_images_cache_requests_total',
    help: 'What clients asked for of an upstream registry, and whether it was here.',
    labelNames: ['registry', 'result'],
    registers,
  });
  const bytes = new Counter({
    name: 'millpond_images_bytes_total',
    help: 'Bytes that came from an upstream registry, and that clients got of its repositories.',
    labelNames: ['registry', 'direction'],
    registers,
  });
  return (registries) => {
    for (const metric of [requests, bytes, ...gauges]) metric.reset();
    for (const each of registries) {
      REGISTRY_GAUGES.forEach(({ value }, index) => {
        const number = value(each);
        if (number !== null) gauges[index]?.labels(each.name).set(number);
      });
      requests.labels(each.name, 'hit').inc(each.hits);
      requests.labels(each.name, 'miss').inc(each.misses);
      bytes.labels(each.name, 'received').inc(each.bytesFromUpstream);
      bytes.labels(each.name, 'served').inc(each.bytesServed);
    }
  };
}
