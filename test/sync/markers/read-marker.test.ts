import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parseUpstream } from '../../../core/upstream.js';
import { WebFiles } from '../../../platform/web-files.js';
import { readDirectMarker, readWebMarker, type MarkerReader } from '../../../sync/markers/read-marker.js';
import { source } from '../../../sync/upstreams/rsync/kind.js';
import type { UpstreamRequest } from '../../../sync/upstreams/tree-upstream.js';
import { testMarker, testMirror } from '../../fixtures/engine.js';
import { startDaemon } from '../../fixtures/rsync-daemon.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { writeTree } from '../../fixtures/tree.js';
import { startWebServer } from '../upstreams/oci/registry-scene.js';

interface Scene {
  readonly up: string;
  readonly request: UpstreamRequest;
  readonly reader: MarkerReader;
}

/** An upstream that is a daemon, or nothing where `url` is given. */
async function scene(files: Readonly<Record<string, string>>): Promise<Scene> {
  const folder = await tempFolder();
  const up = join(folder, 'up');
  writeTree(up, files);
  const daemon = await startDaemon({ modules: { pond: up } });
  const web = new WebFiles();
  onTestFinished(async () => {
    await web.close();
    await daemon.stop();
  });
  const url = daemon.url('pond');
  const request = {
    mirror: testMirror({ name: 'pond', upstreams: [url] }),
    upstream: parseUpstream(url),
    signal: new AbortController().signal,
    env: {},
    knownHosts: join(folder, 'known_hosts'),
    onLine: () => undefined,
  };
  return { up, request, reader: { source, web, folder: join(folder, 'probe') } };
}

describe('readDirectMarker', () => {
  test('takes the first candidate that is there', async () => {
    const { request, reader } = await scene({ '.trace/ubuntu-b': 'Fri Jan 19 20:15:01 UTC 2018\n', '.trace/c': 'x' });
    const rule = testMarker('', { paths: ['.trace/ubuntu-a', '.trace/ubuntu-b', '.trace/c'], parser: 'date' });
    expect(await readDirectMarker(rule, request, reader)).toEqual({
      ok: true,
      marker: { value: 'Fri Jan 19 20:15:01 UTC 2018', time: Date.UTC(2018, 0, 19, 20, 15, 1) },
      at: '.trace/ubuntu-b',
    });
  });

  test('has none where no candidate is there', async () => {
    const { request, reader } = await scene({ a: '1' });
    const rule = testMarker('', { paths: ['b', 'c/d'] });
    expect(await readDirectMarker(rule, request, reader)).toEqual({ ok: true, marker: null, at: 'b, c/d' });
  });

  test('asks only when a file was changed, however large it is', async () => {
    const { up, request, reader } = await scene({ 'pub/list-1': 'x'.repeat(2 ** 21), 'pub/list-10': 'y' });
    const time = Date.UTC(2026, 10, 25, 12, 0, 1);
    utimesSync(join(up, 'pub/list-1'), time / 1000, time / 1000);
    const rule = testMarker('pub/list-1', { parser: 'last-modified' });
    const marker = { value: new Date(time).toISOString(), time };
    expect(await readDirectMarker(rule, request, reader)).toEqual({ ok: true, marker, at: 'pub/list-1' });
    const none = testMarker('none/list', { parser: 'last-modified' });
    expect(await readDirectMarker(none, request, reader)).toMatchObject({ ok: true, marker: null });
  });

  test('reads over HTTP where the rule says so: a folder, or the very file', async () => {
    const server = await startWebServer(({ url }, response) => {
      if (url === '/debian/TIME') response.end('1516392227\n');
      else if (url === '/rest?project=a') response.end('1516392228\n');
      else response.writeHead(404).end();
    });
    const { request, reader } = await scene({});
    const rule = (url: string) => testMarker('', { paths: ['NONE', 'TIME'], parser: 'epoch', url });
    expect(await readDirectMarker(rule(`${server.url}/debian/`), request, reader)).toMatchObject({
      marker: { time: 1516392227000 },
      at: `${server.url}/debian/TIME`,
    });
    expect(await readDirectMarker(rule(`${server.url}/rest?project=a`), request, reader)).toMatchObject({
      marker: { time: 1516392228000 },
    });
    expect(await readDirectMarker(rule(`${server.url}/x/`), request, reader)).toMatchObject({ ok: true, marker: null });
  });

  test('tells why an upstream cannot be asked', async () => {
    const { request, reader } = await scene({});
    const missing = { ...request, upstream: parseUpstream(request.upstream.rsync.replace('/pond/', '/none/')) };
    for (const parser of ['text', 'last-modified'] as const) {
      const result = await readDirectMarker(testMarker('x', { parser }), missing, reader);
      expect(result).toMatchObject({ ok: false, failure: 'refused' });
    }
  });
});

describe('readWebMarker', () => {
  test('has the same value for a time as rsync has', async () => {
    const server = await startWebServer((_, response) => {
      response.setHeader('last-modified', 'Wed, 25 Nov 2026 12:00:01 GMT').end('x');
    });
    const { up, request, reader } = await scene({ list: 'x' });
    utimesSync(join(up, 'list'), 1_795_608_001, Date.UTC(2026, 10, 25, 12, 0, 1) / 1000);
    const rule = testMarker('list', { parser: 'last-modified' });
    const direct = await readDirectMarker(rule, request, reader);
    const origin = await readWebMarker(rule, `${server.url}/`, { web: reader.web, signal: request.signal });
    expect(origin).toMatchObject({ marker: direct.ok ? direct.marker : undefined });
    expect(server.asked).toMatchObject([{ method: 'HEAD', url: '/list' }]);
  });

  test('fails where nothing tells when the file was changed, and where nobody answers', async () => {
    const server = await startWebServer((_, response) => void response.end('x'));
    const { reader, request } = await scene({});
    const how = { web: reader.web, signal: request.signal };
    const rule = testMarker('list', { parser: 'last-modified' });
    expect(await readWebMarker(rule, `${server.url}/`, how)).toMatchObject({
      ok: false,
      message: `Nothing tells when ${server.url}/list was changed.`,
    });
    expect(await readWebMarker(testMarker('x'), 'http://127.0.0.1:1/', how)).toMatchObject({
      ok: false,
      failure: 'connect',
    });
  });
});
