import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addGeneration, HOUR, makeMirror, NOW, openScene, type Scene } from '../scene.js';

const STAMP = '2026-11-20T06:00Z';

function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
}

describe('generations', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({
      mirrors: [makeMirror('debian', { title: 'Debian' }), makeMirror('lab', { read: ['lab'] })],
    });
    const { store, layout } = scene;
    const kept = addGeneration(scene, 'debian', { state: 'recycled', publishedAt: Date.parse(STAMP) });
    addGeneration(scene, 'debian', { state: 'previous', slot: 'b', publishedAt: NOW - 5 * HOUR });
    const live = addGeneration(scene, 'debian', { publishedAt: NOW - HOUR });
    store.kept.add({
      ...{ mirror: 'debian', stamp: STAMP, generation: kept.id, runId: null, files: 3, bytes: 5_000 },
      ...{ markerValue: null, markerTime: null, publishedAt: Date.parse(STAMP), keptAt: NOW },
    });
    store.kept.lose('debian', new Map([[1, 7_000]]));
    write(layout.slot('debian', 'a'), { 'pool/mad_1.0-2_amd64.deb': 'new one', same: 'same' });
    write(layout.kept('debian', STAMP), { 'pool/mad_1.0-1_amd64.deb': 'old', 'gone/"<b>': 'x', same: 'other!' });
    scene.trees.set('debian', { live: { generation: live, root: layout.slot('debian', 'a') }, previous: null });
  });
  afterEach(() => scene.close());

  const get = (path: string, accept = 'text/html') => request(scene.http).get(path).set('Accept', accept);

  it('are listed below the mirror, with what each takes alone', async () => {
    for (const path of ['/debian/@/', '/status/debian/generations']) {
      const { text, status } = await get(path);
      expect(status, path).toBe(200);
      expect(text).toMatch(
        /href="\/debian\/">live<[^]*href="\/debian\/@previous\/">previous<[^]*href="\/debian\/@2026-11-20T06:00Z\/"/,
      );
      expect(text).toMatch(/data-label="Of its own">7\.0 kB</);
      expect(text).toContain('/status/debian/diff?from=previous&amp;to=live');
    }
    expect(await get('/debian/@')).toMatchObject({ status: 301, headers: { location: '/debian/@/' } });
    expect((await get('/debian/@/', '*/*')).status).toBe(200);
    expect((await get('/none/@/')).status).toBe(404);
  });

  it('are told to programs, as those that were removed', async () => {
    scene.store.transaction(() => scene.store.kept.remove('debian', STAMP, { at: NOW, because: 'disk' }));
    const { body } = (await get('/status/debian/generations.json')) as { body: unknown };
    expect(body).toMatchObject({
      mirror: 'debian',
      generations: [{ name: 'live' }, { name: 'previous', path: '/debian/@previous/' }],
      extraBytes: 0,
      removed: [{ stamp: STAMP, because: 'disk' }],
    });
    expect((await get('/debian/@/')).text).toContain('the disk was nearly full');
  });

  it('are on the page of the mirror', async () => {
    expect((await get('/status/debian')).text).toContain('href="/debian/@2026-11-20T06:00Z/"');
  });

  it('are compared by looking at both trees: as packages, and as files of each kind', async () => {
    const { text, status } = await get(`/status/debian/diff?from=${STAMP}&to=live`);
    expect(status).toBe(200);
    expect(text).toMatch(/mad<\/th><td[^>]*>amd64<\/td><td[^>]*>1\.0-1<\/td><td[^>]*>1\.0-2</);
    expect(text).toContain('pool/mad_1.0-2_amd64.deb');
    const { text: removed } = await get(`/status/debian/diff?from=${STAMP}&to=live&kind=removed`);
    expect(removed).toContain('gone/&#34;&lt;b&gt;');
    const { body } = (await get(`/status/debian/diff.json?from=${STAMP}&to=live&kind=changed`)) as { body: unknown };
    expect(body).toMatchObject({
      counts: { added: { files: 1, bytes: 7 }, changed: { files: 1 }, removed: { files: 2 } },
      files: [{ path: 'same', size: 4 }],
      packages: [{ name: 'mad', before: ['1.0-1'], after: ['1.0-2'] }],
    });
  });

  it('are told by the list of changes where one was made from the other', async () => {
    const list = scene.layout.changes('debian', 'a');
    const stamp = '2026/11/23 12:00:00 [1]';
    write(dirname(list), {
      a: `${stamp} >f+++++++++ 12 new\n${stamp} *deleting   0 old\n${stamp} >f.st...... 5 other\n${stamp} cd+++++++++ 4096 folder/\n`,
    });
    const { body } = (await get('/status/debian/diff.json')) as { body: unknown };
    expect(body).toMatchObject({
      ...{ from: 'previous', to: 'live', files: [{ path: 'new', size: 12 }] },
      counts: { added: { files: 1 }, changed: { files: 1 }, removed: { files: 1 } },
    });
  });

  it('tell the first versions of a package that has very many', async () => {
    const stamp = '2026/11/23 12:00:00 [1]';
    const files = Array.from({ length: 30 }, (_, n) => `${stamp} >f+++++++++ 1 mad_${n}_all.deb\n`);
    write(dirname(scene.layout.changes('debian', 'a')), { a: files.join('') });
    const { text } = await get('/status/debian/diff');
    expect(text).toContain('>0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19 and 10 more<');
  });

  it('of other names are not there, and those of a closed mirror are told to nobody else', async () => {
    for (const query of ['from=2026-01-01T00:00Z', 'from=../../etc', 'to=b'])
      expect((await get(`/status/debian/diff?${query}`)).status, query).toBe(404);
    expect((await get('/status/lab/diff')).status).toBe(403);
    expect((await get('/status/none/diff')).status).toBe(404);
  });
});
