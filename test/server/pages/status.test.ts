import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addGeneration, addRun, HOUR, makeMirror, NOW, openScene, type Scene } from '../scene.js';

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

  it('is made of tables with captions and scopes', async () => {
    const text = await page();
    expect(text.match(/<table/g)?.length).toBe(text.match(/<caption/g)?.length);
    expect(text.match(/<th(?:\s[^>]*)?>/g)?.every((head) => head.includes('scope='))).toBe(true);
  });
});
