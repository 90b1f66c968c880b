import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HeldTree } from '../../../core/held.js';
import { NO_NUMBERS } from '../../../core/run.js';
import { addGeneration, addRun, HOUR, IDLE, makeMirror, NOW, openScene, type Scene } from '../scene.js';

describe('/status/<mirror>/held', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({
      mirrors: [makeMirror('debian', { title: 'Debian' }), makeMirror('lab', { read: ['lab'] })],
    });
  });
  afterEach(() => scene.close());

  function hold(mirror: string): HeldTree {
    const { id } = addGeneration(scene, mirror, { files: 1000 });
    const run = addRun(scene, mirror, { outcome: 'held', message: 'Too much.' });
    const limit = { rule: 'max_delete', measured: '60 %', limit: '50 %', sentence: 'Upstream removed most.' } as const;
    const held: HeldTree = {
      ...{ mirror, runId: run.id, base: id, slot: 'b', heldAt: NOW - HOUR, approvedAt: null },
      report: {
        limits: [limit],
        change: { publishedFiles: 1000, deletedFiles: 600, deletedBytes: 5e9, touchedFiles: 3, shrunk: null },
        folders: Array.from({ length: 60 }, (_, i) => ({
          ...{ folder: `pool/<b>${i}\xff`, deletedFiles: 10, deletedBytes: 1e6, addedFiles: 0, addedBytes: 0 },
          changedFiles: 0,
        })),
        deleted: [{ path: 'pool/secret.deb', size: 12 }],
        shrunk: [{ path: 'dists/Packages', before: 4e6, after: 1e6 }],
        lost: [],
      },
      ...{ numbers: NO_NUMBERS, marker: null },
    };
    scene.store.held.put(held);
    return held;
  }

  async function page(path: string): Promise<string> {
    return (await request(scene.http).get(path).set('Accept', 'text/html')).text;
  }

  it('tells rule, measured value, limit, what would go by folder, and how to decide', async () => {
    const { runId } = hold('debian');
    const text = await page('/status/debian/held');
    expect(text).toMatch(/guard\.max_delete<\/code><\/th><td class="num">60 %<\/td><td class="num">50 %/);
    expect(text).toContain(`millpond approve debian --run ${runId}`);
    expect(text).toContain(`millpond reject debian --run ${runId}`);
    expect(text).toContain('pool/&lt;b&gt;0\\xff/');
    expect(text).toContain('The other folders (10)');
    expect(text).toContain('600 files, 5.0 GB');
  });

  it('is named by the verdict, with the run', async () => {
    const { runId } = hold('debian');
    const { body } = (await request(scene.http).get('/status/debian.json')) as { body: unknown };
    expect(body).toMatchObject({
      verdict: {
        word: 'held',
        sentence: expect.stringMatching(/^Upstream removed most; waiting for a person/) as string,
      },
      held: { runId, path: '/status/debian/held' },
    });
    const { next } = (body as { verdict: { next: { text: string } } }).verdict;
    expect(next.text).toContain(`"millpond approve debian --run ${runId}" publishes it`);
    expect(await page('/status/debian')).toContain('href="/status/debian/held"');
  });

  it('says that it is about to be published only while something is about to do so', async () => {
    const { runId } = hold('debian');
    scene.store.held.approve('debian', NOW);
    const cancelled = addRun(scene, 'debian', { trigger: 'approval', force: true, outcome: 'cancelled' });
    expect(await page('/status/debian/held')).toContain(`Brought by <a href="/status/debian/runs/${runId}">`);
    const queued = { ...cancelled, phase: 'queued', outcome: null } as const;
    scene.engine.activities.set('debian', { ...IDLE, queued, place: 1 });
    expect(await page('/status/debian/held')).toContain('A person has let it through; it is about to be published.');
  });

  it('has a twin for programs', async () => {
    hold('debian');
    for (const path of ['/status/debian/held.json', '/status/debian/held']) {
      const answer = await request(scene.http).get(path).set('Accept', 'application/json');
      expect(answer.body).toMatchObject({
        mirror: 'debian',
        held: { deletedFiles: 600, limits: [{ rule: 'max_delete' }] },
      });
    }
  });

  it('says so when nothing waits, and when what waited is based on another tree by now', async () => {
    const first = addGeneration(scene, 'debian', {});
    expect(await page('/status/debian/held')).toContain('Nothing of this mirror waits');
    scene.store.generations.setState(first.id, 'recycled');
    const { base } = hold('debian');
    scene.store.generations.setState(base, 'previous');
    addGeneration(scene, 'debian', {});
    expect(await page('/status/debian/held')).toContain('Nothing of this mirror waits');
  });

  it('names no file to clients that may not read the mirror', async () => {
    hold('lab');
    const text = await page('/status/lab/held');
    expect(text).toContain('What is held names files, which can be read from the zone lab only.');
    expect(text).not.toMatch(/pool|Packages/);
    const { text: json } = await request(scene.http).get('/status/lab/held.json');
    expect(json).not.toMatch(/pool|Packages/);
  });
});
