import type { Mirror } from '../../core/mirror.js';
import { kind as oci } from './oci/kind.js';
import { kind as rsync } from './rsync/kind.js';
import type { UpstreamKind } from './upstream-kind.js';

/** One line a kind; a test compares the table with the folders. */
export const UPSTREAM_KINDS: Readonly<Record<Mirror['kind'], UpstreamKind>> = { oci, rsync };
