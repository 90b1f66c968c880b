import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addGeneration, HOUR, makeMirror, NOW, openScene, type Scene } from '../scene.js';

const DAY = 24 * HOUR;
const TB = 1e12;

describe('/status/disk', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({ mirrors: [makeMirror('debian', { title: 'Debian' }), makeMirror('small')] });
  });
  afterEach(() => scene.close());

  /** A disk of 100 TB that loses so much a day and has `left` left. */
  function fill(perDay: number, left: number): void {
    for (let hour = 30 * 24; hour >= 0; hour--)
      scene.store.diskSamples.put({
        at: NOW - hour * HOUR,
        total: 100 * TB,
        free: Math.round(left + (hour / 24) * perDay),
      });
  }

  async function page(path: string): Promise<string> {
    return (await request(scene.http).get(path).set('Accept', 'text/html')).text;
  }

  it('tells how full it is, of what, and when it will be full', async () => {
    fill(0.5 * TB, 25 * TB);
    addGeneration(scene, 'small', { bytes: 2 * TB });
    addGeneration(scene, 'debian', { bytes: 40 * TB });
    const text = await page('/status/disk');
    expect(text).toContain('75.0 TB of 100 TB (75 %) used');
    expect(text).toMatch(/Likely<\/dt><dd><time datetime="2027-01-0/);
    expect(text).toContain('+500 GB a day');
    expect(text).toMatch(/href="\/status\/debian">Debian<\/a><\/th><td[^>]*>40\.0 TB<[^]*small/);
    expect(text).not.toContain(scene.layout.data);
  });

  it('tells what more would change', async () => {
    fill(0.5 * TB, 25 * TB);
    const likely = async (query: string): Promise<number> => {
      const { body } = (await request(scene.http).get(`/status/disk.json${query}`)) as {
        body: { forecast: { likely: number } };
      };
      return body.forecast.likely;
    };
    // the reserve of 5 % is not used
    expect(Math.round(((await likely('')) - NOW) / DAY)).toBe(40);
    expect(Math.round(((await likely('?add=10TB')) - NOW) / DAY)).toBe(20);
    const refused = await request(scene.http).get('/status/disk.json?add=lots');
    expect(refused.status).toBe(400);
  });

  it('says so when it was not looked at yet, and when too little is known', async () => {
    expect(await page('/status/disk')).toContain('has not been looked at yet');
    scene.store.diskSamples.put({ at: NOW, total: 100 * TB, free: 50 * TB });
    expect(await page('/status/disk')).toContain('Told from the fourth day on');
  });

  it('is what /status leads with when less than 14 days are left, or only the reserve', async () => {
    fill(TB, 25 * TB);
    expect(await page('/status')).not.toContain('the disk is full');
    fill(2 * TB, 25 * TB);
    expect(await page('/status')).toMatch(/At the rate of the last weeks the disk is full <time datetime="2026-12-0/);
    fill(0, 4 * TB);
    expect(await page('/status')).toContain('under the reserve of 5.0 TB: nothing new is fetched.');
  });

  it('is told to Prometheus', async () => {
    fill(TB, 25 * TB);
    const { text } = await request(scene.http).get('/metrics');
    for (const quantile of ['0.1', '0.5', '0.9'])
      expect(text).toMatch(new RegExp(`mirror_storage_full_timestamp_seconds{quantile="${quantile}"} 179\\d{7}`));
    expect(text).toMatch(/mirror_storage_bytes{state="(reserve|kept)"} \d/);
  });
});
