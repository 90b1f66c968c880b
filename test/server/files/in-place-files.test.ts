import { renameSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { ask, FILE_TIME, openBelow, startSite, type Site } from './site.js';

const LARGE = 200_000;

/** A mirror that is published in place, with these files; they were changed long ago by `clock`. */
async function startInPlace(
  files: Record<string, string | Buffer>,
  options: Parameters<typeof startSite>[0] = {},
): Promise<Site> {
  const site = await startSite({ inPlace: true, clock: () => Date.now() + 10_000, ...options });
  for (const [path, content] of Object.entries(files)) site.write('a', path, content);
  site.publish('a');
  return site;
}

/** Writes into the file itself, and gives it the time that it had. */
function overwrite(site: Site, path: string, content: string): void {
  const file = join(site.slot('a'), path);
  writeFileSync(file, content);
  utimesSync(file, FILE_TIME / 1000, FILE_TIME / 1000);
}

/** Puts another file in its place, of the same time, as rsync does. */
function replace(site: Site, path: string, content: string | Buffer): void {
  const fresh = site.write('a', join(dirname(path), '.fresh'), content);
  renameSync(fresh, join(site.slot('a'), path));
}

describe('files of a tree that is changed in place', () => {
  test('are opened once as long as they are the same', async () => {
    const site = await startInPlace({ small: 'first', large: Buffer.alloc(LARGE, 1) });
    await ask(site, '/debian/small');
    await ask(site, '/debian/large');
    const open = openBelow(site.folder);
    expect(open).toHaveLength(2);
    expect((await ask(site, '/debian/small')).text).toBe('first');
    expect((await ask(site, '/debian/large')).body.equals(Buffer.alloc(LARGE, 1))).toBe(true);
    expect((await ask(site, '/debian/large', { headers: { Range: 'bytes=-3' } })).body).toEqual(Buffer.alloc(3, 1));
    expect(openBelow(site.folder)).toEqual(open);
  });

  test('are looked for anew when another has their place, of the same size and time', async () => {
    const site = await startInPlace({ 'dists/small': 'first', 'dists/large': Buffer.alloc(LARGE, 1) });
    await ask(site, '/debian/dists/small');
    await ask(site, '/debian/dists/large');
    replace(site, 'dists/small', 'other');
    replace(site, 'dists/large', Buffer.alloc(LARGE, 2));
    expect((await ask(site, '/debian/dists/small')).text).toBe('other');
    expect((await ask(site, '/debian/dists/large')).body.equals(Buffer.alloc(LARGE, 2))).toBe(true);
  });

  test('are looked for anew when they were written into, with the same size and time', async () => {
    const site = await startInPlace({ file: 'first' });
    await ask(site, '/debian/file');
    overwrite(site, 'file', 'other');
    expect((await ask(site, '/debian/file')).text).toBe('other');
  });

  test('are sent as long as they are when they were cut', async () => {
    const site = await startInPlace({ small: 'first', large: Buffer.alloc(LARGE, 1) });
    for (const path of ['small', 'large']) {
      await ask(site, `/debian/${path}`);
      truncateSync(join(site.slot('a'), path), 3);
      const { status, body, headers } = await ask(site, `/debian/${path}`);
      expect([status, body.length, headers['content-length']]).toEqual([200, 3, '3']);
    }
  });

  test('are not there when they were removed, and are again when they come back', async () => {
    const site = await startInPlace({ file: 'first' });
    await ask(site, '/debian/file');
    rmSync(join(site.slot('a'), 'file'));
    expect((await ask(site, '/debian/file')).status).toBe(404);
    site.write('a', 'file', 'again');
    expect((await ask(site, '/debian/file')).text).toBe('again');
  });

  test('are not served from where their folder was moved to, though a link leads there', async () => {
    const site = await startInPlace({ 'pool/file': 'first' });
    await ask(site, '/debian/pool/file');
    const outside = join(site.folder, 'outside');
    renameSync(join(site.slot('a'), 'pool'), outside);
    symlinkSync(outside, join(site.slot('a'), 'pool'));
    expect((await ask(site, '/debian/pool/file')).status).toBe(404);
    await vi.waitFor(() => expect(openBelow(site.folder)).toEqual([]));
  });

  test('are not remembered within two seconds of a change: another one may bear the same time', async () => {
    const site = await startInPlace({ file: 'first' }, { clock: () => Date.now() });
    expect((await ask(site, '/debian/file')).text).toBe('first');
    await vi.waitFor(() => expect(openBelow(site.folder)).toEqual([]));
    overwrite(site, 'file', 'other');
    expect((await ask(site, '/debian/file')).text).toBe('other');
  });

  test('are not remembered by a path with links in it', async () => {
    const site = await startInPlace({ 'pool/file': 'first' });
    symlinkSync('pool', join(site.slot('a'), 'stable'));
    symlinkSync('pool/file', join(site.slot('a'), 'latest'));
    for (const path of ['stable/file', 'latest']) expect((await ask(site, `/debian/${path}`)).text).toBe('first');
    await vi.waitFor(() => expect(openBelow(site.folder)).toEqual([]));
  });

  test('of the future are not remembered: the time that is told of them grows with the clock', async () => {
    const site = await startInPlace({ file: 'first' });
    utimesSync(join(site.slot('a'), 'file'), Date.now() / 1000 + 3600, Date.now() / 1000 + 3600);
    await ask(site, '/debian/file');
    await vi.waitFor(() => expect(openBelow(site.folder)).toEqual([]));
  });

  test('are no more than may be open, and closed when another tree is published', async () => {
    const names = Array.from({ length: 10 }, (_, index) => `file-${index}`);
    const files = Object.fromEntries(names.map((name) => [name, name]));
    const site = await startInPlace(files, { cacheLimits: { openFiles: 3 } });
    for (const name of [...names, ...names]) expect((await ask(site, `/debian/${name}`)).text).toBe(name);
    await vi.waitFor(() => expect(openBelow(site.folder)).toHaveLength(3));
    site.publish('b');
    await vi.waitFor(() => expect(openBelow(site.folder)).toEqual([]));
    expect((await ask(site, '/debian/file-9')).status).toBe(404);
  });

  test('are described anew when there is more to say of them', async () => {
    let digest = 'none';
    let changed: ((mirror: string, segments: readonly string[]) => void) | undefined;
    const extraHeaders = {
      of: () => ['X-Digest', digest],
      onChange: (listener: NonNullable<typeof changed>) => void (changed = listener),
    };
    const site = await startInPlace({ file: 'first' }, { extraHeaders });
    expect((await ask(site, '/debian/file')).headers['x-digest']).toBe('none');
    digest = 'known';
    changed?.('debian', ['file']);
    expect((await ask(site, '/debian/file')).headers['x-digest']).toBe('known');
  });

  test('are sent whole to all who ask at the same time, while they are replaced', async () => {
    const site = await startInPlace({ large: Buffer.alloc(LARGE, 0) });
    for (let round = 1; round <= 20; round++) {
      const asked = Array.from({ length: 8 }, () => ask(site, '/debian/large'));
      replace(site, 'large', Buffer.alloc(LARGE, round));
      for (const { status, body } of await Promise.all(asked)) {
        expect([status, body.length]).toEqual([200, LARGE]);
        expect(body.equals(Buffer.alloc(LARGE, body[0]))).toBe(true);
      }
      expect((await ask(site, '/debian/large')).body[0]).toBe(round);
    }
  });
});
