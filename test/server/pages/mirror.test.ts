import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { NO_NUMBERS, type RunProgress } from '../../../core/run.js';
import {
  addGeneration,
  addRun,
  HOUR,
  IDLE,
  makeMirror,
  MINUTE,
  NOW,
  openScene,
  type Scene,
  writeLog,
} from '../scene.js';
import { testMarker } from '../../fixtures/engine.js';

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
    const marker = testMarker('project/trace/master', { parser: 'date-line' });
    scene = await openScene({
      mirrors: [makeMirror('debian', { title: 'Debian', marker }), makeMirror('cpan', { publish: 'in-place' })],
    });
  });
  afterEach(() => scene.close());

  async function page(path = '/status/debian'): Promise<string> {
    return (await request(scene.http).get(path).set('Accept', 'text/html')).text;
  }

  it('tells the address over rsync by the address of the site, whatever a client calls it', async () => {
    const rsync = () => ({ port: 873, trouble: null, connections: 0, restarts: 0 });
    const mirrors = [makeMirror('debian')];
    const named = await openScene({ mirrors, rsync, site: { url: 'https://mirror.example.edu' } });
    onTestFinished(() => named.close());
    addGeneration(named, 'debian', {});
    const asked = request(named.http).get('/status/debian').set('Accept', 'text/html');
    const { text } = await asked.set('X-Forwarded-Host', 'other.example.org');
    expect(text).toContain('rsync://mirror.example.edu/debian/');
    expect(text).not.toContain('other.example.org');
    named.settings = { ...named.settings, site: { ...named.settings.site, url: null } };
    const unnamed = await request(named.http).get('/status/debian').set('Accept', 'text/html');
    expect(unnamed.text).toContain('rsync://127.0.0.1/debian/');
    expect(unnamed.headers['cache-control']).toBe('no-store');
  });

  it('says the state in a sentence whose times are both relative and absolute', async () => {
    addGeneration(scene, 'debian', { markerValue: 'M', confirmedAt: NOW - HOUR });
    addRun(scene, 'debian', { markerValue: 'M' });
    expect(await page()).toMatch(
      /Same as upstream as of <time datetime="2026-11-23T13:00:00\.000Z">13:00 UTC <span class="ago">\(<span data-ago>1 h ago<\/span>\)<\/span><\/time>\./,
    );
  });

  it('tells the markers of both upstreams, since when one cannot be read, and how often upstream is asked', async () => {
    const pace = { maxPerDay: 4, minutes: { from: 5, to: 55 }, jitter: null };
    const marker = testMarker('TIME', { parser: 'epoch' });
    const origin = { url: 'https://origin.example.org/apache/' };
    const paced = await openScene({ mirrors: [makeMirror('apache', { marker, pace, origin })] });
    onTestFinished(() => paced.close());
    paced.store.lightTransaction(() => {
      paced.store.markers.read('apache', 'origin', { value: 'b', time: NOW - HOUR }, NOW - MINUTE);
      paced.store.markers.failed('apache', 'direct', 'Gone.', NOW - 2 * HOUR);
    });
    const run = addRun(paced, 'apache');
    paced.store.runs.startStage({ runId: run.id, pass: 1, name: 'all', startedAt: NOW - HOUR });
    const { text } = await request(paced.http).get('/status/apache').set('Accept', 'text/html');
    expect(text).toMatch(/Marker of the true upstream<\/dt><dd><time class="stacked" datetime="2026-11-23T13:00:00/);
    expect(text).toMatch(/– cannot be read since<\/span> <time datetime="2026-11-23T12:00:00/);
    expect(text).toContain('at most 4 fetches in 24 hours, 1 used; starts in minutes 5 to 55 of an hour (UTC)');
  });

  it('says that upstream has no marker where it has none, and not that upstream cannot be reached', async () => {
    const marker = testMarker('TIME', { parser: 'epoch' });
    const unmarked = await openScene({ mirrors: [makeMirror('apache', { marker })] });
    onTestFinished(() => unmarked.close());
    addGeneration(unmarked, 'apache', {});
    addRun(unmarked, 'apache');
    unmarked.store.markers.absent('apache', 'direct', 'Upstream has no marker TIME.', NOW - HOUR);
    const { text } = await request(unmarked.http).get('/status/apache').set('Accept', 'text/html');
    expect(text).toContain('Marker last read upstream</dt><dd><span class="quiet">upstream has none</span></dd>');
    expect(text).toContain('In step with upstream as of ');
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

  it('folds older runs away, and says what the last one that brought something changed', async () => {
    const numbers = { ...NO_NUMBERS, addedFiles: 611, addedBytes: 2.1e9, deletedFiles: 12, receivedBytes: 1.9e9 };
    const brought = addRun(scene, 'debian', { queuedAt: NOW - 20 * HOUR, numbers });
    for (let count = 12; count > 0; count--)
      addRun(scene, 'debian', { queuedAt: NOW - count * HOUR, outcome: 'unchanged' });
    const text = await page();
    expect(text).toContain('<summary>Older runs (8)</summary>');
    const changes = text.slice(text.indexOf('<section id="changes"'), text.indexOf('<section id="size"'));
    expect(changes).toContain(`<a href="/status/debian/runs/${brought.id}">run ${brought.id}</a>`);
    expect(changes).toContain('1.9 GB came over the wire');
    expect(changes).toContain('<th scope="row">Added</th><td class="num">611</td><td class="num">2.1 GB</td>');
    expect(changes).toContain('<th scope="row">Deleted</th><td class="num">12</td>');
  });

  it('knows the run that brought the tree when that is no longer among the recent ones', async () => {
    const { id } = addRun(scene, 'debian', { queuedAt: NOW - 50 * HOUR });
    addGeneration(scene, 'debian', { runId: id });
    for (let count = 40; count > 0; count--)
      addRun(scene, 'debian', { queuedAt: NOW - count * HOUR, outcome: 'unchanged' });
    expect(await page()).toContain(`Brought by <a href="/status/debian/runs/${id}">run ${id}</a>`);
    expect(await page('/status/cpan')).toContain('No run that brought something is known.');
  });

  it('draws how the size grew, with the same in words', async () => {
    expect(await page()).toContain('Nothing has been published yet.');
    for (const [ago, bytes] of [
      [30, 1e9],
      [20, 3e9],
      [10, 2e9],
    ] as const)
      addGeneration(scene, 'debian', { bytes, publishedAt: NOW - ago * HOUR, state: ago === 10 ? 'live' : 'recycled' });
    addGeneration(scene, 'debian', { bytes: 9e9, publishedAt: NOW, state: 'publishing' });
    const text = await page();
    expect(text).toContain('<path d="M0 90H186.7V6H373.3V48H560"');
    expect(text).toContain('From 1.0 GB to 2.0 GB: +1.0 GB (+100 %) over 3 published trees.');
    expect(text).toContain('Lately: +1.0 GB in 1 d 6 h.');
  });

  it('shows the end of the newest log, scrubbed', async () => {
    const run = addRun(scene, 'debian');
    const lines = Array.from({ length: 40 }, (_, index) => `line ${index}`);
    await writeLog(scene, run, `${lines.join('\n')}\nrsync://me:pw@host/x <b>\n`);
    const text = await page();
    const log = text.slice(text.indexOf('<section id="log"'));
    expect(log).toContain('The last 20 lines.');
    expect(log).toContain('line 39');
    expect(log).not.toContain('line 15\n');
    expect(log).toContain('&lt;b&gt;');
    expect(text).not.toContain('me:pw');
  });

  it('is text for curl', async () => {
    addGeneration(scene, 'debian', { markerValue: 'M', confirmedAt: NOW - HOUR });
    addRun(scene, 'debian', { queuedAt: NOW - HOUR, markerValue: 'M', message: 'All well.' });
    const { text } = await request(scene.http).get('/status/debian.txt');
    expect(text).toBe(`● debian: current
Same as upstream as of 2026-11-23 13:00 UTC.
The next fetch starts when an operator asks for it.

Published  2026-11-23 12:00 UTC, generation 1
Size       1,200 files, 3.4 GB
In step    2026-11-23 13:00 UTC
Behind by  not behind
Upstream   rsync://upstream.example.org/debian/
Fetched    every 4 h
Next       -

● run 1  updated  2026-11-23 13:00 UTC  All well.
`);
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
