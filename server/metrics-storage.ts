import { Gauge, type Registry } from 'prom-client';
import type { Logger } from 'pino';
import { diskSpace, reserveBytes } from '../platform/disk-space.js';
import { recentForecast } from './disk.js';
import type { StatusDeps } from './mirror-status.js';

type StorageDeps = Pick<StatusDeps, 'settings' | 'store' | 'clock'> & { readonly log: Pick<Logger, 'warn'> };

/** The space of the data folder, and when it will be used up. */
export function addStorageMetrics(registry: Registry, deps: StorageDeps): void {
  addSpace(registry, deps);
  addForecast(registry, deps);
}

/** Asked of the file system at each scrape. */
function addSpace(registry: Registry, { settings, store, log }: StorageDeps): void {
  new Gauge({
    name: 'mirror_storage_bytes',
    help:
      'The file system of the data folder: free is what Millpond may still write, used is all the rest. Of the free, ' +
      'reserve is what no run may use; of the used, kept is what only dated generations hold.',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      this.reset();
      try {
        const { data, sync, mirrors } = settings();
        const disk = await diskSpace(data);
        this.labels('free').set(disk.free);
        this.labels('used').set(disk.total - disk.free);
        this.labels('reserve').set(reserveBytes(sync.reserve, disk));
        this.labels('kept').set([...mirrors.keys()].reduce((sum, name) => sum + store.kept.extraBytes(name).total, 0));
      } catch (error) {
        log.warn({ err: error }, 'the space of the data folder cannot be read');
      }
    },
  });
}

/** No series where it is not known, or not in sight. */
function addForecast(registry: Registry, { settings, store, clock }: StorageDeps): void {
  new Gauge({
    name: 'mirror_storage_full_timestamp_seconds',
    help: 'When only the reserve of the disk is left, by how probable it is that it is earlier.',
    labelNames: ['quantile'],
    registers: [registry],
    collect() {
      this.reset();
      const forecast = recentForecast(store, settings(), clock(), 0)?.forecast;
      const { early = null, likely = null, late = null } = forecast ?? {};
      for (const [quantile, at] of [
        ['0.1', early],
        ['0.5', likely],
        ['0.9', late],
      ] as const)
        if (at !== null) this.labels(quantile).set(at / 1000);
    },
  });
}
