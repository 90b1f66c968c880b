import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { repositoryView } from '../../server/images-view.js';
import { openScene, NOW, type Scene } from './scene.js';

describe('repositoryView', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({ mirrors: [] });
  });
  afterEach(() => scene.close());

  it('sums up what a repository holds in parts, and once a minute', async () => {
    for (const name of ['lab/a', 'lab/b']) scene.store.repositories.ensure(name, 'hosted', NOW);
    const db = new Database(scene.layout.stateDb);
    db.exec(`
      WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
      INSERT INTO blobs (digest, size, stored_at, checked_at) SELECT 'sha256:' || printf('%064x', i), 10, 1, 1 FROM n;
      INSERT INTO repository_content (repository, digest, touched_at, pulled_at)
      SELECT 'lab/a', digest, 1, CASE WHEN digest LIKE '%0007' THEN 7 END FROM blobs;
      INSERT INTO repository_content (repository, digest, touched_at) SELECT 'lab/b', digest, 1 FROM blobs LIMIT 100;`);
    db.close();
    const contents = vi.spyOn(scene.store.imagePages, 'contents');
    const deps = { ...scene, settings: () => scene.settings, clock: () => NOW };
    for (let round = 0; round < 2; round++)
      expect(await repositoryView(deps, 'lab/a')).toMatchObject({
        size: { logical: 25_000, own: 24_000 },
        pulledAt: 7,
      });
    expect(contents).toHaveBeenCalledTimes(3);
  });
});
