import type { UpstreamKind } from '../upstream-kind.js';
import { probe } from './probe.js';
import { pull } from './pull.js';

export const kind: UpstreamKind = { probe, pull };
