import type { Settings } from '../../config/settings.js';
import type { Layout } from '../../content/layout.js';
import type { PublishedTrees } from '../../content/published-trees.js';
import type { Mirror, TreeMirror } from '../../core/mirror.js';
import type { Run, RunNumbers, RunPhase, RunProgress } from '../../core/run.js';
import type { Upstream } from '../../core/upstream.js';
import type { WebFiles } from '../../platform/web-files.js';
import type { Store } from '../../store/open.js';
import type { BandwidthPool } from '../bandwidth.js';
import type { GenerationKeeper } from '../generation-keeper.js';
import type { ImageServices } from '../upstreams/oci/image-services.js';
import type { TreeUpstream } from '../upstreams/tree-upstream.js';
import type { RunLog } from './run-log.js';

/** What a run works with: the settings as they were when it started, and the ways to tell how it goes. */
export interface RunContext {
  readonly run: Run;
  readonly mirror: Mirror;
  readonly settings: Settings;
  readonly store: Store;
  readonly layout: Layout;
  readonly trees: PublishedTrees;
  readonly bandwidth: BandwidthPool;
  /** What keeps dated generations beside the live trees. */
  readonly keeper: Pick<GenerationKeeper, 'settled' | 'makeRoom'>;
  readonly web: WebFiles;
  /** What runs of images share with the registry; null where there is none. */
  readonly images: ImageServices | null;
  readonly log: RunLog;
  /** Aborted with a RunStop when the run has to end. */
  readonly signal: AbortSignal;
  readonly clock: () => number;
  readonly tell: {
    phase(phase: RunPhase): void;
    progress(progress: RunProgress): void;
    activity(): void;
    /** From now on this upstream is asked. */
    upstream(upstream: Upstream): void;
    /** Other trees are served from now on. */
    published(): void;
  };
  /** Grows while the run goes; recorded whatever the outcome. */
  readonly tally: Tally;
}

/** Of a run that fills a tree. */
export interface TreeRunContext extends RunContext {
  readonly mirror: TreeMirror;
  /** How the tree is got from its upstream. */
  readonly source: TreeUpstream;
}

export interface Tally {
  numbers: RunNumbers;
  /** Without user and password. */
  upstream: string | null;
  exitCode: number | null;
  marker: { value: string; time: number | null } | null;
}
