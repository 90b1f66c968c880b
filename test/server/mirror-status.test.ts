import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StatusDeps } from '../../server/mirror-status.js';
import { allMirrorStatuses, mirrorStatus, summaryOf } from '../../server/mirror-status.js';
import { publicEvent, publicRuns, runDetails } from '../../server/public-view.js';
import { addGeneration, addRun, HOUR, IDLE, makeMirror, NOW, openScene, type Scene } from './scene.js';

describe('mirrorStatus', () => {
  let scene: Scene;
  let deps: StatusDeps;
  beforeEach(async () => {
    const mirrors = ['fresh', 'old', 'empty'].map((name) => makeMirror(name));
    scene = await openScene({ mirrors });
    deps = { settings: () => scene.settings, store: scene.store, engine: scene.engine, clock: () => NOW };
  });
  afterEach(() => scene.close());

  it('is undefined for a name that is not configured', () => {
    expect(mirrorStatus(deps, 'absent')).toBeUndefined();
  });

  it('gathers the verdict, the served generation, the last runs and the schedule', () => {
    const run = addRun(scene, 'fresh', { generation: 1, markerValue: 'M', markerTime: NOW - HOUR });
    addGeneration(scene, 'fresh', { bytes: 42 });
    scene.store.mirrors.setNextDue('fresh', NOW + HOUR);
    expect(mirrorStatus(deps, 'fresh')).toMatchObject({
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
    const text = JSON.stringify(mirrorStatus(deps, 'fresh'));
    for (const secret of [scene.folder, '/archive/pub', 'backup@', 'me@', 'me:pw']) expect(text).not.toContain(secret);
    expect(text).toContain('(data)/mirrors');
  });

  it('names no file of a mirror that some zones alone may read, but to the administrator', () => {
    const named = 'The new tree failed verification: "secret/a.deb" leads out of the tree.';
    const rsync = 'Some files could not be transferred (rsync exit code 23): cannot delete secret/b.deb';
    for (const message of [named, rsync, 'A change of "secret/c.deb" cannot be read.']) {
      scene.settings = { ...scene.settings, mirrors: new Map([['fresh', makeMirror('fresh', { read: ['campus'] })]]) };
      const run = addRun(scene, 'fresh', { outcome: 'quarantined', message });
      const event = publicEvent(deps, { type: 'run.ended', mirror: 'fresh', run });
      const told = [mirrorStatus(deps, 'fresh'), runDetails(deps, run.id), publicRuns(deps, 'fresh', 5), event];
      expect(JSON.stringify(told)).not.toContain('secret');
      expect(JSON.stringify(mirrorStatus({ ...deps, isForAdministrator: true }, 'fresh'))).toContain('secret');
      scene.settings = { ...scene.settings, mirrors: new Map([['fresh', makeMirror('fresh')]]) };
      expect(runDetails(deps, run.id).message).toBe(message);
    }
  });

  it('shows progress only of a run that is active', () => {
    const queued = { ...addRun(scene, 'fresh'), phase: 'queued' as const, outcome: null };
    scene.engine.activities.set('fresh', { ...IDLE, queued, place: 2 });
    expect(mirrorStatus(deps, 'fresh')).toMatchObject({
      running: null,
      progress: null,
      place: 2,
      verdict: { word: 'queued' },
    });
  });

  it('summaryOf counts the current ones first, then the rest', () => {
    for (const [name, ago] of [
      ['fresh', 1],
      ['old', 20],
    ] as const) {
      addRun(scene, name, { queuedAt: NOW - ago * HOUR });
      addGeneration(scene, name, { confirmedAt: NOW - ago * HOUR });
    }
    const summary = summaryOf(allMirrorStatuses(deps));
    expect(summary).toEqual({
      total: 3,
      states: { current: 1, late: 1, new: 1 },
      text: '1 of 3 current · 1 new · 1 late',
    });
    expect(summaryOf([]).text).toBe('no mirrors yet');
  });
});
