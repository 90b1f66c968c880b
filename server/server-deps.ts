import type { Logger } from 'pino';
import type { FileHashes } from '../content/file-hashes.js';
import type { Layout } from '../content/layout.js';
import type { PublishedTrees } from '../content/published-trees.js';
import type { AccessLog } from './access-log.js';
import type { ImageStatistics } from '../core/oci/image-statistics.js';
import type { DownloadCatalog } from './downloads/catalog.js';
import type { StatusDeps } from './mirror-status.js';
import type { PullTotals } from './oci/pull-counter.js';
import type { ImageParts } from './oci/registry-deps.js';
import type { RsyncDaemonView } from './rsync-daemon/rsync-daemon.js';
import type { StatusBoard } from './status-board.js';
import type { Statistics } from './statistics/statistics.js';
import type { WorkersView } from './workers/pool.js';

/** All that the server needs, handed in by the composition root. `settings()` is asked each time: it changes at reload. */
export interface ServerDeps extends StatusDeps {
  readonly board: StatusBoard;
  readonly trees: PublishedTrees;
  readonly layout: Layout;
  readonly hashes: FileHashes;
  readonly log: Pick<Logger, 'error' | 'warn'>;
  readonly version: string;
  readonly images: ImageParts;
  readonly statistics: Statistics;
  readonly accessLog: AccessLog;
  /** How upstream registries are used; null, or not given, where nobody counts. */
  readonly imageStatistics?: ImageStatistics | null;
  /** What was pulled of images so far. */
  readonly imagePulls: { readonly totals: PullTotals };
  /** How the rsync daemon does; null, or not given, where there is none. */
  rsync?(): RsyncDaemonView | null;
  /** How the workers do; null, or not given, where there are none. */
  workers?(): WorkersView | null;
  /** Which installers the trees have; not given where nobody looks for them. */
  readonly downloads?: Pick<DownloadCatalog, 'installers'>;
  /** Whether the engine has started; `/readyz` says so. */
  ready(): boolean;
}

/** What published trees are served with, in whichever process. */
export interface FileDeps extends Pick<
  ServerDeps,
  'settings' | 'store' | 'trees' | 'statistics' | 'accessLog' | 'log' | 'version' | 'clock'
> {
  readonly hashes: Pick<FileHashes, 'sha256' | 'onKnown'>;
}
