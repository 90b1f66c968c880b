import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_NUMBERS, type Run } from '../../../core/run.js';
import { addRun, HOUR, IDLE, makeMirror, MINUTE, NOW, openScene, writeLog, type Scene } from '../scene.js';

describe('/status/<mirror>/runs/<id>', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({ mirrors: [makeMirror('debian', { title: 'Debian' }), makeMirror('fedora')] });
  });
  afterEach(() => scene.close());

  async function page(run: Run): Promise<string> {
    return (await request(scene.http).get(`/status/${run.mirror}/runs/${run.id}`).set('Accept', 'text/html')).text;
  }

  it('shows a finished run: outcome, numbers, stages', async () => {
    const numbers = { ...NO_NUMBERS, transferredFiles: 1482, addedFiles: 611, deletedBytes: 9e8, speedup: 913.4 };
    const run = addRun(scene, 'debian', { queuedAt: NOW - HOUR, numbers, exitCode: 0, generation: 4 });
    const stage = scene.store.runs.startStage({ runId: run.id, pass: 1, name: 'content', startedAt: NOW - HOUR });
    const moved = { transferredFiles: 1400, transferredBytes: 2.1e9, receivedBytes: 2e9 };
    scene.store.runs.endStage(stage, { endedAt: NOW - HOUR + 90_000, exitCode: 0, ...moved });
    const text = await page(run);
    expect(text).toMatch(/Brought the mirror up to date at <time[^]*?<\/time>, after 1 min\./);
    for (const shown of ['1,482', '611', '900 MB', '913 ×', '1 min 30 s', '2.1 GB', '>content<'])
      expect(text).toContain(shown);
    expect(text).not.toContain('data-events');
  });

  it('shows a failed run: class, message, when it is tried again', async () => {
    const run = addRun(scene, 'debian', {
      outcome: 'failed',
      failure: 'connect',
      message: 'rsync said: <script>alert(1)</script>',
      exitCode: 10,
      retryAt: NOW + 4 * MINUTE,
    });
    scene.store.mirrors.setNextDue('debian', NOW + 4 * MINUTE);
    const text = await page(run);
    expect(text).toContain('the upstream cannot be reached');
    expect(text).toContain('rsync said: &lt;script&gt;alert(1)&lt;/script&gt;');
    expect(text).toContain('<span data-ago>in 4 min</span>');
    expect(text).not.toContain('<script>alert');
    scene.store.mirrors.setNextDue('debian', NOW + HOUR); // the try was given up, for a pause perhaps
    expect(await page(run)).not.toContain('It is tried again');
  });

  it('shows a run that is active, and follows its events', async () => {
    const run = scene.store.runs.add({ mirror: 'debian', trigger: 'manual', attempt: 1, force: true, queuedAt: NOW });
    const running = scene.store.runs.update(run.id, { phase: 'verify', startedAt: NOW - MINUTE });
    scene.engine.activities.set('debian', { ...IDLE, running });
    const text = await page(running);
    expect(text).toContain('Running: verifying the new tree, for 1 min.');
    expect(text).toContain('asked by an operator, with marker and guard ignored');
    expect(text).toContain('data-events="/api/v1/events?mirror=debian"');
    expect(text).not.toContain('<caption>Numbers');
  });

  it('ends with the log, scrubbed and escaped', async () => {
    const run = addRun(scene, 'debian');
    await writeLog(scene, run, `<b>line</b>\nfrom rsync://me:pw@ftp.example.org/x into ${scene.folder}/mirrors\n`);
    const text = await page(run);
    expect(text).toContain('&lt;b&gt;line&lt;/b&gt;\nfrom rsync://ftp.example.org/x into (data)/mirrors</pre>');
    expect(text).toContain(`href="/status/debian/runs/${run.id}?log=full"`);
  });

  it('streams the whole log as text, scrubbed', async () => {
    const run = addRun(scene, 'debian');
    await writeLog(scene, run, `${'<b>line</b>\n'.repeat(5000)}in ${scene.folder}\n`);
    const path = `/status/debian/runs/${run.id}?log=full`;
    const answer = await request(scene.http).get(path);
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(answer.text).toBe(`${'<b>line</b>\n'.repeat(5000)}in (data)\n`);
    expect((await request(scene.http).head(path)).status).toBe(200);
  });

  it('says so where there is no log', async () => {
    const run = addRun(scene, 'debian');
    expect(await page(run)).toContain('There is no log of this run');
    expect((await request(scene.http).get(`/status/debian/runs/${run.id}?log=full`)).status).toBe(404);
  });

  it.each(['0', '-1', 'abc', '1e3', '999', '99999999999999999999'])('is 404 for run %s', async (id) => {
    const answer = await request(scene.http).get(`/status/debian/runs/${id}`);
    expect(answer.status).toBe(404);
    expect(answer.text).toContain(`There is no run "${id}".`);
  });

  it('is 404 for a run of another mirror, and says where it is', async () => {
    const run = addRun(scene, 'fedora');
    const answer = await request(scene.http).get(`/status/debian/runs/${run.id}`);
    expect(answer.status).toBe(404);
    expect(answer.text).toContain(`/status/fedora/runs/${run.id}`);
  });
});
