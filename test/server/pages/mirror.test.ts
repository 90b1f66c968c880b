import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunProgress } from '../../../core/run.js';
import { addGeneration, addRun, HOUR, IDLE, makeMirror, MINUTE, NOW, openScene, type Scene } from '../scene.js';

const PROGRESS: RunProgress = {
  stage: 'content',
  stageIndex: 1,
  stageCount: 2,
  pass: 1,
  files: 812,
  bytes: 1.43e9,
  rate: 11.2e6,
  percent: 62.4,
  toCheck: 30_000,
  known: 90_000,
  eta: 77,
};

describe('/status/<mirror>', () => {
  let scene: Scene;
  beforeEach(async () => {
    const marker = { path: 'project/trace/master', parser: 'date-line' as const };
    scene = await openScene({
      mirrors: [makeMirror('debian', { title: 'Debian', marker }), makeMirror('cpan', { publish: 'in-place' })],
    });
  });
  afterEach(() => scene.close());

  async function page(path = '/status/debian'): Promise<string> {
    return (await request(scene.http).get(path).set('Accept', 'text/html')).text;
  }

  it('says the state in a sentence whose times are both relative and absolute', async () => {
    addGeneration(scene, 'debian', { markerValue: 'M', confirmedAt: NOW - HOUR });
    addRun(scene, 'debian', { markerValue: 'M' });
    expect(await page()).toMatch(
      /Same as upstream as of <time datetime="2026-11-23T13:00:00\.000Z">13:00 UTC <span class="ago">\(<span data-ago>1 h ago<\/span>\)<\/span><\/time>\./,
    );
  });

  it('shows progress whole without script', async () => {
    const running = { ...addRun(scene, 'debian'), phase: 'pull' as const, outcome: null, endedAt: null };
    scene.engine.activities.set('debian', { ...IDLE, running, progress: PROGRESS, lastByteAt: NOW });
    const text = await page();
    expect(text).toContain('data-progress="debian"');
    expect(text).toContain('<progress max="100" value="62"');
    for (const shown of ['content (1 of 2)', '1.4 GB', '11.2 MB/s', '1 min 17 s', '60,000 of 90,000', '>812<'])
      expect(text).toContain(shown);
    expect(text).toContain('data-events="/api/v1/events?mirror=debian"');
  });

  it('shows what is served and where it comes from', async () => {
    addGeneration(scene, 'debian', { files: 812_345, bytes: 1.92e12, markerTime: NOW - HOUR });
    scene.store.mirrors.setNextDue('debian', NOW + 30 * MINUTE);
    const text = await page();
    for (const shown of ['812,345', '1.9 TB', 'https://mirror.example.edu/debian/', 'every 4 h', 'in 30 min'])
      expect(text).toContain(shown);
    expect(text).toContain('project/trace/master');
    expect(text).toContain('a new tree replaces the old one at once');
  });

  it('warns of a tree that is changed in place', async () => {
    expect(await page('/status/cpan')).toContain('a client may see a tree that is half old and half new');
  });

  it('draws the last 30 runs, with the same in words', async () => {
    for (let count = 40; count > 0; count--)
      addRun(scene, 'debian', {
        queuedAt: NOW - count * HOUR,
        ...(count === 3 ? { outcome: 'failed', failure: 'dns' } : {}),
      });
    const text = await page();
    expect(text.match(/<rect /g)).toHaveLength(30);
    expect(text.match(/<path d="M/g)).toHaveLength(1);
    expect(text).toContain('The last 30 runs: 29 updated, 1 failed; the newest updated.');
    expect(text).toContain('href="/status/debian/runs/40"');
    expect(text).not.toContain('href="/status/debian/runs/10"');
  });

  it('gives the reason of a pause, escaped', async () => {
    scene.store.mirrors.pause('debian', NOW - HOUR, '<img src=x onerror=alert(1)>');
    const text = await page();
    expect(text).toContain('with the reason: “&lt;img src=x onerror=alert(1)&gt;”');
    expect(text).not.toContain('<img src=x');
  });

  it('is 404 for a mirror that is not configured', async () => {
    const answer = await request(scene.http).get('/status/absent').set('Accept', 'text/html');
    expect(answer.status).toBe(404);
    expect(answer.text).toContain('There is no mirror &#34;absent&#34;.');
  });
});
