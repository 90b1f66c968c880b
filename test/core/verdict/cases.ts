import { NO_NUMBERS } from '../../../core/run.js';
import type { VerdictFacts } from '../../../core/verdict/facts.js';
import type { VerdictWord } from '../../../core/verdict-words.js';
import {
  active,
  dueAt,
  failed,
  FIVE_SHORT_RUNS,
  HOUR,
  IDLE,
  IN_PLACE,
  LIVE,
  LONG_SAME,
  MARKED,
  MINUTE,
  NOW,
  PAUSED,
  QUIET,
  reading,
  run,
} from './scene.js';

/** All that a verdict may be, with the sentence that says why. */
export const CASES: readonly { name: string; facts: Partial<VerdictFacts>; word: VerdictWord; sentence: string }[] = [
  {
    name: 'a paused mirror',
    facts: { state: PAUSED, ended: [failed()] },
    word: 'paused',
    sentence: 'Paused by operations since 2026-11-23 11:00 UTC: new disks. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a tree that waits for a person, whatever came after it',
    facts: { held: { runId: 9, heldAt: NOW - HOUR, sentence: 'Upstream removed half of all.' }, ended: [failed()] },
    word: 'held',
    sentence: 'Upstream removed half of all; waiting for a person. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a mirror whose held tree was rejected',
    facts: { held: null, ended: [run({ outcome: 'held', message: 'The tree is empty.' })] },
    word: 'current',
    sentence: 'In step with upstream as of 2026-11-23 12:00 UTC (last successful run).',
  },
  {
    name: 'a run that deleted too much',
    facts: { ended: [run({ outcome: 'held', numbers: { ...NO_NUMBERS, deletedFiles: 700 } })] },
    word: 'held',
    sentence:
      'Upstream removed 700 files (70 % of the tree); waiting for a person. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a held run without numbers',
    facts: { ended: [run({ outcome: 'held', message: 'The tree is empty.' })] },
    word: 'held',
    sentence: 'The tree is empty; waiting for a person. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a held run that was followed by a cancelled one',
    facts: { ended: [run({ outcome: 'cancelled' }), run({ outcome: 'held', message: 'The tree is empty.' })] },
    word: 'held',
    sentence: 'The tree is empty; waiting for a person. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a tree that failed its verification',
    facts: { ended: [run({ outcome: 'quarantined', message: 'A link leads out of the tree.' })] },
    word: 'quarantined',
    sentence:
      'The new tree failed its verification: A link leads out of the tree. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a tree whose verification failed in the words of the run',
    facts: { ended: [run({ outcome: 'quarantined', message: 'The new tree failed verification: "x" is a device.' })] },
    word: 'quarantined',
    sentence: 'The new tree failed its verification: "x" is a device. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a tree that was changed in place and failed its verification',
    facts: { mirror: IN_PLACE, ended: [run({ outcome: 'quarantined', message: '"x" is a device.' })] },
    word: 'quarantined',
    sentence:
      'The new tree failed its verification: "x" is a device. ' +
      'It is served all the same: this mirror is changed in place, and no other tree is kept.',
  },
  {
    name: 'a pull into the very tree that is served',
    facts: { mirror: IN_PLACE, activity: active() },
    word: 'running',
    sentence:
      'Fetching now: transferring files, 41 %, about 3 min left. ' +
      'Serving the tree of 2026-11-23 12:00 UTC and what was changed in place since.',
  },
  {
    name: 'a fetch in place that broke when upstream could no longer be reached',
    facts: { mirror: IN_PLACE, ended: [failed({ endedAt: NOW - HOUR })] },
    word: 'upstream-down',
    sentence:
      'Upstream unreachable since 2026-11-23 13:00 UTC. ' +
      'Serving the tree of 2026-11-23 12:00 UTC and what was changed in place since.',
  },
  {
    name: 'a fetch in place that was interrupted',
    facts: { mirror: IN_PLACE, ended: [run({ outcome: 'interrupted' }), run()] },
    word: 'current',
    sentence:
      'In step with upstream as of 2026-11-23 12:00 UTC (last successful run). ' +
      'A fetch that was cut off since may have changed some of its files.',
  },
  {
    name: 'a paused mirror whose last run in place was good',
    facts: { mirror: IN_PLACE, state: PAUSED },
    word: 'paused',
    sentence: 'Paused by operations since 2026-11-23 11:00 UTC: new disks. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a pull without a byte for ten minutes',
    facts: { activity: active({}, { lastByteAt: NOW - 10 * MINUTE }) },
    word: 'stuck',
    sentence:
      'Running for 5 min, no data for 10 min; will be restarted at 2026-11-23 14:05 UTC. ' +
      'Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a run that takes much longer than usual',
    facts: { activity: active({ startedAt: NOW - 40 * MINUTE }), ended: FIVE_SHORT_RUNS },
    word: 'stuck',
    sentence: 'Running for 40 min; usual is 2 min. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a pull',
    facts: { activity: active() },
    word: 'running',
    sentence: 'Fetching now: transferring files, 41 %, about 3 min left. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'the first pull',
    facts: { activity: active(), live: null, lastGood: null, ended: [] },
    word: 'running',
    sentence: 'First fetch: transferring files, 41 %, about 3 min left; not complete yet.',
  },
  {
    name: 'a run that is verified',
    facts: { activity: active({ phase: 'verify' }, { lastByteAt: NOW - HOUR }) },
    word: 'running',
    sentence: 'Fetching now: verifying the new tree. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a run in the queue',
    facts: { activity: { ...IDLE, queued: run({ phase: 'queued', outcome: null }), place: 3 } },
    word: 'queued',
    sentence: 'Waiting to be fetched, place 3 in the queue. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a failed try with more to come',
    facts: {
      state: dueAt(NOW + MINUTE),
      ended: [failed({ attempt: 2, retryAt: NOW + MINUTE }), failed({ retryAt: NOW - MINUTE })],
    },
    word: 'retrying',
    sentence:
      'Try 2 of 5 failed: the upstream cannot be reached; next try 2026-11-23 14:01 UTC. ' +
      'Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a failed try whose next one fell into a pause',
    facts: { state: dueAt(NOW + 2 * HOUR), ended: [failed({ failure: 'partial', retryAt: NOW - 30 * MINUTE })] },
    word: 'failing',
    sentence: 'Failed once at 2026-11-23 13:01 UTC: some files did not come. Last good 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a failed try whose next one would come after the schedule',
    facts: { state: dueAt(NOW + MINUTE), ended: [failed({ failure: 'partial', retryAt: NOW + HOUR })] },
    word: 'failing',
    sentence: 'Failed once at 2026-11-23 13:01 UTC: some files did not come. Last good 2026-11-23 12:00 UTC.',
  },
  {
    name: 'an upstream that says no',
    facts: { ended: [failed({ failure: 'refused', message: 'max connections (20) reached' })] },
    word: 'refused',
    sentence: 'The upstream refuses us (max connections (20) reached). Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'an upstream that cannot be reached, all tries used up',
    facts: { ended: [failed({ failure: 'dns' }), failed({ endedAt: NOW - 3 * HOUR, retryAt: NOW - 2 * HOUR })] },
    word: 'upstream-down',
    sentence:
      'Upstream unreachable since 2026-11-23 11:00 UTC; our copy is whole and was in step at 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a new round of tries after one that was used up',
    facts: { ended: [failed({ failure: 'partial', retryAt: NOW + MINUTE }), failed({ failure: 'partial' })] },
    word: 'failing',
    sentence: 'Failed 2 times since 2026-11-23 13:01 UTC: some files did not come. Last good 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a full disk',
    facts: { ended: [failed({ failure: 'disk-full' })] },
    word: 'failing',
    sentence: 'Failed once at 2026-11-23 13:01 UTC: our disk is full. Last good 2026-11-23 12:00 UTC.',
  },
  {
    name: 'an unreachable upstream of a mirror that has nothing',
    facts: { ended: [failed()], live: null, lastGood: null },
    word: 'failing',
    sentence: 'Failed once at 2026-11-23 13:01 UTC: the upstream cannot be reached. It has never finished yet.',
  },
  {
    name: 'a last good run older than two periods',
    facts: { live: { ...LIVE, confirmedAt: NOW - 9 * HOUR } },
    word: 'late',
    sentence: 'Last in step with upstream 2026-11-23 05:00 UTC; usual is every 4 h.',
  },
  {
    name: 'a last good run two periods and less than the jitter ago',
    facts: { live: { ...LIVE, confirmedAt: NOW - 8 * HOUR - 4 * MINUTE }, jitter: 300 },
    word: 'current',
    sentence: 'In step with upstream as of 2026-11-23 05:56 UTC (last successful run).',
  },
  {
    name: 'an upstream that has been quiet for much longer than usual',
    facts: { mirror: MARKED, live: LONG_SAME, markerTimes: [...QUIET, ...QUIET] },
    word: 'upstream-idle',
    sentence: 'Same as upstream, which has not changed since 2026-11-20 14:00 UTC; usual is every 6 h.',
  },
  {
    name: 'a quiet upstream of which too few changes are known',
    facts: { mirror: MARKED, live: LONG_SAME, markerTimes: [...QUIET.slice(0, 3), ...QUIET.slice(0, 3)] },
    word: 'current',
    sentence: 'Same as upstream as of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'an upstream that is quiet no longer than it often is',
    facts: { mirror: MARKED, live: LONG_SAME, markerTimes: QUIET.map((time, index) => time - index * 2 * HOUR) },
    word: 'current',
    sentence: 'Same as upstream as of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'an upstream whose marker has moved on',
    facts: {
      mirror: MARKED,
      ended: [run({ outcome: 'interrupted', markerValue: 'M8', markerTime: NOW - HOUR }), run({ markerValue: 'M7' })],
    },
    word: 'behind',
    sentence:
      'Upstream has published something newer at 2026-11-23 13:00 UTC. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a mirror that was switched back',
    facts: { lastGood: run({ generation: 8 }) },
    word: 'behind',
    sentence: 'Switched back to the tree of 2026-11-23 12:00 UTC; a newer one was published before.',
  },
  {
    name: 'a mirror with a marker equal to its upstream',
    facts: { mirror: MARKED, ended: [run({ outcome: 'unchanged', markerValue: 'M7' })] },
    word: 'current',
    sentence: 'Same as upstream as of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a mirror without a marker',
    facts: {},
    word: 'current',
    sentence: 'In step with upstream as of 2026-11-23 12:00 UTC (last successful run).',
  },
  {
    name: 'an upstream of which two newer states were seen beside the runs',
    facts: { mirror: MARKED, upstream: { direct: reading('M9'), updatesBehind: 2, lagSeconds: 3600 } },
    word: 'behind',
    sentence: '2 updates behind (1 h). Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a newer state that nobody has counted',
    facts: { mirror: MARKED, upstream: { direct: reading('M9'), updatesBehind: null, lagSeconds: 5400 } },
    word: 'behind',
    sentence: 'Behind upstream by 1 h 30 min. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a newer marker that was read beside the runs, without a count or a lag',
    facts: { mirror: MARKED, ended: [run({ markerValue: 'M7' })], upstream: { direct: reading('M9', NOW - MINUTE) } },
    word: 'behind',
    sentence:
      'Upstream has published something newer at 2026-11-23 13:59 UTC. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a mirror whose own upstream has not got the newest yet',
    facts: {
      mirror: MARKED,
      upstream: { direct: reading('M7'), origin: reading('M9'), updatesBehind: 1, lagSeconds: 1800 },
    },
    word: 'behind',
    sentence:
      '1 update behind (30 min). The mirror that we fetch from has nothing newer yet. ' +
      'Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'a mirror whose own upstream has something newer, but not the newest',
    facts: {
      mirror: MARKED,
      upstream: { direct: reading('M8'), origin: reading('M9'), updatesBehind: 2, lagSeconds: 1800 },
    },
    word: 'behind',
    sentence:
      '2 updates behind (30 min). The mirror that we fetch from is behind itself. ' +
      'Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'an upstream that has had for two periods what we lack',
    facts: { mirror: MARKED, upstream: { direct: reading('M9'), updatesBehind: 3, lagSeconds: 9 * 3600 } },
    word: 'late',
    sentence: '3 updates behind (9 h); usual is every 4 h.',
  },
  {
    name: 'an upstream that was read and found equal after the last run',
    facts: { mirror: MARKED, upstream: { direct: reading('M7'), updatesBehind: 0, lagSeconds: 0 } },
    word: 'current',
    sentence: 'Same as upstream as of 2026-11-23 13:55 UTC.',
  },
  {
    name: 'an upstream whose marker cannot be read for an hour, though no run has failed',
    facts: { mirror: MARKED, upstream: { direct: { ...reading('M7'), failedSince: NOW - HOUR } } },
    word: 'upstream-down',
    sentence:
      'Upstream unreachable since 2026-11-23 13:00 UTC; our copy is whole and was in step at 2026-11-23 12:00 UTC.',
  },
  {
    name: 'an upstream whose marker could not be read just now',
    facts: { mirror: MARKED, upstream: { direct: { ...reading('M7'), failedSince: NOW - 5 * MINUTE } } },
    word: 'current',
    sentence: 'Same as upstream as of 2026-11-23 13:55 UTC.',
  },
  {
    name: 'a certificate that is not to be trusted',
    facts: { ended: [failed({ failure: 'tls' })] },
    word: 'failing',
    sentence:
      'Failed once at 2026-11-23 13:01 UTC: the certificate of the upstream cannot be trusted. ' +
      'Last good 2026-11-23 12:00 UTC.',
  },
  {
    name: 'an archive, however old',
    facts: { mirror: { ...MARKED, standing: 'frozen' }, live: { ...LIVE, confirmedAt: NOW - 999 * HOUR } },
    word: 'frozen',
    sentence: 'Archive, no longer changes. Serving the tree of 2026-11-23 12:00 UTC.',
  },
  {
    name: 'an archive that was never fetched',
    facts: { mirror: { ...MARKED, standing: 'frozen' }, ended: [], live: null, lastGood: null },
    word: 'new',
    sentence: 'The first fetch is not complete yet; nothing is served.',
  },
  {
    name: 'a cache',
    facts: { mirror: { ...MARKED, standing: 'cache' }, ended: [], live: null, lastGood: null },
    word: 'cache',
    sentence: 'Fetched on demand.',
  },
  {
    name: 'a proxy',
    facts: { mirror: { ...MARKED, standing: 'proxy' }, ended: [], live: null, lastGood: null },
    word: 'proxy',
    sentence: 'Passed on from upstream, nothing is kept.',
  },
  {
    name: 'a paused cache',
    facts: { mirror: { ...MARKED, standing: 'cache' }, state: PAUSED, ended: [], live: null, lastGood: null },
    word: 'paused',
    sentence: 'Paused by operations since 2026-11-23 11:00 UTC: new disks. Nothing is served yet.',
  },
  {
    name: 'a mirror without a schedule, however old',
    facts: { period: null, live: { ...LIVE, confirmedAt: NOW - 999 * HOUR, publishedAt: NOW - 999 * HOUR } },
    word: 'current',
    sentence: 'In step with upstream as of 2026-10-12 23:00 UTC (last successful run).',
  },
  {
    name: 'a mirror that was never fetched',
    facts: { ended: [], live: null, lastGood: null },
    word: 'new',
    sentence: 'The first fetch is not complete yet; nothing is served.',
  },
  {
    name: 'a mirror whose first fetch was interrupted',
    facts: { ended: [run({ outcome: 'interrupted' })], live: null, lastGood: null },
    word: 'new',
    sentence: 'The first fetch is not complete yet; nothing is served.',
  },
];
