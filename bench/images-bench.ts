import type { Report } from './report.js';
import type { Workbench } from './workbench.js';

export type ImagesPart = 'sync' | 'serve' | 'tags';

export interface ImagesBenchOptions {
  readonly repeat: number;
  /** One part alone; default: all. */
  readonly only?: ImagesPart;
  readonly json?: boolean;
}

export interface ImagesBench {
  readonly workbench: Workbench;
  readonly report: Report;
  readonly options: ImagesBenchOptions;
}

/** The name of the upstream in the settings of Millpond. */
export const REGISTRY = 'up.test';

/** Settings that mirror these repositories of a registry on this machine, with all their tags. */
export function settingsOf(port: number, repositories: readonly string[]): object {
  return {
    registries: { [REGISTRY]: { url: `http://127.0.0.1:${port}`, private_addresses: true } },
    images: repositories.map((name) => ({ from: `${REGISTRY}/${name}`, tags: ['*'], schedule: 'manual' })),
  };
}
