import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addGeneration, addRun, makeMirror, openScene, type Scene } from '../scene.js';

describe('what programs read', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({ mirrors: [makeMirror('debian'), makeMirror('fedora')] });
  });
  afterEach(() => scene.close());

  it('/api/v1/mirrors gives the site, the summary and every mirror', async () => {
    addGeneration(scene, 'debian');
    const answer = await request(scene.http).get('/api/v1/mirrors');
    expect(answer.body).toMatchObject({
      site: { name: 'Example University Mirror', url: 'https://mirror.example.edu' },
      summary: { total: 2, states: { current: 1, new: 1 }, text: '1 of 2 current · 1 new' },
      mirrors: [{ name: 'debian' }, { name: 'fedora' }],
    });
    expect(answer.headers['access-control-allow-origin']).toBe('*');
  });

  it('/api/v1/mirrors/<mirror> gives one, or a problem', async () => {
    expect((await request(scene.http).get('/api/v1/mirrors/debian')).body).toMatchObject({
      name: 'debian',
      verdict: { word: 'new', sentence: 'The first fetch is not complete yet; nothing is served.' },
    });
    const answer = await request(scene.http).get('/api/v1/mirrors/absent');
    expect(answer.status).toBe(404);
    expect(JSON.parse(answer.text)).toMatchObject({ detail: 'There is no mirror "absent".', code: 'not-found' });
  });

  it('/api/v1/mirrors/<mirror>/runs gives pages of runs, newest first', async () => {
    for (let count = 0; count < 5; count++) addRun(scene, 'debian');
    addRun(scene, 'fedora');
    const seen: number[] = [];
    let path: string | null = '/api/v1/mirrors/debian/runs?limit=2';
    while (path !== null) {
      const { body } = (await request(scene.http).get(path)) as {
        body: { runs: { id: number }[]; next: string | null };
      };
      seen.push(...body.runs.map(({ id }) => id));
      path = body.next;
    }
    expect(seen).toEqual([5, 4, 3, 2, 1]);
  });

  it.each(['limit=0', 'limit=201', 'limit=x', 'limit=1&limit=2', 'before=-3'])(
    '/api/v1/mirrors/<mirror>/runs refuses %s',
    async (query) => {
      const answer = await request(scene.http).get(`/api/v1/mirrors/debian/runs?${query}`);
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.text)).toMatchObject({ code: 'invalid' });
    },
  );

  it('/api/v1/runs/<id> gives a run with its stages', async () => {
    const run = addRun(scene, 'debian', { upstream: 'rsync://me@ftp.example.org/x/' });
    scene.store.runs.startStage({ runId: run.id, pass: 1, name: 'all', startedAt: 1 });
    const answer = await request(scene.http).get(`/api/v1/runs/${run.id}`);
    expect(answer.body).toMatchObject({
      id: run.id,
      upstream: 'rsync://ftp.example.org/x/',
      stages: [{ name: 'all' }],
      progress: null,
    });
  });

  it('/api/v1/runs/<id> knows nothing of mirrors that are configured no more', async () => {
    const run = addRun(scene, 'removed');
    expect((await request(scene.http).get(`/api/v1/runs/${run.id}`)).status).toBe(404);
  });

  it('/healthz says that the process lives', async () => {
    scene.isReady = false;
    const answer = await request(scene.http).get('/healthz');
    expect([answer.status, answer.text]).toEqual([200, 'ok\n']);
  });

  it('/readyz says whether the engine and the store are there, and that it is stopping', async () => {
    const ready = async (): Promise<number> => (await request(scene.http).get('/readyz')).status;
    expect(await ready()).toBe(200);
    scene.isReady = false;
    expect(await ready()).toBe(503);
    scene.isReady = true;
    const all = scene.store.mirrors.all.bind(scene.store.mirrors);
    scene.store.mirrors.all = () => {
      throw new Error('disk I/O error');
    };
    expect(await ready()).toBe(503);
    scene.store.mirrors.all = all;
    expect(await ready()).toBe(200);
    scene.server.stop();
    expect(await ready()).toBe(503);
  });
});
