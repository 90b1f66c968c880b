import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PACKAGE_ROOT } from '../../platform/package-root.js';
import { addGeneration, addRun, HOUR, makeMirror, NOW, openScene, publish, type Scene } from './scene.js';

describe('/metrics', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openScene({ mirrors: [makeMirror('debian'), makeMirror('coming')] });
  });
  afterEach(() => scene.close());

  async function lines(): Promise<string[]> {
    const { text, headers } = await request(scene.http).get('/metrics');
    expect(headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    return text.split('\n').filter((line) => !line.startsWith('#'));
  }

  it('shows size, markers, lag and state of each mirror', async () => {
    addGeneration(scene, 'debian', { files: 12, bytes: 3400, markerValue: 'M1', markerTime: NOW - 2 * HOUR });
    addRun(scene, 'debian', { outcome: 'interrupted', markerValue: 'M2', markerTime: NOW - HOUR });
    const shown = await lines();
    expect(shown).toEqual(
      expect.arrayContaining([
        'mirror_repo_bytes{repo="debian"} 3400',
        'mirror_repo_files{repo="debian"} 12',
        `mirror_repo_upstream_marker_timestamp_seconds{repo="debian"} ${(NOW - HOUR) / 1000}`,
        `mirror_repo_published_marker_timestamp_seconds{repo="debian"} ${(NOW - 2 * HOUR) / 1000}`,
        'mirror_repo_lag_seconds{repo="debian"} 3600',
        'mirror_repo_state{repo="debian",state="behind"} 1',
        'mirror_repo_state{repo="coming",state="new"} 1',
      ]),
    );
    expect(shown.join('\n')).not.toContain('mirror_repo_bytes{repo="coming"}');
  });

  it('shows nothing that the documentation does not name', async () => {
    const { text } = await request(scene.http).get('/metrics');
    const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
    const docs = join(PACKAGE_ROOT, 'docs');
    const manual = readdirSync(docs, 'utf8')
      .filter((name) => name.endsWith('.md'))
      .map((name) => readFileSync(join(docs, name), 'utf8'));
    const own = names.filter((name) => !/^millpond_(?:process|nodejs)_/.test(name));
    expect(own.length).toBeGreaterThan(20);
    expect(own.filter((name) => !manual.join('\n').includes(`\`${name}\``))).toEqual([]);
  });

  it('shows only the state that holds now', async () => {
    await lines();
    scene.store.mirrors.pause('coming', NOW, 'later');
    expect((await lines()).filter((line) => line.startsWith('mirror_repo_state{repo="coming"'))).toEqual([
      'mirror_repo_state{repo="coming",state="paused"} 1',
    ]);
  });

  it('counts ended runs by outcome and reason, and how long they lasted', async () => {
    const run = addRun(scene, 'debian', { outcome: 'failed', failure: 'connect' });
    scene.engine.tell({ type: 'run.ended', mirror: 'debian', run });
    scene.engine.tell({ type: 'run.started', mirror: 'debian', run });
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'mirror_repo_runs_total{repo="debian",result="failed",reason="connect"} 1',
        'mirror_repo_run_duration_seconds_sum{repo="debian"} 60',
      ]),
    );
  });

  it('counts what was sent of each mirror by class of status', async () => {
    await publish(scene, 'debian', { 'pool/hello.deb': 'hello' });
    await request(scene.http).get('/debian/pool/hello.deb');
    await request(scene.http).get('/debian/pool/hello.deb').set('Range', 'bytes=0-2');
    await request(scene.http).head('/debian/pool/hello.deb');
    await request(scene.http).get('/debian/pool');
    const served = (await lines()).filter((line) => line.startsWith('mirror_served_bytes_total'));
    expect(served).toContain('mirror_served_bytes_total{repo="debian",class="2xx"} 8');
    expect(served).toHaveLength(2); // the other is the redirect
    expect(served.join()).toMatch(/repo="debian",class="3xx"\} [1-9]/);
  });

  it('asks the file system of the data folder how full it is', async () => {
    const shown = await lines();
    for (const state of ['free', 'used'])
      expect(shown.join('\n')).toMatch(new RegExp(`mirror_storage_bytes\\{state="${state}"\\} [1-9]`));
    scene.settings = { ...scene.settings, data: `${scene.folder}/gone` };
    expect((await lines()).join('\n')).not.toContain('mirror_storage_bytes{');
  });

  it('counts answers of files and of pages', async () => {
    await request(scene.http).get('/');
    await request(scene.http).get('/absent');
    await request(scene.http).delete('/debian/x');
    expect(await lines()).toEqual(
      expect.arrayContaining([
        'millpond_http_responses_total{road="pages",status="2xx"} 1',
        'millpond_http_responses_total{road="pages",status="4xx"} 1',
        'millpond_http_responses_total{road="files",status="4xx"} 1',
        'millpond_build_info{version="0.1.0"} 1',
      ]),
    );
  });
});
