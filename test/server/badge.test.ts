import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VERDICT_SIGNS, type VerdictWord } from '../../core/verdict-words.js';
import { badgeSvg, shieldsBadge } from '../../server/badge.js';
import { addGeneration, makeMirror, NOW, openScene, type Scene } from './scene.js';

describe('badges', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({ mirrors: [makeMirror('debian')] });
    addGeneration(scene, 'debian');
  });
  afterEach(() => scene.close());

  it('is a drawing that may be shown on any page, with its words for those who do not see it', async () => {
    const answer = await request(scene.http).get('/status/debian/badge.svg');
    expect(answer.headers).toMatchObject({
      'content-type': 'image/svg+xml',
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
      'cache-control': 'max-age=15, stale-while-revalidate=60',
    });
    const svg = (answer.body as Buffer).toString();
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="\d+" height="20" role="img"/);
    expect(svg).toContain('<title>debian: current</title>');
    expect(svg).not.toMatch(/<script|href=|https?:(?!\/\/www\.w3\.org)/);
    const etag = answer.get('etag') ?? '';
    expect((await request(scene.http).get('/status/debian/badge.svg').set('If-None-Match', etag)).status).toBe(304);
    scene.store.mirrors.pause('debian', NOW, 'disks');
    const paused = await request(scene.http).get('/status/debian/badge.svg').set('If-None-Match', etag);
    expect((paused.body as Buffer).toString()).toContain('<title>debian: paused</title>');
  });

  it('is four fields for shields.io', async () => {
    const { body } = (await request(scene.http).get('/status/debian/badge.json')) as { body: unknown };
    expect(body).toEqual({ schemaVersion: 1, label: 'debian', message: 'current', color: 'brightgreen' });
  });

  it('is not found for a mirror that is not configured', async () => {
    expect((await request(scene.http).get('/status/absent/badge.svg')).status).toBe(404);
  });

  it.each(Object.keys(VERDICT_SIGNS) as VerdictWord[])('has a colour and a shape for %s', (word) => {
    const sign = VERDICT_SIGNS[word];
    const svg = badgeSvg('a<b', sign);
    expect(svg).toContain(`>${sign.shape} ${sign.label}</text>`);
    expect(svg).toContain('a&lt;b');
    expect(shieldsBadge('m', sign)).toMatchObject({
      message: sign.label,
      color: expect.stringMatching(/^[a-z]+$/) as string,
    });
  });
});
