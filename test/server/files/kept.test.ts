import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { KeptTree } from '../../../content/published-trees.js';
import { ask, startSite, type Site } from './site.js';

const STAMP = '2026-11-23T06:00Z';

/** A kept tree with these files. */
function keep(site: Site, stamp: string, files: Readonly<Record<string, string>>): void {
  const root = join(site.folder, 'kept', `@${stamp}`);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  const { generation } = site.trees.get('debian')!.live;
  const tree: KeptTree = { stamp, root, generation: { ...generation, id: 1 } };
  site.trees.setKept('debian', [tree, ...(site.trees.get('debian')!.kept ?? [])]);
}

describe('generations below a mirror', () => {
  async function site(): Promise<Site> {
    const made = await startSite();
    made.write('a', 'file', 'live');
    made.write('b', 'file', 'before');
    made.write('b', 'folder/old', 'of old');
    made.publish('a', 'b');
    return made;
  }

  it('are served below their stamp, for ever', async () => {
    const scene = await site();
    keep(scene, STAMP, { file: 'kept', 'folder/deep': 'deep' });
    const answer = await ask(scene, `/debian/@${STAMP}/file`);
    expect(answer).toMatchObject({ status: 200, text: 'kept' });
    expect(answer.headers['cache-control']).toContain('immutable');
    expect((await ask(scene, `/debian/@${STAMP}/folder/deep`)).text).toBe('deep');
    expect((await ask(scene, '/debian/%402026-11-23T06%3A00Z/file')).text).toBe('kept');
  });

  it('have listings, which are reached without the slash', async () => {
    const scene = await site();
    keep(scene, STAMP, { 'folder/deep': 'deep' });
    expect(await ask(scene, `/debian/@${STAMP}`)).toMatchObject({
      status: 301,
      headers: { location: `/debian/@${STAMP}/` },
    });
    const headers = { accept: 'application/json' };
    expect((await ask(scene, `/debian/@${STAMP}/`, { headers })).text).toContain('"folder');
    expect((await ask(scene, `/debian/@${STAMP}/folder/`, { headers })).text).toContain('"deep"');
  });

  it('stay the same when another tree is published, and end when they are taken away', async () => {
    const scene = await site();
    keep(scene, STAMP, { file: 'kept' });
    expect((await ask(scene, `/debian/@${STAMP}/file`)).text).toBe('kept');
    scene.publish('b', 'a');
    expect((await ask(scene, `/debian/@${STAMP}/file`)).text).toBe('kept');
    scene.trees.setKept('debian', []);
    expect((await ask(scene, `/debian/@${STAMP}/file`)).status).toBe(404);
  });

  it('have the one before as @previous, which nobody keeps for long', async () => {
    const scene = await site();
    const answer = await ask(scene, '/debian/@previous/file');
    expect(answer).toMatchObject({ status: 200, text: 'before' });
    expect(answer.headers['cache-control']).toContain('must-revalidate');
    expect((await ask(scene, '/debian/@previous/folder/old')).text).toBe('of old');
    scene.publish('a');
    expect((await ask(scene, '/debian/@previous/file')).status).toBe(404);
  });

  it('give way to what the live tree itself has of that name', async () => {
    const scene = await site();
    keep(scene, STAMP, { file: 'kept' });
    scene.write('a', `@${STAMP}/file`, 'of the tree itself');
    scene.write('a', '@previous', 'a file');
    scene.publish('a', 'b');
    expect((await ask(scene, `/debian/@${STAMP}/file`)).text).toBe('of the tree itself');
    expect((await ask(scene, '/debian/@previous')).text).toBe('a file');
  });

  it('are none where no such one is kept', async () => {
    const scene = await site();
    for (const path of ['@2026-11-22T06:00Z/file', '@/file', '@previousx/file', '@..%2f/file', 'folder/@previous/file'])
      expect((await ask(scene, `/debian/${path}`)).status, path).toBeGreaterThanOrEqual(400);
  });
});
