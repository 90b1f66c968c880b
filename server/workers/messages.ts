import type { Settings } from '../../config/settings.js';
import type { PublishedTreesOfMirror } from '../../content/published-trees.js';
import type { TrafficIncrements } from '../../core/traffic.js';
import type { RawName } from '../../core/tree-path.js';
import type { ZoneUse } from '../limits/admission.js';
import type { NamedPlace } from '../listening/places.js';
import type { ZoneShare } from './zone-ledger.js';

/** All that a worker works by, but for the trees. */
export interface WorkerConfiguration {
  readonly settings: Settings;
  /** The data folder. */
  readonly data: string;
  readonly places: readonly NamedPlace[];
}

/** What a worker does and then says that it has. */
export type Order =
  | { readonly kind: 'configure'; readonly configuration: WorkerConfiguration }
  | { readonly kind: 'trees'; readonly mirror: string; readonly trees: PublishedTreesOfMirror | null };

/** What the main process tells a worker. */
export type ToWorker =
  | { readonly kind: 'order'; readonly id: number; readonly order: Order }
  /** With the connection. */
  | { readonly kind: 'connection'; readonly place: string }
  /** What of the zones is for it from now on. */
  | { readonly kind: 'shares'; readonly shares: readonly ZoneShare[] }
  /** The hash of a published file is known. */
  | { readonly kind: 'hashed'; readonly mirror: string; readonly segments: readonly RawName[] }
  /** The file of the access log was moved away. */
  | { readonly kind: 'reopen' }
  /** No more connections come: it ends when those that it has do; idle ones are closed after so long. */
  | { readonly kind: 'leave'; readonly idleMs: number }
  /** Closes all connections. */
  | { readonly kind: 'cut' };

/** What a worker tells the main process. */
export type FromWorker =
  /** It hears. */
  | { readonly kind: 'up' }
  | { readonly kind: 'done'; readonly id: number }
  /** What it has served since it told last. */
  | { readonly kind: 'counted'; readonly increments: TrafficIncrements }
  /** What it has used of the zones since it told last. */
  | { readonly kind: 'used'; readonly uses: readonly ZoneUse[] };
