import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MirrorzSite } from '../../../config/settings.js';
import type { TreeMirror } from '../../../core/mirror.js';
import { NO_NUMBERS } from '../../../core/run.js';
import { NO_LIMITS } from '../../../core/zone.js';
import { isoInfo } from '../../../server/api/isoinfo.js';
import { testMarker } from '../../fixtures/engine.js';
import type { DownloadFile } from '../../../server/downloads/products.js';
import {
  readArchStatus,
  readDisk,
  readIsoInfo,
  readLug,
  readMirrorz,
  readMirrorzStatus,
  readTunasync,
  readYuki,
} from '../../fixtures/format-readers.js';
import { addGeneration, addRun, HOUR, IDLE, makeMirror, MINUTE, NOW, openScene, type Scene } from '../scene.js';

const MIRRORZ: MirrorzSite = {
  ...{ abbr: 'EXAMPLE', logo: null, logoDark: null, homepage: null, issues: null, requests: null },
  ...{
    group: null,
    note: null,
    big: '/debian/ls-lR.gz',
    families: ['v4', 'v6'],
    names: new Map([['arch', 'archlinux']]),
  },
};
const NAMES = ['fresh', 'broken', 'arch', 'paused', 'queued', 'running', 'empty', 'held'];
const S = (at: number): number => Math.floor(at / 1000);

/** A mirror in each of the states that these formats tell apart. */
async function openManyStates(): Promise<Scene> {
  const marker = testMarker('lastupdate', { parser: 'epoch' });
  const mirrors = NAMES.map((name) => makeMirror(name, name === 'arch' ? { marker } : {}));
  const scene = await openScene({ mirrors, site: { mirrorz: MIRRORZ } });
  for (const name of NAMES.filter((each) => each !== 'empty')) {
    addGeneration(scene, name, name === 'arch' ? { markerValue: 'M', markerTime: NOW - 3 * HOUR } : {});
    addRun(scene, name, {
      queuedAt: NOW - 2 * HOUR,
      ...(name === 'arch' ? { markerValue: 'N', markerTime: NOW } : {}),
    });
  }
  addRun(scene, 'broken', { outcome: 'failed', failure: 'disk-full', exitCode: 11 });
  const heldBy = addRun(scene, 'held', { outcome: 'held', exitCode: 0 });
  const base = scene.store.generations.live('held')?.id ?? 0;
  const change = { publishedFiles: 9, deletedFiles: 9, deletedBytes: 9, touchedFiles: 0, shrunk: null };
  const limits = [{ rule: 'max_delete', measured: '100 %', limit: '50 %', sentence: 'Upstream removed all.' }] as const;
  scene.store.held.put({
    ...{ mirror: 'held', runId: heldBy.id, base, slot: 'b', heldAt: NOW, approvedAt: null, numbers: NO_NUMBERS },
    ...{ marker: null, report: { limits, change, folders: [], deleted: [], shrunk: [], lost: [] } },
  });
  scene.store.mirrors.pause('paused', NOW - HOUR, 'disks');
  for (const name of ['fresh', 'broken']) scene.store.mirrors.setNextDue(name, NOW + HOUR);
  const run = addRun(scene, 'queued');
  scene.engine.activities.set('queued', { ...IDLE, queued: { ...run, phase: 'queued', outcome: null }, place: 1 });
  const active = { ...addRun(scene, 'running'), phase: 'pull' as const, outcome: null };
  scene.engine.activities.set('running', { ...IDLE, running: active, lastByteAt: NOW });
  return scene;
}

describe('what other programs read', () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await openManyStates();
  });
  afterEach(() => scene.close());

  async function get(path: string): Promise<unknown> {
    return (await request(scene.http).get(path)).body as unknown;
  }

  it('tunasync reads all states in its words', async () => {
    const rows = readTunasync(await get('/static/tunasync.json'));
    expect(Object.fromEntries(rows.map(({ name, status }) => [name, status]))).toEqual({
      ...{ fresh: 'success', broken: 'failed', arch: 'syncing', paused: 'paused', queued: 'pre-syncing' },
      ...{ running: 'syncing', empty: 'none', held: 'failed' },
    });
    expect(rows.find(({ name }) => name === 'empty')).toMatchObject({ last_update_ts: -62135596800, size: 'unknown' });
  });

  it('MirrorZ reads this server, its mirrors and its endpoint', async () => {
    scene.settings = {
      ...scene.settings,
      zones: new Map([
        ['campus', { name: 'campus', networks: ['128.30.0.0/15', '10.0.0.0/8', '2600:1f18::/32'], limits: NO_LIMITS }],
      ]),
    };
    const { site, mirrors, endpoints } = readMirrorz(await get('/mirrorz.json'));
    expect(site).toMatchObject({
      ...{ url: 'https://mirror.example.edu', abbr: 'EXAMPLE', name: 'Example University Mirror' },
      ...{ email: 'mirror@example.edu', big: '/debian/ls-lR.gz' },
    });
    expect(site['disk']).toMatch(/^[\d.]+ [kMGTP]?B of [\d.]+ [kMGTP]B$/);
    expect(mirrors.map(({ cname }) => cname)).toContain('archlinux');
    const statusOf = (name: string) => {
      const { status } = mirrors.find(({ url }) => url === `/${name}`) ?? {};
      return readMirrorzStatus(status);
    };
    const good = S(NOW - 10 * MINUTE);
    expect(statusOf('fresh')).toEqual({ S: good, X: S(NOW + HOUR) });
    expect(statusOf('broken')).toEqual({ F: good, O: good, X: S(NOW + HOUR) });
    expect(statusOf('arch')).toEqual({ Y: S(NOW - 2 * HOUR), O: good });
    expect(statusOf('paused')).toEqual({ P: S(NOW - HOUR), O: good });
    expect(statusOf('queued')).toEqual({ D: good, O: good });
    expect(statusOf('running')).toEqual({ Y: good, O: good });
    expect(statusOf('empty')).toEqual({ U: null });
    expect(endpoints).toEqual([
      {
        ...{ label: 'example', public: true, resolve: 'mirror.example.edu', filter: ['V4', 'V6', 'SSL'] },
        range: ['128.30.0.0/15', '2600:1f18::/32'],
      },
    ]);
  });

  it('sends nobody to a mirror that only some zones may read', async () => {
    const settingsOf = (read: string[] | null) => {
      const arch = { ...scene.settings.mirrors.get('arch')!, read };
      return { ...scene.settings, mirrors: new Map(scene.settings.mirrors).set('arch', arch) };
    };
    const offered = async () => {
      const { mirrors } = (await get('/mirrorz.json')) as { mirrors: { url: string; disable: boolean }[] };
      const isDisabled = mirrors.find(({ url }) => url === '/arch')?.disable;
      return [isDisabled, readArchStatus(await get('/static/status/arch.json')).length];
    };
    scene.settings = settingsOf(['campus']);
    expect(await offered()).toEqual([true, 0]);
    scene.settings = settingsOf(['campus', 'public']);
    expect(await offered()).toEqual([false, 1]);
  });

  it('MirrorZ finds nothing where the operator has not given a name there', async () => {
    scene.settings = { ...scene.settings, site: { ...scene.settings.site, mirrorz: null } };
    const answer = await request(scene.http).get('/mirrorz.json').set('Accept', 'application/json');
    expect([answer.status, (answer.body as { detail: string }).detail]).toEqual([
      404,
      'This server takes no part in MirrorZ.',
    ]);
  });

  it('isoinfo is empty as long as nobody looks for installers, and groups them by product', async () => {
    expect(readIsoInfo(await get('/static/status/isoinfo.json'))).toEqual([]);
    const file = (version: string, kind: string, name: string): DownloadFile => ({
      ...{ name, path: `/archlinux/iso/${name}`, mirror: 'archlinux', version, arch: 'x86_64', archName: '64-bit PC' },
      ...{ kind, system: null, bytes: 1, changedAt: NOW, sha256: null, sums: null },
    });
    const tool = { ...file('1.0', '', 'tool.zip'), arch: '' };
    const versions = [
      { version: '2026.08.01', files: [file('2026.08.01', 'CLI-only', 'new.iso')] },
      { version: '2026.07.01', files: [file('2026.07.01', '', 'old.iso')] },
    ];
    const info = isoInfo([
      { id: 'arch-linux', name: 'Arch Linux', category: 'os', versions },
      { id: 'tool', name: 'Tool', category: 'app', versions: [{ version: '1.0', files: [tool] }] },
    ]);
    expect(readIsoInfo(JSON.parse(JSON.stringify(info)))).toEqual([
      { distro: 'Arch Linux', names: ['2026.08.01 (x86_64, CLI-only)', '2026.07.01 (x86_64)'] },
      { distro: 'Tool', names: ['1.0'] },
    ]);
  });

  it.each(['/static/status/arch.json', '/mirrorz.json', '/feeds/all.atom'])(
    '%s is kept by no cache where it names the server as this client calls it',
    async (path) => {
      scene.settings = { ...scene.settings, site: { ...scene.settings.site, url: null } };
      const { headers } = await request(scene.http).get(path).set('X-Forwarded-Host', 'other.example.org');
      expect(headers['cache-control']).toBe('no-store');
    },
  );

  it('Yuki reads bytes and seconds, and an exit code that tells good from bad', async () => {
    const metas = readYuki(await get('/api/v1/metas'));
    const of = (name: string) => metas.find((meta) => meta['name'] === name);
    expect(of('fresh')).toMatchObject({ size: 3_400_000_000, exitCode: 0, syncing: false, nextRun: S(NOW + HOUR) });
    expect(of('broken')).toMatchObject({ exitCode: 11, lastSuccess: S(NOW - 10 * MINUTE) });
    expect(of('held')).toMatchObject({ exitCode: -1 });
    expect(of('running')).toMatchObject({ syncing: true });
    expect(of('empty')).toMatchObject({ size: -1, exitCode: -1, lastSuccess: 0, prevRun: 0, nextRun: 0 });
  });

  it('lug reads results and who is at work', async () => {
    const workers = readLug(await get('/lug/v1/manager/summary'));
    expect(workers['fresh']).toEqual({ Result: true, LastFinished: '2026-11-23T12:01:00Z', Idle: true });
    expect(workers['broken']).toMatchObject({ Result: false, Idle: true });
    expect(workers['running']).toMatchObject({ Result: true, Idle: false });
    expect(workers['empty']).toEqual({ Result: false, LastFinished: '0001-01-01T00:00:00Z', Idle: true });
  });

  it('readers of the status of Arch Linux find its mirror and nothing else', async () => {
    const urls = readArchStatus(await get('/static/status/arch.json'));
    expect(urls).toMatchObject([
      {
        ...{ url: 'https://mirror.example.edu/arch/', protocol: 'https', last_sync: '2026-11-23T11:00:00Z' },
        ...{ completion_pct: 1, delay: 3 * 3600, score: 3, active: true, ipv6: true },
      },
    ]);
  });

  it('front ends of tunasync read how full the disk is', async () => {
    expect(readDisk(await get('/static/status/disk.json')).total).toBeGreaterThan(0);
  });

  it.each([
    ...['/static/tunasync.json', '/mirrorz.json', '/static/status/isoinfo.json', '/api/v1/metas', '/api/v1/mirrors'],
    ...['/lug/v1/manager/summary', '/static/status/arch.json', '/status.json', '/status.txt', '/feeds/all.atom'],
    ...['/feeds/fresh.atom', '/status/fresh/badge.json'],
  ])('%s is kept for 15 s, has an ETag, and is 304 until something changes', async (path) => {
    const first = await request(scene.http).get(path);
    expect(first.status).toBe(200);
    expect(first.headers).toMatchObject({
      'cache-control': 'max-age=15, stale-while-revalidate=60',
      etag: expect.stringMatching(/^"[\w-]+"$/) as string,
    });
    const etag = first.headers['etag'] ?? '';
    const again = () => request(scene.http).get(path).set('If-None-Match', etag);
    const second = await again();
    expect([second.status, second.text]).toEqual([304, '']);
    if (path.includes('isoinfo')) return;
    addRun(scene, 'fresh', { outcome: 'failed', failure: 'local', queuedAt: NOW - MINUTE });
    addGeneration(scene, 'fresh', { state: 'previous' });
    if (path.includes('arch')) scene.store.mirrors.pause('arch', NOW, 'disks');
    expect((await again()).status).toBe(200);
  });

  it('HEAD gives the same header fields and no body', async () => {
    const [get, head] = await Promise.all([
      request(scene.http).get('/static/tunasync.json'),
      request(scene.http).head('/static/tunasync.json'),
    ]);
    for (const field of ['etag', 'content-length', 'content-type'])
      expect(head.headers[field]).toBe(get.headers[field]);
  });

  it('tells none of them which internal hosts mirrors come from', async () => {
    const internal: Partial<TreeMirror> = { upstreams: ['rsync://10.1.2.3/pub/', 'rsync://core-1/pub/'] };
    scene.settings = {
      ...scene.settings,
      mirrors: new Map([['fresh', makeMirror('fresh', internal)]]),
    };
    for (const path of [
      '/static/tunasync.json',
      '/mirrorz.json',
      '/api/v1/metas',
      '/status',
      '/status/fresh',
      '/status.json',
    ]) {
      const { text } = await request(scene.http).get(path);
      expect(text, path).toContain('rsync://(internal address)/pub/');
      expect(text, path).not.toMatch(/10\.1\.2\.3|core-1/);
    }
  });
});
