import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addGeneration, addRun, HOUR, makeMirror, NOW, openScene, type Scene } from '../scene.js';
import { testMarker } from '../../fixtures/engine.js';

describe('/status', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({ mirrors: ['fresh', 'paused', 'broken'].map((name) => makeMirror(name)) });
    for (const name of ['fresh', 'paused', 'broken']) {
      addGeneration(scene, name);
      addRun(scene, name);
    }
    scene.store.mirrors.setNextDue('fresh', NOW + HOUR);
    scene.store.mirrors.pause('paused', NOW - HOUR, 'new <b>disks</b>');
  });
  afterEach(() => scene.close());

  async function page(path = '/status'): Promise<string> {
    return (await request(scene.http).get(path).set('Accept', 'text/html')).text;
  }

  it('lists what needs attention, worst first, with a sentence each', async () => {
    addRun(scene, 'broken', { outcome: 'failed', failure: 'disk-full', endedAt: NOW - HOUR });
    const text = await page();
    const attention = text.slice(text.indexOf('Needs attention'), text.indexOf('class="filters"'));
    expect(attention.indexOf('/status/broken')).toBeGreaterThan(0);
    expect(attention.indexOf('/status/broken')).toBeLessThan(attention.indexOf('/status/paused'));
    expect(attention).not.toContain('/status/fresh');
    expect(attention).toContain('our disk is full');
    expect(attention).toContain('new &lt;b&gt;disks&lt;/b&gt;');
  });

  it('says so when nothing needs attention', async () => {
    scene.store.mirrors.resume('paused');
    expect(await page()).toContain('Nothing needs attention.');
  });

  it('shows of each mirror its last try, what is next, size and upstream', async () => {
    const text = await page('/status?q=fresh');
    expect(text).toContain('<a href="/status/fresh/runs/1">');
    expect(text).toContain('<span data-ago>in 1 h</span>');
    expect(text).toContain('3.4 GB');
    expect(text).toContain('rsync://upstream.example.org/fresh/');
  });

  it('filters by state and by name', async () => {
    const shownIn = async (query: string): Promise<string[]> => {
      const data = await request(scene.http).get(`/status${query}`).set('Accept', 'application/json');
      return (data.body as { mirrors: { name: string }[] }).mirrors.map(({ name }) => name);
    };
    expect(await shownIn('?state=paused')).toEqual(['paused']);
    expect(await shownIn('?state=attention')).toEqual(['paused']);
    expect(await shownIn('?state=current&q=bro')).toEqual(['broken']);
    expect(await shownIn('?state=nonsense')).toEqual([]);
    const text = await page('/status?state=paused');
    expect(text).toContain('<option value="paused" selected>paused (1)</option>');
    expect(text).toContain('1 of 3');
    expect(await page('/status?q=absent')).toContain('No mirror matches.');
  });

  it('says when it was refreshed, and in words how far each one is behind', async () => {
    const marker = testMarker('TIME', { parser: 'epoch' });
    const named = ['old', 'same', 'none', 'unmarked'].map((name) =>
      makeMirror(name, name === 'unmarked' ? {} : { marker }),
    );
    scene.settings = { ...scene.settings, mirrors: new Map(named.map((mirror) => [mirror.name, mirror])) };
    for (const name of ['old', 'same', 'unmarked'])
      addGeneration(scene, name, name === 'unmarked' ? {} : { markerValue: 'M1', markerTime: NOW - 3 * HOUR });
    addRun(scene, 'old', { outcome: 'failed', failure: 'partial', markerValue: 'M2', markerTime: NOW - HOUR });
    addRun(scene, 'same', { outcome: 'unchanged', markerValue: 'M1', markerTime: NOW - 3 * HOUR });
    const text = await page();
    expect(text).toMatch(/Last refreshed <time datetime="2026-11-23T14:00:00\.000Z">14:00 UTC/);
    const behind = [...text.matchAll(/data-label="Behind by">([^<]*)</g)].map((match) => match[1]);
    expect(behind).toEqual(['2 h', 'not behind', 'nothing published', 'no marker to compare']);
  });

  it('does not call a tree behind that is newer than what was last read of the true upstream', async () => {
    const marker = testMarker('TIME', { parser: 'epoch' });
    const mirror = makeMirror('pond', { marker, origin: { url: 'https://origin.example.org/pond/' } });
    scene.settings = { ...scene.settings, mirrors: new Map([[mirror.name, mirror]]) };
    addGeneration(scene, 'pond', { markerValue: 'M2', markerTime: NOW - HOUR });
    scene.store.markers.read('pond', 'origin', { value: 'M1', time: NOW - 3 * HOUR }, NOW - 2 * HOUR);
    scene.store.markers.read('pond', 'direct', { value: 'M2', time: NOW - HOUR }, NOW);
    const text = await page();
    expect([...text.matchAll(/data-label="Behind by">([^<]*)</g)].map((match) => match[1])).toEqual(['not behind']);
  });

  it('shows how much each one grew in a week, or since the oldest tree that is known', async () => {
    const day = 24 * HOUR;
    for (const name of ['fresh', 'paused'])
      addGeneration(scene, name, {
        state: 'recycled',
        bytes: 1e9,
        publishedAt: NOW - (name === 'fresh' ? 9 : 2) * day,
      });
    scene.store.generations.remove(1);
    scene.store.generations.remove(2);
    addGeneration(scene, 'fresh', { bytes: 3.5e9 });
    addGeneration(scene, 'paused', { bytes: 0.5e9 });
    const text = await page();
    const growth = [...text.matchAll(/<span class="growth">([^<]*)</g)].map((match) => match[1]);
    expect(growth).toEqual(['+2.5 GB in 7 d', '−500 MB in 2 d']);
  });

  it('sorts by links and by the form, and marks the column', async () => {
    const order = async (sort: string): Promise<string[]> => {
      const data = await request(scene.http).get(`/status.json?sort=${sort}`);
      return (data.body as { mirrors: { name: string }[] }).mirrors.map(({ name }) => name);
    };
    expect(await order('')).toEqual(['fresh', 'paused', 'broken']);
    expect(await order('nonsense')).toEqual(['fresh', 'paused', 'broken']);
    expect(await order('name')).toEqual(['broken', 'fresh', 'paused']);
    expect(await order('-name')).toEqual(['paused', 'fresh', 'broken']);
    expect(await order('state')).toEqual(['paused', 'fresh', 'broken']);
    expect(await order('-next')).toEqual(['fresh', 'paused', 'broken']);
    const text = await page('/status?sort=name&state=current');
    expect(text).toContain('aria-sort="ascending"><a href="/status?state=current&amp;sort=-name">Mirror');
    expect(text).toContain('aria-sort="none"><a href="/status?state=current&amp;sort=size">Size');
    expect(text).toContain('<option value="name" selected>name</option>');
    expect(text).toContain('href="/status.txt?state=current&amp;sort=name"');
  });

  it('is text for curl, with the sentences of what needs attention', async () => {
    const { text } = await request(scene.http).get('/status.txt?sort=name');
    expect(text.split('\n')).toEqual([
      'Example University Mirror: 2 of 3 current · 1 paused',
      'Last refreshed 2026-11-23 14:00 UTC',
      '',
      'MIRROR    STATE    BEHIND BY             IN STEP               NEXT                  SIZE',
      '● broken  current  no marker to compare  2026-11-23 13:50 UTC  -                     3.4 GB',
      '● fresh   current  no marker to compare  2026-11-23 13:50 UTC  2026-11-23 15:00 UTC  3.4 GB',
      '‖ paused  paused   no marker to compare  2026-11-23 13:50 UTC  -                     3.4 GB',
      '',
      '‖ paused: Paused by operations since 2026-11-23 13:00 UTC: new <b>disks</b>. ' +
        'Serving the tree of 2026-11-23 12:00 UTC. No fetch is started until an operator resumes the mirror.',
      '',
    ]);
  });

  it('is made of tables with captions and scopes', async () => {
    const text = await page();
    expect(text.match(/<table/g)?.length).toBe(text.match(/<caption/g)?.length);
    expect(text.match(/<th(?:\s[^>]*)?>/g)?.every((head) => head.includes('scope='))).toBe(true);
  });
});
