import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Transfer } from '../../../core/traffic.js';
import { StatisticsKeeper } from '../../../server/statistics/keeper.js';
import { HOUR, makeMirror, NOW, openScene, type Scene } from '../scene.js';

const TRANSFER: Transfer = {
  ...{ mirror: 'debian', zone: 'public', family: 'v4', protocol: 'http', status: 200, bytes: 1_000_000 },
  ...{ path: ['pool', '<b>.deb'], agent: 'curl/8.1', at: NOW },
};

describe('/stats', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({ mirrors: [makeMirror('debian', { title: 'Debian' }), makeMirror('fedora')] });
  });
  afterEach(() => scene.close());

  function record(...transfers: Partial<Transfer>[]): void {
    const { statistics, store } = scene;
    for (const more of transfers) statistics.recordTransfer({ ...TRANSFER, ...more });
    const log = { error: () => undefined, info: () => undefined };
    new StatisticsKeeper({ statistics, store, clock: () => NOW, log }).write();
  }

  async function page(query = ''): Promise<string> {
    const { text } = await request(scene.http).get(`/stats${query}`).set('Accept', 'text/html').expect(200);
    return text;
  }

  it('says that nothing was counted yet', async () => {
    const text = await page();
    expect(text).toContain('Nothing was asked for in the last 24 hours.');
    expect(text).not.toContain('<svg role="img"');
    expect(text).not.toContain('last column');
  });

  it('tells in words, charts and tables what was sent to whom', async () => {
    record(
      {},
      { zone: 'campus', bytes: 3_000_000, at: NOW - 2 * HOUR },
      { mirror: 'fedora', status: 404, bytes: 0, path: null },
    );
    const text = await page();
    expect(text).toContain('4.0 MB for 3 requests in the last 24 hours; 75 % went to campus.');
    expect(text).toContain('<title>12:00: 3.0 MB</title>');
    expect(text).toContain('<title>14:00: 2 (sent 1, refused or not there 1)</title>');
    expect(text).toContain('<th scope="row">12:00</th><td class="num">3.0 MB</td><td class="num">0 B</td>');
    expect(text).toContain('<a href="/stats?period=day&amp;mirror=debian">Debian</a>');
    expect(text).toContain('<a href="/debian/pool/%3Cb%3E.deb">debian/pool/&lt;b&gt;.deb</a>');
    expect(text).toMatch(/<th scope="row">curl\/8\.1<\/th><td class="num">3</);
    expect(text).toContain('Counted since <time');
  });

  it('shows one mirror and other periods, and remembers the choice', async () => {
    record({ at: NOW - 40 * 24 * HOUR }, { mirror: 'fedora', at: NOW - 3 * 24 * HOUR });
    expect(await page('?period=week&mirror=fedora')).toContain('1.0 MB of fedora for 1 request in the last 7 days.');
    const text = await page('?period=year&mirror=debian');
    expect(text).toContain('1.0 MB of Debian for 1 request in the last 12 months.');
    expect(text).toMatch(/<option value="year" selected>/);
    expect(text).toMatch(/<option value="debian" selected>/);
    expect(await page('?period=month&mirror=debian')).toContain('Nothing of Debian was asked for');
  });

  it('has the same for programs', async () => {
    record({}, { zone: 'campus', status: 206, bytes: 5, at: NOW - HOUR }, { mirror: '/v2/', path: null });
    const answer = await request(scene.http).get('/stats.json?mirror=debian').expect(200);
    const body = answer.body as { points: unknown[] };
    expect(body).toMatchObject({
      ...{ period: 'day', span: 'hour', part: 'debian', since: NOW - HOUR },
      total: { requests: 2, bytes: 1_000_005 },
      by: {
        zone: [
          { value: 'public', requests: 1, bytes: 1_000_000 },
          { value: 'campus', requests: 1, bytes: 5 },
        ],
      },
    });
    expect(body.points).toHaveLength(24);
    const csv = await request(scene.http).get('/stats.csv?mirror=images').expect(200);
    expect(csv.headers['content-type']).toBe('text/csv; charset=utf-8');
    expect(csv.text).toBe('begin,zone,requests,bytes\r\n2026-11-23T14:00:00.000Z,public,1,1000000\r\n');
  });

  it('refuses what it does not know with a sentence', async () => {
    const period = await request(scene.http)
      .get('/stats.json?period=hour')
      .set('Accept', 'application/json')
      .expect(400);
    expect(period.body).toMatchObject({
      detail: 'period="hour" is not a period.',
      hint: 'Ask for one of day, week, month, year.',
    });
    const mirror = await request(scene.http).get('/stats?mirror=gone').set('Accept', 'application/json').expect(404);
    expect(mirror.body).toMatchObject({ detail: 'There is no mirror "gone".' });
  });

  it('names no file of a mirror that some zones alone may read, nor of one that is there no more', async () => {
    record({ mirror: 'fedora', path: ['secret.iso'] }, { mirror: 'gone', path: ['old.iso'] }, {});
    const fedora = makeMirror('fedora', { read: ['campus'] });
    scene.settings = { ...scene.settings, mirrors: new Map([...scene.settings.mirrors, ['fedora', fedora]]) };
    const [text, json] = [await page(), await request(scene.http).get('/stats.json')];
    expect(text).toContain('debian/pool/');
    for (const shown of [text, json.text]) expect(shown).not.toMatch(/secret\.iso|old\.iso/);
  });

  it('stands on the page of a mirror too', async () => {
    record({}, { at: NOW - 26 * HOUR });
    const { text } = await request(scene.http).get('/status/debian').set('Accept', 'text/html').expect(200);
    expect(text).toMatch(/Sent in 24 hours<\/dt><dd>1\.0 MB for 1 request</);
    expect(text).toMatch(/Sent in 30 days<\/dt><dd>2\.0 MB for 2 requests/);
    expect(text).toContain('href="/stats?period=month&amp;mirror=debian"');
  });
});
