import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { brokenLimits } from '../../core/guard.js';
import type { Pace } from '../../core/pace.js';
import { NO_NUMBERS } from '../../core/run.js';
import { summaryOf } from '../../server/mirror-status.js';
import { publicEvent, publicRuns, runDetails } from '../../server/public-view.js';
import { StatusBoard } from '../../server/status-board.js';
import { testMarker } from '../fixtures/engine.js';
import { addGeneration, addRun, HOUR, IDLE, makeMirror, MINUTE, NOW, openScene, type Scene } from './scene.js';

describe('StatusBoard', () => {
  let scene: Scene;
  let board: StatusBoard;
  let now: number;
  beforeEach(async () => {
    const mirrors = ['fresh', 'old', 'empty'].map((name) => makeMirror(name));
    scene = await openScene({ mirrors });
    now = NOW;
    const { store, engine } = scene;
    board = new StatusBoard({ settings: () => scene.settings, store, engine, clock: () => now });
  });
  afterEach(() => scene.close());

  it('is undefined for a name that is not configured', () => {
    expect(board.get('absent')).toBeUndefined();
  });

  it('gathers the verdict, the served generation, the last runs and the schedule', () => {
    const run = addRun(scene, 'fresh', { generation: 1, markerValue: 'M', markerTime: NOW - HOUR });
    addGeneration(scene, 'fresh', { bytes: 42 });
    scene.store.mirrors.setNextDue('fresh', NOW + HOUR);
    expect(board.get('fresh')).toMatchObject({
      name: 'fresh',
      path: '/fresh/',
      statusPath: '/status/fresh',
      verdict: {
        word: 'current',
        shape: '●',
        sentence: 'In step with upstream as of 2026-11-23 13:50 UTC (last successful run).',
      },
      published: { bytes: 42 },
      upstreams: ['rsync://upstream.example.org/fresh/'],
      schedule: 'every 4 h',
      nextDueAt: NOW + HOUR,
      upstreamMarker: { value: 'M', time: NOW - HOUR },
      running: null,
      lastRun: { id: run.id },
      lastGood: { id: run.id },
    });
  });

  it('forgets what was read of a true upstream that is no longer configured', () => {
    const { store } = scene;
    const mirror = makeMirror('fresh', { marker: testMarker('TIME'), origin: { url: 'https://origin.example.org/' } });
    const use = (name: string, next: typeof mirror): void => {
      scene.settings = { ...scene.settings, mirrors: new Map([[name, next]]) };
    };
    use('fresh', mirror);
    addGeneration(scene, 'fresh', { markerValue: 'M2' });
    store.markers.read('fresh', 'origin', { value: 'M1', time: null }, NOW - 2 * HOUR);
    store.markers.read('fresh', 'direct', { value: 'M2', time: null }, NOW);
    expect(board.get('fresh')?.verdict.word).toBe('behind');
    use('fresh', { ...mirror, origin: null });
    expect(board.get('fresh')).toMatchObject({
      verdict: { word: 'current' },
      upstream: { origin: null, lagSeconds: 0 },
    });
  });

  it('tells the public neither user names nor local paths', () => {
    scene.settings = {
      ...scene.settings,
      mirrors: new Map([
        [
          'fresh',
          makeMirror('fresh', { upstreams: ['/archive/pub/', 'backup@host.example.org:/pub/', 'me@host::pub'] }),
        ],
      ]),
    };
    addRun(scene, 'fresh', {
      outcome: 'failed',
      failure: 'local',
      upstream: '/archive/pub/',
      message: `mkdir "${scene.folder}/mirrors" failed for rsync://me:pw@host/x`,
    });
    scene.store.mirrors.pause('fresh', NOW, `see ${scene.folder}`);
    const text = JSON.stringify(board.get('fresh'));
    for (const secret of [scene.folder, '/archive/pub', 'backup@', 'me@', 'me:pw']) expect(text).not.toContain(secret);
    expect(text).toContain('(data)/mirrors');
  });

  it('names no file of a mirror that some zones alone may read, but to the administrator', () => {
    const { store, engine } = scene;
    const deps = { settings: () => scene.settings, store, engine, clock: () => now };
    const named = 'The new tree failed verification: "secret/a.deb" leads out of the tree.';
    const rsync = 'Some files could not be transferred (rsync exit code 23): cannot delete secret/b.deb';
    for (const message of [named, rsync, 'A change of "secret/c.deb" cannot be read.']) {
      scene.settings = { ...scene.settings, mirrors: new Map([['fresh', makeMirror('fresh', { read: ['campus'] })]]) };
      const run = addRun(scene, 'fresh', { outcome: 'quarantined', message });
      const event = publicEvent(deps, { type: 'run.ended', mirror: 'fresh', run });
      const told = [board.get('fresh'), runDetails(deps, run.id), publicRuns(deps, 'fresh', 5), event];
      expect(JSON.stringify(told)).not.toContain('secret');
      expect(JSON.stringify(board.forAdministrator('fresh'))).toContain('secret');
      scene.settings = { ...scene.settings, mirrors: new Map([['fresh', makeMirror('fresh')]]) };
      expect(runDetails(deps, run.id).message).toBe(message);
    }
  });

  it('names no file that waits, or failed a verification, of such a mirror', () => {
    scene.settings = { ...scene.settings, mirrors: new Map([['fresh', makeMirror('fresh', { read: ['campus'] })]]) };
    const live = addGeneration(scene, 'fresh', {
      verification: 'Published although its verification failed: "secret/a.deb" is missing.',
    });
    const change = { publishedFiles: 9, deletedFiles: 0, deletedBytes: 0, touchedFiles: 0 };
    const shrunk = { path: 'secret/"secret"/Packages', before: 4e6, after: 1e6 };
    const limits = brokenLimits({ ...change, shrunk }, scene.settings.mirrors.get('fresh')!.guard);
    scene.store.held.put({
      ...{ mirror: 'fresh', runId: 1, base: live.id, slot: 'b', heldAt: NOW, approvedAt: null, marker: null },
      report: { limits, change: { ...change, shrunk }, folders: [], deleted: [], shrunk: [shrunk], lost: [] },
      numbers: NO_NUMBERS,
    });
    expect(board.get('fresh')?.verdict.sentence).toMatch(/^The index "\(a name\)" shrank from 4.0 MB/);
    expect(JSON.stringify(board.get('fresh'))).not.toContain('secret');
    expect(JSON.stringify(board.forAdministrator('fresh'))).toContain('secret');
  });

  it('counts failures beyond the runs that it looks at', () => {
    addGeneration(scene, 'fresh');
    addRun(scene, 'fresh', { endedAt: NOW - 60 * HOUR });
    addRun(scene, 'fresh', { outcome: 'failed', failure: 'partial', endedAt: NOW - 50 * HOUR });
    for (let n = 40; n > 0; n--)
      addRun(scene, 'fresh', { outcome: 'failed', failure: n === 20 ? null : 'tls', endedAt: NOW - n * HOUR });
    addRun(scene, 'fresh', { outcome: 'interrupted' });
    expect(board.get('fresh')?.verdict).toMatchObject({ word: 'failing', since: NOW - 50 * HOUR });
    expect(board.get('fresh')?.verdict.sentence).toContain('Failed 41 times since 2026-11-21 12:00 UTC');
    for (let n = 35; n > 0; n--)
      addRun(scene, 'fresh', { outcome: 'failed', failure: 'connect', endedAt: NOW - n * MINUTE });
    expect(board.get('fresh')?.verdict).toMatchObject({ word: 'upstream-down', since: NOW - 35 * MINUTE });
    addRun(scene, 'fresh', { outcome: 'failed', failure: 'tls', endedAt: NOW });
    expect(board.get('fresh')?.verdict.sentence).toContain('Failed 77 times since 2026-11-21 12:00 UTC');
  });

  it('shows progress only of a run that is active', () => {
    const queued = { ...addRun(scene, 'fresh'), phase: 'queued' as const, outcome: null };
    scene.engine.activities.set('fresh', { ...IDLE, queued, place: 2 });
    expect(board.get('fresh')).toMatchObject({
      running: null,
      progress: null,
      place: 2,
      verdict: { word: 'queued' },
    });
  });

  it('hands out the same until something changes, and makes anew only what has', () => {
    addGeneration(scene, 'fresh');
    const [fresh, old] = board.all();
    const { revision } = board;
    expect(board.all()[0]).toBe(fresh);
    expect(board.get('fresh')).toBe(fresh);
    scene.store.mirrors.pause('old', NOW, 'disks');
    expect(board.revision).toBe(revision);
    const all = board.all();
    expect(all[0]).toBe(fresh);
    expect(all[1]).not.toBe(old);
    expect(all[1]?.verdict.word).toBe('paused');
    expect(board.revision).toBe(revision + 1);
  });

  it('decides anew as time goes by, without a look at the database, and tells when nothing came of it', () => {
    addGeneration(scene, 'fresh');
    addRun(scene, 'fresh');
    board.all();
    const { revision, news } = board;
    const read = scene.store.runs.ended.bind(scene.store.runs);
    let reads = 0;
    scene.store.runs.ended = (...asked) => {
      reads++;
      return read(...asked);
    };
    now += HOUR;
    expect(board.get('fresh')?.verdict.word).toBe('current');
    expect(board.revision).toBe(revision);
    now += 10 * HOUR;
    expect(board.get('fresh')?.verdict.word).toBe('late');
    expect(board.revision).toBe(revision + 1);
    expect([board.news, reads]).toEqual([news, 0]);
    scene.store.mirrors.pause('fresh', now, 'disks');
    board.get('fresh');
    expect(board.news).toBe(news + 1);
  });

  it('sees at once what writes to the store, whoever it is', () => {
    const word = () => board.get('fresh')?.verdict.word;
    expect(word()).toBe('new');
    const generation = addGeneration(scene, 'fresh');
    expect(word()).toBe('current');
    scene.store.generations.setState(generation.id, 'recycled');
    expect(board.get('fresh')?.published).toBeNull();
    scene.store.generations.setState(generation.id, 'live');
    scene.store.generations.confirm(generation.id, NOW, { value: 'M', time: NOW });
    expect(board.get('fresh')?.published?.markerValue).toBe('M');
    scene.store.mirrors.setNextDue('fresh', NOW + HOUR);
    expect(board.get('fresh')?.nextDueAt).toBe(NOW + HOUR);
    const run = addRun(scene, 'fresh', { outcome: 'failed', failure: 'disk-full' });
    expect(word()).toBe('failing');
    scene.store.runs.remove(run.id);
    expect(word()).toBe('current');
    scene.settings = { ...scene.settings, mirrors: new Map() };
    expect([board.all(), board.get('fresh')]).toEqual([[], undefined]);
  });

  it('takes over the progress of a fetch once a second', () => {
    const running = { ...addRun(scene, 'fresh'), phase: 'pull' as const, outcome: null };
    const progress = { stage: 'all', stageIndex: 1, stageCount: 1, pass: 1, files: 1, bytes: 1, rate: 1 };
    const at = (percent: number) => {
      const shown = { ...progress, percent, toCheck: 0, known: 1, eta: null };
      scene.engine.activities.set('fresh', { ...IDLE, running, progress: shown, lastByteAt: now });
      return board.get('fresh')?.progress?.percent;
    };
    expect(at(10)).toBe(10);
    now += 300;
    expect(at(20)).toBe(10);
    now += 800;
    expect(at(30)).toBe(30);
  });

  it('tells what was read of the upstream beside the runs', () => {
    const mirrors = [makeMirror('fresh', { marker: testMarker('TIME') }), makeMirror('old')];
    scene.settings = { ...scene.settings, mirrors: new Map(mirrors.map((mirror) => [mirror.name, mirror])) };
    addGeneration(scene, 'fresh', { markerValue: 'M7', markerTime: NOW - 5 * HOUR });
    const read = (value: string, at: number) =>
      scene.store.markers.read('fresh', 'direct', { value, time: null }, NOW - at * HOUR);
    read('M7', 4);
    expect(board.get('fresh')).toMatchObject({ verdict: { word: 'current' }, upstream: { lagSeconds: 0 } });
    read('M8', 3);
    read('M9', 1);
    expect(board.get('fresh')).toMatchObject({
      verdict: { word: 'behind', sentence: '2 updates behind (3 h). Serving the tree of 2026-11-23 12:00 UTC.' },
      upstreamMarker: { value: 'M9', time: null },
      upstream: { lagSeconds: 3 * 3600, updatesBehind: 2 },
    });
    now += HOUR;
    expect(board.get('fresh')).toMatchObject({ upstream: { lagSeconds: 4 * 3600 } });
    scene.store.markers.failed('fresh', 'direct', 'rsync://core-1/x cannot be reached.', now);
    expect(board.get('fresh')?.upstream.direct?.message).toBe('rsync://(internal host)/x cannot be reached.');
    expect(board.get('old')).toMatchObject({
      upstream: { lagSeconds: null, updatesBehind: null },
      upstreamMarker: null,
    });
  });

  it('calls no mirror late that may start later by chance, or may not fetch more today', () => {
    const word = (pace: Partial<Pace>): string | undefined => {
      const rule = { maxPerDay: null, minutes: null, jitter: null, ...pace };
      scene.settings = { ...scene.settings, mirrors: new Map([['fresh', makeMirror('fresh', { pace: rule })]]) };
      return board.get('fresh')?.verdict.word;
    };
    addGeneration(scene, 'fresh', { confirmedAt: NOW - 9 * HOUR });
    for (const ago of [10, 9]) {
      const run = addRun(scene, 'fresh', { queuedAt: NOW - ago * HOUR });
      scene.store.runs.startStage({ runId: run.id, pass: 1, name: 'all', startedAt: NOW });
    }
    expect([word({}), word({ jitter: 2 * 3600 }), word({ maxPerDay: 2 }), word({ maxPerDay: 3 })]).toEqual([
      ...['late', 'current', 'current', 'late'],
    ]);
  });

  it('summaryOf counts the current ones first, then the rest', () => {
    for (const [name, ago] of [
      ['fresh', 1],
      ['old', 20],
    ] as const) {
      addRun(scene, name, { queuedAt: NOW - ago * HOUR });
      addGeneration(scene, name, { confirmedAt: NOW - ago * HOUR });
    }
    const summary = summaryOf(board.all());
    expect(summary).toEqual({
      total: 3,
      states: { current: 1, late: 1, new: 1 },
      text: '1 of 3 current · 1 new · 1 late',
    });
    expect(summaryOf([]).text).toBe('no mirrors yet');
  });
});
