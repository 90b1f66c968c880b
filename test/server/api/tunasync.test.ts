import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addGeneration, addRun, HOUR, IDLE, makeMirror, MINUTE, NOW, openScene, type Scene } from '../scene.js';

describe('/static/tunasync.json', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({ mirrors: [makeMirror('debian')] });
  });
  afterEach(() => scene.close());

  async function row(): Promise<Record<string, unknown>> {
    const { body } = (await request(scene.http).get('/static/tunasync.json')) as { body: Record<string, unknown>[] };
    return body[0] ?? {};
  }

  it('writes a row as tunasync does, with our fields after it', async () => {
    addGeneration(scene, 'debian', { bytes: 1.92e12, confirmedAt: NOW - HOUR });
    addRun(scene, 'debian', { queuedAt: NOW - HOUR, endedAt: NOW - HOUR + MINUTE, markerValue: 'M', markerTime: NOW });
    scene.store.mirrors.setNextDue('debian', NOW + HOUR);
    expect(await row()).toEqual({
      name: 'debian',
      is_master: true,
      status: 'success',
      last_update: '2026-11-23 13:00:00 +0000',
      last_update_ts: (NOW - HOUR) / 1000,
      last_started: '2026-11-23 13:00:00 +0000',
      last_started_ts: (NOW - HOUR) / 1000,
      last_ended: '2026-11-23 13:01:00 +0000',
      last_ended_ts: (NOW - HOUR + MINUTE) / 1000,
      next_schedule: '2026-11-23 15:00:00 +0000',
      next_schedule_ts: (NOW + HOUR) / 1000,
      upstream: 'rsync://upstream.example.org/debian/',
      size: '1.9T',
      x_bytes: 1.92e12,
      x_upstream_marker_ts: NOW / 1000,
      x_verdict: 'current',
      x_reason: 'In step with upstream as of 2026-11-23 13:00 UTC (last successful run).',
    });
  });

  it("writes Go's zero time for what never was", async () => {
    expect(await row()).toMatchObject({
      status: 'none',
      last_update: '0001-01-01 00:00:00 +0000',
      last_update_ts: -62135596800,
      last_ended_ts: -62135596800,
      next_schedule_ts: -62135596800,
      size: 'unknown',
    });
  });

  it('says none until the first sync is finished, whatever goes on with it', async () => {
    const run = addRun(scene, 'debian', { outcome: 'failed', failure: 'partial', retryAt: NOW + MINUTE });
    expect(await row()).toMatchObject({ status: 'none', x_verdict: 'failing' });
    scene.store.mirrors.setNextDue('debian', NOW + MINUTE);
    expect(await row()).toMatchObject({ status: 'none', x_verdict: 'retrying' });
    scene.engine.activities.set('debian', { ...IDLE, queued: { ...run, phase: 'queued', outcome: null }, place: 1 });
    expect(await row()).toMatchObject({ status: 'none', x_verdict: 'queued' });
    const running = { ...run, phase: 'pull' as const, outcome: null };
    scene.engine.activities.set('debian', { ...IDLE, running, lastByteAt: NOW });
    expect(await row()).toMatchObject({ status: 'none', x_verdict: 'running' });
    scene.store.mirrors.pause('debian', NOW, 'later');
    expect(await row()).toMatchObject({ status: 'paused' });
  });

  it('says pre-syncing, syncing, failed and paused', async () => {
    addGeneration(scene, 'debian');
    const run = addRun(scene, 'debian', { outcome: 'failed', failure: 'disk-full' });
    expect((await row())['status']).toBe('failed');
    scene.store.runs.update(run.id, { failure: 'connect', retryAt: NOW + MINUTE });
    scene.store.mirrors.setNextDue('debian', NOW + MINUTE);
    expect((await row())['status']).toBe('syncing');
    scene.engine.activities.set('debian', { ...IDLE, queued: { ...run, phase: 'queued', outcome: null }, place: 1 });
    expect((await row())['status']).toBe('pre-syncing');
    scene.engine.activities.set('debian', { ...IDLE, running: { ...run, phase: 'pull', outcome: null } });
    expect((await row())['status']).toBe('failed'); // stuck: no byte for ten minutes
    scene.store.mirrors.pause('debian', NOW, '');
    expect((await row())['status']).toBe('paused');
  });
});
