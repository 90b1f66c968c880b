import type { MirrorActivity } from '../../../core/engine.js';
import type { Generation } from '../../../core/generation.js';
import { NO_NUMBERS, type Run, type RunProgress } from '../../../core/run.js';
import { testMarker } from '../../fixtures/engine.js';
import type { MarkerReading, VerdictFacts } from '../../../core/verdict/facts.js';

export const NOW = Date.UTC(2026, 10, 23, 14, 0);
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const IDLE: MirrorActivity = { running: null, progress: null, lastByteAt: null, queued: null, place: null };

const PROGRESS: RunProgress = {
  stage: 'all',
  stageIndex: 1,
  stageCount: 1,
  pass: 1,
  files: 10,
  bytes: 1000,
  rate: 10,
  percent: 41.7,
  toCheck: 5,
  known: 10,
  eta: 180,
};

export const LIVE: Generation = {
  id: 7,
  mirror: 'debian',
  runId: 7,
  slot: 'a',
  state: 'live',
  files: 1000,
  bytes: 5000,
  markerValue: 'M7',
  markerTime: NOW - 3 * HOUR,
  verification: null,
  publishedAt: NOW - 2 * HOUR,
  confirmedAt: NOW - 2 * HOUR,
};

let lastId = 100;

export function run(more: Partial<Run> = {}): Run {
  return {
    id: ++lastId,
    mirror: 'debian',
    trigger: 'schedule',
    attempt: 1,
    force: false,
    phase: 'ended',
    outcome: 'updated',
    failure: null,
    message: null,
    queuedAt: NOW - HOUR,
    startedAt: NOW - HOUR,
    endedAt: NOW - HOUR + MINUTE,
    retryAt: null,
    upstream: null,
    exitCode: 0,
    markerValue: null,
    markerTime: null,
    generation: null,
    numbers: NO_NUMBERS,
    ...more,
  };
}

export function dueAt(nextDueAt: number | null): VerdictFacts['state'] {
  return { mirror: 'debian', pausedAt: null, pauseReason: null, nextDueAt };
}

export function failed(more: Partial<Run> = {}): Run {
  return run({ outcome: 'failed', failure: 'connect', ...more });
}

export function active(more: Partial<Run> = {}, activity: Partial<MirrorActivity> = {}): MirrorActivity {
  const running = run({ phase: 'pull', outcome: null, endedAt: null, startedAt: NOW - 5 * MINUTE, ...more });
  return { ...IDLE, running, progress: PROGRESS, lastByteAt: NOW - 1000, ...activity };
}

/** A mirror that was brought up to date two hours ago, every four hours, without a marker. */
export function facts(more: Partial<VerdictFacts> = {}): VerdictFacts {
  const good = run({ queuedAt: NOW - 2 * HOUR, generation: LIVE.id });
  return {
    now: NOW,
    mirror: {
      name: 'debian',
      marker: null,
      publish: 'slots',
      stall: 900,
      retry: { attempts: 5, firstBackoff: 60, maxBackoff: 3600 },
    },
    period: 4 * 3600,
    jitter: 0,
    state: { mirror: 'debian', pausedAt: null, pauseReason: null, nextDueAt: NOW + 2 * HOUR },
    activity: IDLE,
    ended: [good],
    lastGood: good,
    live: LIVE,
    markerTimes: [],
    ...more,
  };
}

/** A marker that was read five minutes ago. */
export function reading(value: string, time: number | null = null): MarkerReading {
  return { value, time, readAt: NOW - 5 * MINUTE, failedSince: null };
}

export const MARKED = { ...facts().mirror, marker: testMarker('project/trace/master', { parser: 'date-line' }) };
export const IN_PLACE = { ...facts().mirror, publish: 'in-place' as const };
/** Upstream changed every six hours, last three days ago. */
export const QUIET = [72, 78, 84, 90].map((hours) => NOW - hours * HOUR);
export const LONG_SAME = { ...LIVE, markerTime: NOW - 72 * HOUR };
export const PAUSED = { mirror: 'debian', pausedAt: NOW - 3 * HOUR, pauseReason: 'new disks.', nextDueAt: null };
export const FIVE_SHORT_RUNS = [1, 2, 3, 4, 5].map((day) =>
  run({ startedAt: NOW - day * 24 * HOUR, endedAt: NOW - day * 24 * HOUR + 2 * MINUTE }),
);
