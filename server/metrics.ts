import type { Logger } from 'pino';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { EngineView } from '../core/engine.js';
import type { ImageStatistics } from '../core/oci/image-statistics.js';
import { lagSeconds } from './lag.js';
import type { PullTotals } from './oci/pull-counter.js';
import { addImageMetrics } from './metrics-images.js';
import { addTrafficMetrics } from './metrics-traffic.js';
import type { RsyncDaemonView } from './rsync-daemon/rsync-daemon.js';
import { addStorageMetrics } from './metrics-storage.js';
import type { MirrorStatus, StatusDeps } from './mirror-status.js';
import type { StatusBoard } from './status-board.js';
import type { Statistics } from './statistics/statistics.js';
import type { WorkersView } from './workers/pool.js';

export interface Metrics {
  readonly contentType: string;
  /** The Prometheus text format. */
  text(): Promise<string>;
  /** Counts a request that was refused by the limits of a zone, or because its mirror is closed to it. */
  refused(rule: string, zone: string): void;
}

/** Seconds; runs last from under a second to most of a day. */
const RUN_BUCKETS = [0.5, 2, 10, 60, 300, 1800, 7200, 28_800, 86_400];

/** One gauge of a mirror. `value` undefined = the mirror has no such number and no series is shown. */
interface RepositoryGauge {
  readonly name: string;
  readonly help: string;
  readonly value: (status: MirrorStatus) => number | undefined;
}

const REPOSITORY_GAUGES: readonly RepositoryGauge[] = [
  {
    name: 'mirror_repo_upstream_marker_timestamp_seconds',
    help: 'Time in the newest marker read from the upstream.',
    value: ({ upstreamMarker }) => seconds(upstreamMarker?.time),
  },
  {
    name: 'mirror_repo_published_marker_timestamp_seconds',
    help: 'Time in the marker of the published tree.',
    value: ({ published }) => seconds(published?.markerTime),
  },
  {
    name: 'mirror_repo_lag_seconds',
    help: 'How much older the published marker is than the newest one read from the upstream.',
    value: lagSeconds,
  },
  {
    name: 'mirror_repo_confirmed_timestamp_seconds',
    help: 'When the published tree was last seen to be in step with its upstream.',
    value: ({ published }) => seconds(published?.confirmedAt),
  },
  {
    name: 'mirror_repo_next_run_timestamp_seconds',
    help: 'When the next run is due.',
    value: ({ nextDueAt }) => seconds(nextDueAt),
  },
  { name: 'mirror_repo_bytes', help: 'Size of the published tree.', value: ({ published }) => published?.bytes },
  { name: 'mirror_repo_files', help: 'Files of the published tree.', value: ({ published }) => published?.files },
  {
    name: 'mirror_repo_quarantines',
    help: 'How many of the newest runs ended in quarantine, one after the other.',
    value: ({ quarantines }) => quarantines,
  },
  { name: 'mirror_repo_running', help: '1 while a run is active.', value: ({ running }) => (running ? 1 : 0) },
];

/** Metrics in a registry of their own, so that two servers in one process do not share any. */
export function createMetrics(
  deps: StatusDeps & {
    readonly engine: EngineView;
    readonly board: StatusBoard;
    readonly version: string;
    readonly log: Pick<Logger, 'warn'>;
    readonly imageStatistics?: ImageStatistics | null;
    readonly imagePulls: { readonly totals: PullTotals };
    readonly statistics: Statistics;
    readonly accessLog: { readonly dropped: number };
    rsync?(): RsyncDaemonView | null;
    workers?(): WorkersView | null;
    eventClients(): number;
  },
): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'millpond_' });
  const registers = [registry];
  new Gauge({ name: 'millpond_build_info', help: 'Version of Millpond.', labelNames: ['version'], registers })
    .labels(deps.version)
    .set(1);
  const clients = new Gauge({ name: 'millpond_event_clients', help: 'Clients that follow events now.', registers });
  const refusals = new Counter({
    name: 'mirror_refused_total',
    help: 'Requests that were refused, by kind of rule and zone of the client.',
    labelNames: ['rule', 'zone'],
    registers,
  });
  const setRepositoryGauges = addRepositoryGauges(registry, deps);
  const setImageMetrics = addImageMetrics(registry, deps);
  const setTraffic = addTrafficMetrics(registry, deps);
  addStorageMetrics(registry, deps);
  addRsyncMetrics(registry, () => deps.rsync?.() ?? null);
  addWorkerMetrics(registry, () => deps.workers?.() ?? null);
  countRuns(registry, deps.engine);
  return {
    contentType: registry.contentType,
    text() {
      clients.set(deps.eventClients());
      setRepositoryGauges();
      setImageMetrics();
      setTraffic();
      return registry.metrics();
    },
    refused: (rule, zone) => refusals.labels(rule, zone).inc(),
  };
}

/** Adds gauges of what is looked at when they are asked for; none shows a series where there is nothing to look at. */
function gaugesOf<View>(registry: Registry, view: () => View | null) {
  return (name: string, help: string, value: (seen: View) => number): void => {
    new Gauge({
      ...{ name, help, registers: [registry] },
      collect() {
        const seen = view();
        if (seen) this.set(value(seen));
        else this.remove();
      },
    });
  };
}

function addWorkerMetrics(registry: Registry, view: () => WorkersView | null): void {
  const add = gaugesOf(registry, view);
  add('millpond_workers', 'Workers that serve now.', ({ serving }) => serving);
  add('millpond_workers_leaving', 'Workers that were replaced and still serve downloads.', ({ leaving }) => leaving);
  add('millpond_worker_deaths', 'How often a worker has ended by itself.', ({ deaths }) => deaths);
}

function addRsyncMetrics(registry: Registry, view: () => RsyncDaemonView | null): void {
  const add = gaugesOf(registry, view);
  add('millpond_rsync_up', '1 while the rsync daemon runs.', ({ trouble }) => (trouble === null ? 1 : 0));
  add('millpond_rsync_connections', 'Clients of the rsync daemon now.', ({ connections }) => connections);
  add('millpond_rsync_restarts', 'How often the rsync daemon has ended by itself.', ({ restarts }) => restarts);
}

/** Returns what sets the gauges anew; called once a scrape. */
function addRepositoryGauges(registry: Registry, { board }: { readonly board: StatusBoard }): () => void {
  const registers = [registry];
  const labelNames = ['repo'];
  const gauges = REPOSITORY_GAUGES.map(({ name, help }) => new Gauge({ name, help, labelNames, registers }));
  const states = new Gauge({
    name: 'mirror_repo_state',
    help: 'The verdict on a mirror: 1 for the one that holds.',
    labelNames: ['repo', 'state'],
    registers,
  });
  return () => {
    for (const gauge of [states, ...gauges]) gauge.reset();
    for (const status of board.all()) {
      states.labels(status.name, status.verdict.word).set(1);
      REPOSITORY_GAUGES.forEach(({ value }, index) => {
        const number = value(status);
        if (number !== undefined) gauges[index]?.labels(status.name).set(number);
      });
    }
  };
}

/** Counters start at zero with the process, as Prometheus expects of them. */
function countRuns(registry: Registry, engine: EngineView): void {
  const registers = [registry];
  const runs = new Counter({
    name: 'mirror_repo_runs_total',
    help: 'Ended runs by outcome and class of failure.',
    labelNames: ['repo', 'result', 'reason'],
    registers,
  });
  const durations = new Histogram({
    name: 'mirror_repo_run_duration_seconds',
    help: 'What ended runs lasted.',
    labelNames: ['repo'],
    buckets: RUN_BUCKETS,
    registers,
  });
  engine.subscribe((event) => {
    if (event.type !== 'run.ended') return;
    const { outcome, failure, startedAt, endedAt } = event.run;
    runs.labels(event.mirror, outcome ?? 'unknown', failure ?? '').inc();
    if (startedAt !== null && endedAt !== null) durations.labels(event.mirror).observe((endedAt - startedAt) / 1000);
  });
}

function seconds(at: number | null | undefined): number | undefined {
  return at === null || at === undefined ? undefined : at / 1000;
}
